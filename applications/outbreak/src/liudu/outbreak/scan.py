"""Clusters in space and time: Kulldorff's scan statistic, looking back from the last period.

Cylinders stand on circles around each district and reach back from the last time; the one with
the largest likelihood ratio is the primary cluster. With people at risk the counts are Poisson
(Kulldorff 1997, 2001, prospective); without, only place and time of the cases are permuted
(Kulldorff et al. 2005). P-values are those of the maximum over all cylinders, so that looking at
many of them is paid for; Gumbel's law extrapolates below one in the simulations (Abrams et al.
2010).
"""

import math
from collections.abc import Sequence
from typing import Final, Literal

import attrs
import numba
import numpy as np
from numpy.typing import NDArray

from liudu.contract import Refusal
from liudu.outbreak.series import Floats

Ints = NDArray[np.int64]
Model = Literal["poisson", "permutation"]
SIMULATIONS: Final = 999
SHARE_MAX: Final = 0.5
CASES_MIN: Final = 2
EARTH_RADIUS_KM: Final = 6371.0088
EULER: Final = 0.5772156649015329
CELLS_MAX: Final = 4_000_000


class ScanShapeError(Refusal):
    """Counts, centroids and people do not belong to the same districts."""

    en = "{districts} districts have counts, {centroids} a centroid and {people} people at risk."
    zh = "{districts} 个地区有病例数，{centroids} 个有中心点，{people} 个有人口：应一一对应。"


class NothingToScanError(Refusal):
    """There are too few cases."""

    en = "{cases} cases cannot form a cluster: scan a period with at least {cases_min}."
    zh = "只有 {cases} 例，无法构成聚集：请扫描至少有 {cases_min} 例的时段。"


class WindowError(Refusal):
    """The largest cylinder is not within the study."""

    en = "{what} of {found} is not possible: give {wanted}."
    zh = "{what} 为 {found} 不可用：应为 {wanted}。"


class NoPeopleError(Refusal):
    """A district has nobody at risk."""

    en = "District {district} has {people} people at risk: give a number above 0, or leave it out."
    zh = "地区 {district} 的人口为 {people}：应大于 0，或将其剔除。"


@attrs.frozen(kw_only=True)
class Cluster:
    """One cylinder.

    Attributes
    ----------
    districts
        Indices, the centre first, by distance.
    radius_km
        Distance of the farthest district from the centre.
    first_time, last_time
        Indices of the first and last period.
    observed, expected, relative_risk
        Cases, cases to be expected, and the risk within over the risk outside.
    llr
        Log likelihood ratio.
    p_value, p_gumbel
        By rank among the simulations, and by Gumbel's law.

    """

    districts: tuple[int, ...]
    radius_km: float
    first_time: int
    last_time: int
    observed: int
    expected: float
    relative_risk: float
    llr: float
    p_value: float
    p_gumbel: float


@attrs.frozen(kw_only=True, eq=False)
class Scan:
    """Clusters that share no district, the most likely first, and the simulated maxima."""

    model: Model
    clusters: tuple[Cluster, ...]
    maxima: Floats


@attrs.frozen(kw_only=True)
class Window:
    """How far cylinders reach.

    Attributes
    ----------
    share_max
        Largest share of the people (or of the cases, for the permutation model) in a circle.
    duration_max
        Largest number of periods.
    radius_max_km
        Largest radius; none for no limit.

    """

    share_max: float = SHARE_MAX
    duration_max: int
    radius_max_km: float = math.inf


@attrs.frozen(kw_only=True, eq=False)
class _Zones:
    """Districts by distance from each centre, and how many of them a circle may hold."""

    order: Ints
    sizes: Ints
    distance: Floats


