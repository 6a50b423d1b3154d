"""Simulated weekly counts with outbreaks whose weeks are known.

The generator of Noufaily et al. (2013, section 3.1) with the grid of Bédubourg and Le Strat
(2017): 42 scenarios, 624 weeks, 4 past outbreaks of each size k1 in the weeks 313-575 and one
current outbreak of size k2 in the weeks 576-624. Outbreaks add to the baseline, so one baseline
serves every pair (k1, k2).
"""

from collections.abc import Mapping
from typing import Final, Literal, get_args

import attrs
import numpy as np
from numpy.typing import NDArray

from liudu.contract import Refusal

Counts = NDArray[np.int32]
Floats = NDArray[np.float64]
Shape = Literal["lognormal", "spike", "long", "flat", "propagated"]
SHAPES: Final[tuple[Shape, ...]] = get_args(Shape)

WEEKS: Final = 624
YEAR_WEEKS: Final = 52.0
PAST: Final = np.arange(312, 575)  # indices of the weeks 313 to 575
TEST: Final = np.arange(575, 624)  # indices of the weeks 576 to 624
PAST_OUTBREAKS: Final = 4
PAST_SIZES: Final = (0, 2, 3, 5, 10)  # k1, in SD of the baseline
CURRENT_SIZES: Final = tuple(range(1, 11))  # k2
CASES_MIN: Final = 2  # an outbreak of one case is none; the authors' code draws again
DRAWS_MAX: Final = 10_000


class UnknownShapeError(Refusal):
    """The shape of an outbreak is not one of those simulated."""

    en = "There is no outbreak shape {shape!r}: take one of {shapes}."
    zh = "没有名为 {shape!r} 的暴发形态：可用 {shapes}。"


@attrs.frozen(kw_only=True)
class Scenario:
    """One of the 42 baselines: log mean = level + trend t + seasons, variance = phi mean."""

    number: int
    level: float
    trend: float
    cosine: float
    sine: float
    harmonics: int
    dispersion: float


GROUPS: Final = (  # level, trend, cosine, sine, dispersion
    (0.1, 0.0025, 0.6, 0.6, 1.5),
    (-2.0, 0.005, 0.1, 0.3, 2.0),
    (1.5, 0.003, 0.2, -0.4, 1.0),
    (0.5, 0.002, 0.5, 0.5, 5.0),
    (2.5, 0.001, 1.0, 0.1, 3.0),
    (3.75, 0.001, 0.1, -0.1, 1.1),
    (5.0, 0.0001, 0.05, 0.01, 1.2),
)


def _scenarios() -> tuple[Scenario, ...]:
    shapes = [(group, trend, m) for group in GROUPS for trend in (0, 1) for m in (0, 1, 2)]
    return tuple(
        Scenario(
            number=number,
            level=level,
            trend=slope * trend,
            cosine=cosine,
            sine=sine,
            harmonics=m,
            dispersion=phi,
        )
        for number, ((level, slope, cosine, sine, phi), trend, m) in enumerate(shapes, start=1)
    )


SCENARIOS: Final = _scenarios()


def scenario_mean(scenario: Scenario, *, weeks: int = WEEKS) -> Floats:
    """Return the expected count of each week 1 to `weeks` without outbreaks."""
    week = np.arange(1, weeks + 1)
    log_mean = scenario.level + scenario.trend * week
    for j in range(1, scenario.harmonics + 1):
        angle = 2 * np.pi * j * week / YEAR_WEEKS
        log_mean = log_mean + scenario.cosine * np.cos(angle) + scenario.sine * np.sin(angle)
    return np.asarray(np.exp(log_mean), np.float64)


def baseline(mean: Floats, *, dispersion: float, rng: np.random.Generator) -> Counts:
    """Draw counts with the given mean and variance ``dispersion * mean``; 1 is Poisson."""
    if dispersion <= 1.0:
        return rng.poisson(mean).astype(np.int32)
    size = mean / (dispersion - 1.0)
    return rng.negative_binomial(size, 1.0 / dispersion).astype(np.int32)


def outbreak(
    mean: Floats,
    *,
    dispersion: float,
    start: int,
    size_sd: float,
    rng: np.random.Generator,
    shape: Shape = "lognormal",
) -> Counts:
    """Draw one outbreak: the cases that it adds to each week.

    Parameters
    ----------
    mean, dispersion
        The baseline, which gives the SD at the start.
    start
        Index of the first possible week. Cases beyond the last week are lost.
    size_sd
        Size k: the number of cases is Poisson with mean k SD, drawn again below 2.
    shape
        When cases fall: ``lognormal`` floor(LN(0, 0.5)) weeks after the start (50, 42, 7 % in the
        first three weeks), ``spike`` all at once, ``long`` three times as slow, ``flat`` evenly
        over six weeks, ``propagated`` by a gamma law with its mode in the fourth week.

    Raises
    ------
    UnknownShapeError

    """
    if shape not in SHAPES:
        raise UnknownShapeError(shape=shape, shapes=", ".join(SHAPES))
    expected = size_sd * float(np.sqrt(dispersion * mean[start]))
    cases = _outbreak_size(expected, rng=rng)
    week = start + _delays(cases, shape=shape, rng=rng)
    return np.bincount(week[week < mean.size], minlength=mean.size).astype(np.int32)


