"""The true answers as columns, in the order of the items: what every scorer reads."""

from collections.abc import Sequence
from typing import Literal

import attrs
import numpy as np
from numpy.typing import NDArray

Task = Literal["classify", "detect", "alarm", "value"]


@attrs.frozen(kw_only=True, eq=False)
class ClassTruth:
    """Classes of pieces.

    Attributes
    ----------
    ids
        n names, in item order.
    classes
        Every class that occurs, sorted.
    code
        Shape (n,): index into `classes`.
    cluster
        Shape (n,): pieces with one number belong together; None when nothing was declared.

    """

    ids: tuple[str, ...]
    classes: tuple[str, ...]
    code: NDArray[np.int32]
    cluster: NDArray[np.int64] | None


@attrs.frozen(kw_only=True, eq=False)
class BoxTruth:
    """True boxes of pieces, sorted by piece.

    Attributes
    ----------
    ids, classes, cluster
        As in `ClassTruth`.
    piece
        Shape (m,): index into `ids`, ascending.
    box
        Shape (m, 4): x1, y1, x2, y2 in pixels.
    code
        Shape (m,): index into `classes`.

    """

    ids: tuple[str, ...]
    classes: tuple[str, ...]
    piece: NDArray[np.int64]
    box: NDArray[np.float64]
    code: NDArray[np.int32]
    cluster: NDArray[np.int64] | None


@attrs.frozen(kw_only=True, eq=False)
class StepTruth:
    """Steps of series in the order of time; each series in one piece.

    Attributes
    ----------
    ids
        n names, in item order.
    series
        Shape (n,): number of the series.
    event
        Shape (n,): number of the outbreak that the step belongs to, -1 when quiet. Numbers are
        unique over all series.
    cluster
        Shape (n,): series that belong together; the series itself when nothing was declared.

    """

    ids: tuple[str, ...]
    series: NDArray[np.int64]
    event: NDArray[np.int64]
    cluster: NDArray[np.int64]


@attrs.frozen(kw_only=True, eq=False)
class ValueTruth:
    """True numbers of pieces, shape (n,); the rest as in `ClassTruth`."""

    ids: tuple[str, ...]
    value: NDArray[np.float64]
    cluster: NDArray[np.int64] | None


Truth = ClassTruth | BoxTruth | StepTruth | ValueTruth


def codes(names: Sequence[object]) -> NDArray[np.int64]:
    """Give each name a number, in the order in which they first occur."""
    known: dict[object, int] = {}
    count = len(names)
    return np.fromiter((known.setdefault(n, len(known)) for n in names), np.int64, count)


def class_codes(labels: Sequence[str], *, classes: Sequence[str]) -> NDArray[np.int32]:
    """Return the index of each label in `classes`, -1 for a class that does not occur there."""
    index = {name: code for code, name in enumerate(classes)}
    return np.fromiter((index.get(n, -1) for n in labels), np.int32, len(labels))
