"""From decisions to the few alarms that a bureau can follow up.

With 2,400 series an alpha of 1 % means 24 false alarms a week. A budget is set instead: a false
discovery rate, or a number of alarms a week.
"""

from collections.abc import Sequence
from typing import Final, Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from liudu.contract import Refusal
from liudu.outbreak.detectors import Detection, Flag, Law

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Rule = Literal["alpha", "fdr", "count"]
DAYS_PER_WEEK: Final = 7
NEVER: Final = -(10**9)  # weeks ago


class BudgetRangeError(Refusal):
    """A budget lies outside what it can be."""

    en = "A budget of {rule} = {value} is impossible: {wanted}."
    zh = "预算 {rule} = {value} 无法成立：{wanted_zh}。"


@attrs.frozen(kw_only=True)
class Budget:
    """How alarms are chosen each week.

    Attributes
    ----------
    rule
        ``alpha``: every p up to `value`. ``fdr``: Benjamini-Hochberg (1995) at `value` over all
        series of the week. ``count``: the `value` smallest p of the week, none above `alpha_max`.
    alpha_max
        For ``count``: a p above it is never an alarm, however quiet the week.

    """

    rule: Rule = "alpha"
    value: float = 0.01
    alpha_max: float = 0.05

    def __attrs_post_init__(self) -> None:
        if self.rule == "count" and not (self.value >= 0 and self.value == int(self.value)):
            raise BudgetRangeError(
                rule=self.rule, value=self.value, wanted="a whole number, 0 or more",
                wanted_zh="应为 0 或正整数",
            )  # fmt: skip
        if self.rule != "count" and not 0.0 < self.value < 1.0:
            raise BudgetRangeError(
                rule=self.rule, value=self.value, wanted="between 0 and 1, e.g. 0.05",
                wanted_zh="应在 0 与 1 之间，例如 0.05",
            )  # fmt: skip


def benjamini_hochberg(p_value: Floats, *, rate: float) -> float:
    """Return the largest p that is rejected at a false discovery rate; 0 if none is.

    NaN is no test and does not count.
    """
    p = np.sort(p_value[np.isfinite(p_value)])
    passed = p <= rate * np.arange(1, p.size + 1) / max(p.size, 1)
    return float(p[passed.nonzero()[0][-1]]) if passed.any() else 0.0


def thresholds(detection: Detection, *, budget: Budget) -> Floats:
    """Return for each evaluated week the largest p that alarms; 0 where none does."""
    weeks = detection.observed.shape[1]
    if budget.rule == "alpha":
        return np.full(weeks, budget.value)
    p_value = _testable(detection)
    if budget.rule == "fdr":
        return np.array(
            [benjamini_hochberg(p_value[:, week], rate=budget.value) for week in range(weeks)]
        )
    return np.array([_smallest(p_value[:, week], budget=budget) for week in range(weeks)])


def _testable(detection: Detection) -> Floats:
    """Return the p-values that a budget may spend: not those withheld, nor those under a limit."""
    closed = (detection.flags & (Flag.WITHHELD | Flag.FIXED)) != 0
    closed |= (detection.law == Law.LIMIT) | ~(detection.observed > 0)
    return np.where(closed & np.isfinite(detection.p_value), 1.0, detection.p_value)


def _smallest(p_value: Floats, *, budget: Budget) -> float:
    """Return the p of the last alarm within the number; ties at the edge are all left out."""
    p = np.sort(p_value[p_value <= budget.alpha_max])
    number = int(budget.value)
    if number == 0 or p.size == 0:
        return 0.0
    if p.size <= number:
        return float(p[-1])
    within = p[:number][p[:number] < p[number]]
    return float(within[-1]) if within.size else 0.0


def alarms(
    detection: Detection, *, budget: Budget, quiet_days: int = 0, fixed: Bools | None = None
) -> Bools:
    """Return the alarms (series x evaluated weeks).

    Parameters
    ----------
    detection
        Decisions.
    budget
        How many may be raised.
    quiet_days
        A series that has alarmed does not alarm again within so many days; the weeks in between
        must be evaluated for it to be known. A fixed rule always alarms.
    fixed
        Cells that a fixed rule raises, see `fixed_rule`; they are not charged to the budget.

    """
    limit = thresholds(detection, budget=budget)
    with np.errstate(invalid="ignore"):
        chosen = (detection.p_value <= limit) & (detection.law != Law.LIMIT) & (limit > 0)
        chosen |= (detection.law == Law.LIMIT) & (detection.observed > detection.limit)
        chosen &= (detection.observed > 0) & ((detection.flags & Flag.WITHHELD) == 0)
    chosen = np.asarray(chosen)
    if quiet_days:
        chosen = _without_repeats(chosen, at=detection.at, quiet_days=quiet_days)
    return np.asarray(chosen if fixed is None else chosen | fixed)


def _without_repeats(chosen: Bools, *, at: NDArray[np.int64], quiet_days: int) -> Bools:
    kept = np.zeros_like(chosen)
    last = np.full(chosen.shape[0], NEVER)
    for week in np.argsort(at):
        free = (at[week] - last) * DAYS_PER_WEEK > quiet_days
        kept[:, week] = chosen[:, week] & free
        last = np.where(kept[:, week], at[week], last)
    return kept


def fixed_rule(
    counts: Floats, *, at: Sequence[int] | NDArray[np.int64], cases: int = 1, weeks: int = 1
) -> Bools:
    """Return where a fixed rule raises: at least `cases` within `weeks`, the week included.

    One case of plague or cholera is an alarm, whatever was expected. The evaluated week itself
    must hold a case, so that one case is raised once.
    """
    known = np.nan_to_num(np.asarray(counts, np.float64))
    total = np.cumsum(known, axis=1)
    weeks_at = np.asarray(at, np.int64)
    start = weeks_at - weeks
    before = np.where(start >= 0, total[:, np.maximum(start, 0)], 0.0)
    return np.asarray((total[:, weeks_at] - before >= cases) & (known[:, weeks_at] > 0))


def ranking(detection: Detection, *, raised: Bools, week: int) -> NDArray[np.int64]:
    """Return the rows that alarm in an evaluated week, most unusual first.

    By p, then by the number of standard deviations above what was expected, for p can underflow;
    rows without a p-value, which only a fixed rule or a limit raises, come first.
    """
    rows = np.nonzero(raised[:, week])[0]
    p = np.nan_to_num(detection.p_value[rows, week], nan=-1.0)
    excess = detection.observed[rows, week] - np.nan_to_num(detection.expected[rows, week])
    sd = np.sqrt(np.maximum(np.nan_to_num(detection.expected[rows, week]), 0.0) + 1.0)
    return np.asarray(rows[np.lexsort((rows, -excess / sd, p))])
