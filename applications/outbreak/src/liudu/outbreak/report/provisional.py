"""Weeks that may still grow: what a nowcast expects of them, read from its table."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs
import polars as pl

from liudu.contract import Refusal

TIME, MEDIAN = "time", "median"
WANTED: Final = (TIME, MEDIAN)


class NotANowcastError(Refusal):
    """A file is no table of a nowcast."""

    en = "{file} is no nowcast ({found}). It has a row for each series and week, with {wanted}."
    zh = "{file} 不是补报预测表（{found}）。每个序列每周一行，须有 {wanted} 列。"


@attrs.frozen(kw_only=True)
class Projection:
    """What is expected once all reports are in.

    Attributes
    ----------
    weeks
        Names of the provisional weeks.
    medians
        Values of the series and the week → median count.

    """

    weeks: frozenset[str] = frozenset()
    medians: Mapping[tuple[tuple[str, ...], str], float] = attrs.field(factory=dict)

    def last_weeks(self, labels: Sequence[str]) -> int:
        """Return how many of the last weeks are provisional: from the first one named on."""
        first = next((place for place, name in enumerate(labels) if name in self.weeks), None)
        return 0 if first is None else len(labels) - first


def read_projection(path: Path, *, columns: Sequence[str]) -> Projection:
    """Read the rows that a nowcast of the same series wrote.

    Raises
    ------
    NotANowcastError

    """
    wanted = (*columns, *WANTED)
    try:
        frame = pl.read_csv(path, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise NotANowcastError(
            file=path.name, found=type(error).__name__, wanted=", ".join(wanted)
        ) from error
    missing = [name for name in wanted if name not in frame.columns]
    medians = frame[MEDIAN].cast(pl.Float64, strict=False) if not missing else pl.Series([None])
    if missing or medians.null_count():
        found = ", ".join(missing) or f"{MEDIAN}: {medians.null_count()} ?"
        raise NotANowcastError(file=path.name, found=found, wanted=", ".join(wanted))
    keys = frame.select(columns).rows() if columns else [()] * frame.height
    names = frame[TIME].to_list()
    return Projection(
        weeks=frozenset(names),
        medians={
            (tuple(key), name): float(value)
            for key, name, value in zip(keys, names, medians, strict=True)
        },
    )