def scan_poisson(
    counts: NDArray[np.integer],
    *,
    centroids_km: Floats,
    people: Floats,
    window: Window,
    rng: np.random.Generator,
    simulations: int = SIMULATIONS,
    season: Floats | None = None,
) -> Scan:
    """Scan counts with people at risk.

    Parameters
    ----------
    counts
        Districts x times, cases.
    centroids_km
        Districts x 2, on a plane, km.
    people
        People at risk of each district, above 0.
    window, rng, simulations
        How far to look; source and number of simulations.
    season
        Share of the cases to be expected in each time; equal if none.

    Raises
    ------
    ScanShapeError, NoPeopleError, WindowError, NothingToScanError

    """
    cases = np.asarray(counts, np.int64)
    people = np.asarray(people, np.float64)
    _check(cases, centroids_km=centroids_km, people=people, window=window, simulations=simulations)
    if not (people > 0).all():
        place = int(np.argmin(people > 0))
        raise NoPeopleError(district=place, people=people[place])
    times = cases.shape[1]
    shares = np.full(times, 1 / times) if season is None else np.asarray(season) / np.sum(season)
    total = int(cases.sum())
    expected = total * np.outer(people / people.sum(), shares)
    zones = _zones(centroids_km, weight=people, window=window)
    last = window.duration_max
    observed, mean = _suffix(cases, last), _suffix(expected, last)
    cells = expected[:, -last:]
    rest = max(1 - cells.sum() / total, 0.0)
    probability = np.append(cells.ravel() / total, rest)
    maxima = np.empty(simulations)
    step = max(CELLS_MAX // probability.size, 1)
    for start in range(0, simulations, step):
        number = min(step, simulations - start)
        drawn = rng.multinomial(total, probability / probability.sum(), size=number)[:, :-1]
        shaped = drawn.reshape(number, *cells.shape)[:, :, ::-1].cumsum(axis=2)
        maxima[start : start + number] = _maxima(
            shaped, mean, zones.order, zones.sizes, float(total)
        )
    return _found(
        "poisson", observed=observed, mean=mean, zones=zones, total=total, maxima=maxima,
        times=times,
    )  # fmt: skip


def scan_permutation(
    counts: NDArray[np.integer],
    *,
    centroids_km: Floats,
    window: Window,
    rng: np.random.Generator,
    simulations: int = SIMULATIONS,
) -> Scan:
    """Scan cases without people at risk: places and times of the cases are permuted.

    Differences between districts and between times that last are so allowed for; what is found
    is that they go together. Raises as `scan_poisson`.
    """
    cases = np.asarray(counts, np.int64)
    by_place = cases.sum(axis=1).astype(np.float64)
    _check(
        cases, centroids_km=centroids_km, people=by_place, window=window, simulations=simulations
    )
    total, times, last = int(cases.sum()), cases.shape[1], window.duration_max
    zones = _zones(centroids_km, weight=by_place, window=window)
    by_time = cases.sum(axis=0).astype(np.float64)
    mean = np.outer(by_place, by_time[::-1][:last].cumsum()) / total
    place, time = (np.repeat(index, cases.ravel()) for index in np.indices(cases.shape)
                   .reshape(2, -1))  # fmt: skip
    age = times - 1 - time
    maxima = np.empty(simulations)
    for at in range(simulations):
        drawn = _tabulated(place, rng.permutation(age), cases.shape[0], last)
        maxima[at] = _maxima(drawn[None], mean, zones.order, zones.sizes, float(total))[0]
    return _found(
        "permutation", observed=_suffix(cases, last), mean=mean, zones=zones, total=total,
        maxima=maxima, times=times,
    )  # fmt: skip


def plane_km(longitude: Floats, latitude: Floats) -> Floats:
    """Return degrees as km on a plane through their middle; for areas of some hundred km."""
    middle = math.radians(float(np.mean(latitude)))
    x = np.radians(longitude - np.mean(longitude)) * math.cos(middle)
    y = np.radians(latitude - np.mean(latitude))
    return np.column_stack([x, y]) * EARTH_RADIUS_KM


def _check(
    cases: Ints, *, centroids_km: Floats, people: Floats, window: Window, simulations: int
) -> None:
    if not len(cases) == len(centroids_km) == len(people):
        raise ScanShapeError(districts=len(cases), centroids=len(centroids_km), people=len(people))
    if not 1 <= window.duration_max < cases.shape[1]:
        raise WindowError(
            what="duration", found=window.duration_max, wanted=f"1 … {cases.shape[1] - 1}"
        )
    if not 0 < window.share_max <= 1:
        raise WindowError(what="share", found=window.share_max, wanted="0 … 1")
    if simulations < 1:
        raise WindowError(what="simulations", found=simulations, wanted="≥ 1")
    if cases.sum() < CASES_MIN:
        raise NothingToScanError(cases=int(cases.sum()), cases_min=CASES_MIN)


def _zones(centroids_km: Floats, *, weight: Floats, window: Window) -> _Zones:
    apart = np.sqrt(((centroids_km[:, None] - centroids_km[None]) ** 2).sum(axis=2))
    order = np.argsort(apart, axis=1, kind="stable")
    # A centre comes first even where another district has the same centroid.
    number = np.arange(len(order))
    for row in number:
        order[row] = np.concatenate([[row], order[row][order[row] != row]])
    distance = np.take_along_axis(apart, order, axis=1)
    share = weight[order].cumsum(axis=1) / weight.sum()
    fits = (share <= window.share_max + 1e-12) & (distance <= window.radius_max_km)
    sizes = np.where(fits.all(axis=1), fits.shape[1], np.argmin(fits, axis=1))
    return _Zones(order=order, sizes=sizes.astype(np.int64), distance=distance)


def _suffix(table: NDArray[np.generic], last: int) -> Floats:
    """Return sums over the last 1, 2 … periods (districts x durations)."""
    return np.asarray(table[:, ::-1][:, :last].astype(np.float64).cumsum(axis=1))


@numba.njit(cache=True)
def _ratio(observed: float, expected: float, total: float) -> float:
    if observed <= expected or expected <= 0.0:
        return 0.0
    value = observed * math.log(observed / expected)
    if observed < total:
        value += (total - observed) * math.log((total - observed) / (total - expected))
    return value


@numba.njit(cache=True)
def _best(
    observed: Floats, mean: Floats, order: Ints, sizes: Ints, total: float
) -> tuple[Floats, Ints, Ints]:
    """Return for each centre the best ratio, circle and duration."""
    districts, durations = observed.shape
    ratio = np.zeros(districts)
    size = np.zeros(districts, np.int64)
    duration = np.zeros(districts, np.int64)
    for centre in range(districts):
        seen = np.zeros(durations)
        wanted = np.zeros(durations)
        for step in range(sizes[centre]):
            place = order[centre, step]
            for at in range(durations):
                seen[at] += observed[place, at]
                wanted[at] += mean[place, at]
                value = _ratio(seen[at], wanted[at], total)
                if value > ratio[centre]:
                    ratio[centre], size[centre], duration[centre] = value, step + 1, at + 1
    return ratio, size, duration


@numba.njit(cache=True)
def _maxima(drawn: Floats, mean: Floats, order: Ints, sizes: Ints, total: float) -> Floats:
    found = np.zeros(drawn.shape[0])
    for at in range(drawn.shape[0]):
        ratio, _, _ = _best(drawn[at], mean, order, sizes, total)
        found[at] = ratio.max()
    return found


@numba.njit(cache=True)
def _tabulated(place: Ints, age: Ints, districts: int, last: int) -> Floats:
    table = np.zeros((districts, last))
    for at in range(place.size):
        if age[at] < last:
            table[place[at], age[at]] += 1.0
    for row in range(districts):
        for column in range(1, last):
            table[row, column] += table[row, column - 1]
    return table


def _found(
    model: Model,
    *,
    observed: Floats,
    mean: Floats,
    zones: _Zones,
    total: int,
    maxima: Floats,
    times: int,
) -> Scan:
    ratio, size, duration = _best(observed, mean, zones.order, zones.sizes, float(total))
    taken: set[int] = set()
    clusters = []
    for centre in np.argsort(-ratio, kind="stable").tolist():
        inside = zones.order[centre, : size[centre]].tolist()
        if ratio[centre] <= 0 or taken & set(inside):
            continue
        taken |= set(inside)
        last = int(duration[centre]) - 1
        clusters.append(
            _cluster(
                inside, radius_km=float(zones.distance[centre, size[centre] - 1]),
                duration=last + 1, times=times, observed=float(observed[inside, last].sum()),
                expected=float(mean[inside, last].sum()), total=total,
                llr=float(ratio[centre]), maxima=maxima,
            )
        )  # fmt: skip
    return Scan(model=model, clusters=tuple(clusters), maxima=maxima)


def _cluster(
    inside: Sequence[int],
    *,
    radius_km: float,
    duration: int,
    times: int,
    observed: float,
    expected: float,
    total: int,
    llr: float,
    maxima: Floats,
) -> Cluster:
    outside, outside_expected = total - observed, total - expected
    risk = math.inf if outside <= 0 else (observed / expected) / (outside / outside_expected)
    return Cluster(
        districts=tuple(inside),
        radius_km=radius_km,
        first_time=times - duration,
        last_time=times - 1,
        observed=int(observed),
        expected=expected,
        relative_risk=risk,
        llr=llr,
        p_value=(1 + int((maxima >= llr - 1e-9).sum())) / (maxima.size + 1),
        p_gumbel=gumbel_p(llr, maxima=maxima),
    )


def gumbel_p(value: float, *, maxima: Floats) -> float:
    """Return P(maximum >= value) by Gumbel's law with the maxima's mean and SD."""
    spread = float(np.std(maxima, ddof=1)) * math.sqrt(6) / math.pi if maxima.size > 1 else 0.0
    if spread <= 0:
        return 1.0 if value <= float(maxima.mean()) else 0.0
    middle = float(maxima.mean()) - EULER * spread
    return float(-np.expm1(-math.exp(-(value - middle) / spread)))
