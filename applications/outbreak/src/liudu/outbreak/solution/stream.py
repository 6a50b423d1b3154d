"""Answer the steps of many series, one at a time, from what has been shown so far.

This module and the detectors are copied into the bundle; they need Python, numpy, scipy, numba
and attrs, and nothing else of ours. Each step is decided as it comes, so that a trial with a
window of one never shows the future.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TextIO

import attrs
import numpy as np
from numpy.typing import NDArray

from liudu.outbreak.detectors import Flag, detect

Floats = NDArray[np.float64]

COUNT_NAMES: Final = ("count", "cases", "observed", "病例数")
HISTORY_WEEKS_MAX: Final = 1100  # 21 years: more than any detector looks back
CAPACITY_FIRST: Final = 64


@attrs.frozen(kw_only=True)
class Settings:
    """How the bundle decides; written by `liudu.outbreak.pack`.

    Attributes
    ----------
    detector, options
        A key of `DETECTORS` and its own keyword arguments.
    alpha
        Largest p that alarms.
    year_weeks
        Steps in a year.

    """

    detector: str
    alpha: float
    year_weeks: float
    options: Mapping[str, Any] = attrs.field(factory=dict)

    @classmethod
    def read(cls, path: Path) -> "Settings":
        """Read what `pack` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


@attrs.define
class _History:
    """The counts of one series so far; room doubles, so that a step costs the same at the end."""

    counts: Floats = attrs.field(factory=lambda: np.full((1, CAPACITY_FIRST), np.nan))
    size: int = 0

    def append(self, count: float) -> Floats:
        if self.size == self.counts.shape[1]:
            if self.size >= 2 * HISTORY_WEEKS_MAX:
                self.counts[:, :HISTORY_WEEKS_MAX] = self.counts[:, -HISTORY_WEEKS_MAX:]
                self.size = HISTORY_WEEKS_MAX
            else:
                self.counts = np.hstack([self.counts, np.full_like(self.counts, np.nan)])
        self.counts[0, self.size] = count
        self.size += 1
        return self.counts[:, : self.size]


class Watcher:
    """Decides steps; remembers the steps of each series that it was shown, and nothing else."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._histories: dict[str, _History] = {}

    def compile(self) -> None:
        """Run every kernel once, so that no step waits for the compiler."""
        counts = np.ones((1, 6 * 53))
        self._decide(counts)
        self._decide(counts[:, :60])
        self._decide(counts[:, :8])

    def answer(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Return the prediction line for one step; a count that is not known never alarms."""
        data = item.get("data") or {}
        count = _count(data)
        series = str(data.get("series", ""))
        if data.get("step") == 0:  # the series begins: a rehearsal under the same name is over
            self._histories.pop(series, None)
        history = self._histories.setdefault(series, _History()).append(count)
        alarm, score = self._decide(history)
        return {"id": item["id"], "alarm": alarm, "score": score}

    def _decide(self, counts: Floats) -> tuple[bool, float]:
        set_ = self._settings
        found = detect(
            counts,
            at=[counts.shape[1] - 1],
            name=set_.detector,
            options=set_.options,
            year_weeks=set_.year_weeks,
        )
        unknown = found.flags[0, 0] & (Flag.MISSING | Flag.TOO_SHORT)
        if unknown:
            return False, 0.0
        return bool(found.alarms(alpha=set_.alpha)[0, 0]), _score(float(found.score[0, 0]))


def _count(data: Mapping[str, Any]) -> float:
    """Return the step's count, NaN where it is missing or is none."""
    value = next((data[name] for name in COUNT_NAMES if name in data), None)
    try:
        count = np.nan if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return np.nan
    return count if np.isfinite(count) and count >= 0 else np.nan


def _score(score: float) -> float:
    """Return the score in [0, 1], in the same order: s / (1 + s) for what is above zero."""
    if not np.isfinite(score):
        return 1.0 if score == np.inf else 0.0
    return round((1.0 + score / (1.0 + abs(score))) / 2.0, 9)


def serve(settings: Settings, *, lines: TextIO, answers: TextIO) -> int:
    """Answer line by line until ``end``; a line that cannot be read is named on standard error."""
    watcher = Watcher(settings)
    watcher.compile()
    for line in lines:
        message = json.loads(line)
        if message["op"] == "end":
            return 0
        answers.write(json.dumps(watcher.answer(message), ensure_ascii=False) + "\n")
        answers.flush()
    sys.stderr.write("the input ended without an end message\n")
    return 1