def _outbreak_size(expected: float, *, rng: np.random.Generator) -> int:
    for _ in range(DRAWS_MAX):
        cases = int(rng.poisson(expected))
        if cases >= CASES_MIN:
            return cases
    return CASES_MIN


def _delays(cases: int, *, shape: Shape, rng: np.random.Generator) -> NDArray[np.int64]:
    if shape == "spike":
        return np.zeros(cases, np.int64)
    if shape == "flat":
        return rng.integers(0, 6, cases)
    if shape == "propagated":
        return np.floor(rng.gamma(4.0, 1.2, cases)).astype(np.int64)
    slowness = 3.0 if shape == "long" else 1.0
    return np.floor(slowness * rng.lognormal(0.0, 0.5, cases)).astype(np.int64)


@attrs.frozen(kw_only=True, eq=False)
class Grid:
    """Simulated series: rows are scenario x replicate, in this order.

    Attributes
    ----------
    scenario, replicate
        Of each row; scenarios 1 to 42.
    mean
        True expected counts (rows x 624).
    base
        Counts without outbreaks.
    past, current
        Cases added by past outbreaks per k1, by the current one per k2.

    """

    scenario: NDArray[np.int64]
    replicate: NDArray[np.int64]
    dispersion: Floats
    mean: Floats
    base: Counts
    past: Mapping[int, Counts]
    current: Mapping[int, Counts]

    def counts(self, *, past_size: int, current_size: int) -> Counts:
        """Return the counts of one cell of the grid; size 0 is no outbreak."""
        counts = self.base + self.past[past_size] if past_size else self.base
        return counts + self.current[current_size] if current_size else counts


def simulate(
    *,
    seed: int,
    replicates: int = 100,
    scenarios: tuple[Scenario, ...] = SCENARIOS,
    past_sizes: tuple[int, ...] = PAST_SIZES,
    current_sizes: tuple[int, ...] = CURRENT_SIZES,
    shape: Shape = "lognormal",
) -> Grid:
    """Simulate the grid.

    Each series has its own generator, from seed, scenario and replicate, so the first replicates of
    a large grid are those of a small one, and a grid of other sizes has the same baselines.

    Raises
    ------
    UnknownShapeError

    """
    keys = [(scenario, replicate) for scenario in scenarios for replicate in range(replicates)]
    rows = (len(keys), WEEKS)
    base, mean = np.zeros(rows, np.int32), np.zeros(rows)
    past = {size: np.zeros(rows, np.int32) for size in past_sizes if size}
    current = {size: np.zeros(rows, np.int32) for size in current_sizes if size}
    for row, (scenario, replicate) in enumerate(keys):
        rng = np.random.default_rng([seed, scenario.number, replicate])
        mean[row] = scenario_mean(scenario)
        base[row] = baseline(mean[row], dispersion=scenario.dispersion, rng=rng)
        for size, added in past.items():
            own = np.random.default_rng([seed, scenario.number, replicate, 1, size])
            added[row] = _past(mean[row], scenario=scenario, size=size, shape=shape, rng=own)
        for size, added in current.items():
            own = np.random.default_rng([seed, scenario.number, replicate, 2, size])
            added[row] = outbreak(
                mean[row],
                dispersion=scenario.dispersion,
                start=int(own.choice(TEST)),
                size_sd=size,
                rng=own,
                shape=shape,
            )
    return Grid(
        scenario=np.array([scenario.number for scenario, _ in keys]),
        replicate=np.array([replicate for _, replicate in keys]),
        dispersion=np.array([scenario.dispersion for scenario, _ in keys]),
        mean=mean,
        base=base,
        past=past,
        current=current,
    )


def _past(
    mean: Floats, *, scenario: Scenario, size: int, shape: Shape, rng: np.random.Generator
) -> Counts:
    """Draw the four past outbreaks; none reaches into the test weeks."""
    added = np.zeros(mean.size, np.int32)
    for start in rng.choice(PAST, PAST_OUTBREAKS, replace=False):
        added += outbreak(
            mean,
            dispersion=scenario.dispersion,
            start=int(start),
            size_sd=size,
            rng=rng,
            shape=shape,
        )
    added[TEST[0] :] = 0
    return added
