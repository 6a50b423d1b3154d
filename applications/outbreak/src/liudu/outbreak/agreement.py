"""Our Farrington Flexible beside the decisions of a reference program."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import numpy as np
import polars as pl
from numpy.typing import NDArray

from liudu.contract import Refusal
from liudu.outbreak.detectors import Detection, farrington

Floats = NDArray[np.float64]

KEY: Final = ("dataset", "scenario", "replicate")
WEEK, OBSERVED, ALARM = "week", "observed", "alarm"
COMPARED: Final = ("upperbound", "expected", "pvalue", "phi")
SMALL_COUNT: Final = 1e-3  # expected counts below it are compared as if they were it


class NotAReferenceError(Refusal):
    """The file does not hold reference decisions."""

    en = "{file} holds no reference decisions ({found}). Wanted columns: {wanted}."
    zh = "{file} 不是参照判定文件（{found}）。需要的列：{wanted}。"


class UnevenSeriesError(Refusal):
    """The series of the reference do not have the same weeks."""

    en = "Series {series} of {file} does not have the weeks 1 to {weeks}, each once."
    zh = "{file} 中的序列 {series} 没有完整的第 1 至 {weeks} 周（每周一行）。"


@attrs.frozen(kw_only=True)
class Disagreement:
    """One week that the two decide differently."""

    series: tuple[str, ...]
    week: int
    observed: float
    ours: bool
    reference: bool
    p_value: float
    reference_p_value: float


@attrs.frozen(kw_only=True)
class Agreement:
    """How far two programs agree.

    Attributes
    ----------
    largest
        Largest differences: expected and phi relative, p absolute over weeks with a case, bound
        in cases.

    """

    series: int
    decisions: int
    alarms: int
    reference_alarms: int
    disagreements: tuple[Disagreement, ...]
    largest: Mapping[str, float]

    @property
    def share(self) -> float:
        """The share of decisions that are the same."""
        return 1.0 - len(self.disagreements) / self.decisions

    def to_json(self) -> dict[str, Any]:
        """Return the answer for machines."""
        return {
            "series": self.series,
            "decisions": self.decisions,
            "alarms": self.alarms,
            "reference_alarms": self.reference_alarms,
            "disagreements": len(self.disagreements),
            "agreement": self.share,
            "largest_differences": dict(self.largest),
            "cases": [attrs.asdict(case) for case in self.disagreements],
        }


def read_reference(path: Path) -> tuple[tuple[tuple[str, ...], ...], dict[str, Floats]]:
    """Read reference decisions, plain or compressed with gzip.

    Returns
    -------
    tuple
        Keys of the series, and per column an array series x weeks, NaN where empty.

    Raises
    ------
    NotAReferenceError, UnevenSeriesError

    """
    wanted = (*KEY, WEEK, OBSERVED, ALARM, *COMPARED)
    try:
        frame = pl.read_csv(path, infer_schema=False, null_values=["", "NA"])
    except (OSError, pl.exceptions.PolarsError) as error:
        raise NotAReferenceError(
            file=path.name, found=type(error).__name__, wanted=", ".join(wanted)
        ) from error
    missing = [column for column in wanted if column not in frame.columns]
    if missing or frame.is_empty():
        found = f"no {', '.join(missing)}" if missing else "empty"
        raise NotAReferenceError(file=path.name, found=found, wanted=", ".join(wanted))
    numbers = [pl.col(column).cast(pl.Float64, strict=False) for column in wanted[len(KEY) :]]
    frame = frame.with_columns(numbers).sort([*KEY, WEEK], maintain_order=True)
    keys = frame.select(KEY).unique(maintain_order=True).rows()
    weeks = frame.height // len(keys)
    week = frame[WEEK].to_numpy()
    if week.size != weeks * len(keys):
        raise UnevenSeriesError(series="–", file=path.name, weeks=weeks)
    uneven = (week.reshape(-1, weeks) != np.arange(1, weeks + 1)).any(axis=1)
    if uneven.any():
        series = "/".join(keys[int(uneven.argmax())])
        raise UnevenSeriesError(series=series, file=path.name, weeks=weeks)
    columns = {name: frame[name].to_numpy().reshape(-1, weeks) for name in wanted[len(KEY) :]}
    return tuple(keys), columns


def agree(path: Path, *, alpha: float = 0.01, year_weeks: float = 52.0) -> Agreement:
    """Decide every week that the reference decided, and compare.

    The reference is farringtonFlexible with b = 5, w = 3, 10 periods, 26 weeks left out, threshold
    2.58, nbPlugin, the trend always kept and no minimum of cases.

    Raises
    ------
    NotAReferenceError, UnevenSeriesError

    """
    keys, columns = read_reference(path)
    decided = np.isfinite(columns[ALARM])
    if not decided.any():
        raise NotAReferenceError(file=path.name, found="no decision", wanted=ALARM)
    at = np.nonzero(decided.any(axis=0))[0]
    found = farrington(columns[OBSERVED], at=at, year_weeks=year_weeks, alpha=alpha, cases_min=0)
    reference = {name: columns[name][:, at] for name in (ALARM, *COMPARED)}
    return _compared(found, reference, keys=keys, alpha=alpha)


def _compared(
    found: Detection,
    reference: Mapping[str, Floats],
    *,
    keys: tuple[tuple[str, ...], ...],
    alpha: float,
) -> Agreement:
    decided = np.isfinite(reference[ALARM])
    ours = found.alarms(alpha=alpha)
    theirs = reference[ALARM] > 0
    different = np.argwhere((ours != theirs) & decided)
    return Agreement(
        series=len(keys),
        decisions=int(decided.sum()),
        alarms=int((ours & decided).sum()),
        reference_alarms=int((theirs & decided).sum()),
        disagreements=tuple(
            Disagreement(
                series=keys[row],
                week=int(found.at[week]) + 1,
                observed=float(found.observed[row, week]),
                ours=bool(ours[row, week]),
                reference=bool(theirs[row, week]),
                p_value=float(found.p_value[row, week]),
                reference_p_value=float(reference["pvalue"][row, week]),
            )
            for row, week in different
        ),
        largest=_largest(found, reference, decided=decided, alpha=alpha),
    )


def _largest(
    found: Detection, reference: Mapping[str, Floats], *, decided: NDArray[np.bool_], alpha: float
) -> dict[str, float]:
    expected, phi = reference["expected"], reference["phi"]
    differences = {
        "expected_relative": np.abs(found.expected - expected) / np.maximum(expected, SMALL_COUNT),
        "phi_relative": np.abs(found.spread - phi) / phi,
        "p_absolute": np.where(
            found.observed > 0, np.abs(found.p_value - reference["pvalue"]), np.nan
        ),
        "bound_cases": np.abs(found.bound(alpha=alpha) - reference["upperbound"]),
    }
    return {
        name: float(np.max(values[decided & np.isfinite(values)], initial=0.0))
        for name, values in differences.items()
    }
