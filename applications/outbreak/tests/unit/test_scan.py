"""The scan statistic against plain loops, and its p-values under the null."""

import math

import numpy as np
import pytest

from liudu.outbreak.scan import (
    NoPeopleError,
    NothingToScanError,
    ScanShapeError,
    Window,
    WindowError,
    gumbel_p,
    plane_km,
    scan_permutation,
    scan_poisson,
)

PLACES = np.array([[0, 0], [1, 0], [0, 1.5], [6, 6], [6, 7], [9, 0]], float)
PEOPLE = np.array([100.0, 200, 150, 300, 120, 130])


def ratio(c, e, total):
    if c <= e:
        return 0.0
    rest = (total - c) * math.log((total - c) / (total - e)) if c < total else 0.0
    return c * math.log(c / e) + rest


def by_loops(counts, expected, weight, *, share_max, duration_max):
    """Every circle and every duration, written out."""
    best = (0.0, frozenset(), 0)
    total = counts.sum()
    for centre in range(len(counts)):
        apart = np.hypot(*(PLACES - PLACES[centre]).T)
        for radius in sorted(set(apart)):
            inside = np.nonzero(apart <= radius)[0]
            if weight[inside].sum() / weight.sum() > share_max:
                break
            for last in range(1, duration_max + 1):
                c = counts[inside][:, -last:].sum()
                e = expected(inside, last)
                found = (ratio(c, e, total), frozenset(inside.tolist()), last)
                best = max(best, found, key=lambda one: one[0])
    return best


@pytest.mark.parametrize("seed", range(12))
def test_the_primary_cluster_is_that_of_plain_loops(seed):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(2.0, (6, 10))
    counts[3:5, -3:] += rng.poisson(3, (2, 3))
    found = scan_poisson(counts, centroids_km=PLACES, people=PEOPLE,
                         window=Window(duration_max=4), rng=rng, simulations=9)  # fmt: skip
    share = PEOPLE / PEOPLE.sum()
    llr, inside, last = by_loops(
        counts, lambda zone, d: counts.sum() * share[zone].sum() * d / 10, PEOPLE,
        share_max=0.5, duration_max=4,
    )  # fmt: skip
    first = found.clusters[0]
    assert first.llr == pytest.approx(llr)
    assert frozenset(first.districts) == inside
    assert first.last_time - first.first_time + 1 == last
    assert first.observed == counts[sorted(inside), -last:].sum()


@pytest.mark.parametrize("seed", range(12))
def test_the_permutation_scan_is_that_of_plain_loops(seed):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(2.0, (6, 10))
    counts[3:5, -2:] += rng.poisson(4, (2, 2))
    found = scan_permutation(counts, centroids_km=PLACES, window=Window(duration_max=3), rng=rng,
                             simulations=9)  # fmt: skip
    place, time = counts.sum(axis=1), counts.sum(axis=0)
    llr, inside, _ = by_loops(
        counts, lambda zone, d: place[zone].sum() * time[-d:].sum() / counts.sum(), place,
        share_max=0.5, duration_max=3,
    )  # fmt: skip
    assert found.clusters[0].llr == pytest.approx(llr)
    assert frozenset(found.clusters[0].districts) == inside


def test_a_planted_cluster_is_found_with_a_small_p_and_a_second_one_beside_it():
    rng = np.random.default_rng(1)
    counts = rng.poisson(3.0, (6, 12))
    counts[3:5, -2:] += 15
    counts[0, -3:] += 8
    found = scan_poisson(counts, centroids_km=PLACES, people=np.ones(6),
                         window=Window(duration_max=4), rng=rng, simulations=199)  # fmt: skip
    first, second = found.clusters[:2]
    assert set(first.districts) == {3, 4}
    assert first.p_value == 1 / 200
    assert first.p_gumbel < 1e-4
    assert first.relative_risk > 2
    assert set(second.districts) == {0}
    assert first.radius_km == pytest.approx(1.0)
    every = [district for cluster in found.clusters for district in cluster.districts]
    assert len(every) == len(set(every))


def test_the_same_seed_gives_the_same_p():
    counts = np.random.default_rng(2).poisson(2.0, (6, 8))
    runs = [
        scan_poisson(counts, centroids_km=PLACES, people=PEOPLE, window=Window(duration_max=3),
                     rng=np.random.default_rng(5), simulations=49).clusters[0].p_value
        for _ in range(2)
    ]  # fmt: skip
    assert runs[0] == runs[1]


def assert_uniform(p_values, *, steps):
    """Kolmogorov's distance at the 0.1 % level, for p-values on a grid of 1/steps."""
    ordered = np.sort(p_values)
    rank = np.arange(1, ordered.size + 1) / ordered.size
    assert np.abs(rank - ordered).max() < 1.95 / math.sqrt(ordered.size) + 1 / steps


@pytest.mark.slow
def test_p_values_are_uniform_under_the_null():
    rng = np.random.default_rng(7)
    monte_carlo, gumbel, permuted = [], [], []
    for _ in range(300):
        counts = rng.poisson(40 * PEOPLE[:, None] / PEOPLE.sum(), (6, 10))
        found = scan_poisson(counts, centroids_km=PLACES, people=PEOPLE,
                             window=Window(duration_max=4), rng=rng, simulations=99)  # fmt: skip
        monte_carlo.append(found.clusters[0].p_value)
        gumbel.append(found.clusters[0].p_gumbel)
        other = scan_permutation(counts, centroids_km=PLACES, window=Window(duration_max=4),
                                 rng=rng, simulations=99)  # fmt: skip
        permuted.append(other.clusters[0].p_value)
    assert_uniform(monte_carlo, steps=100)
    assert_uniform(permuted, steps=100)
    assert np.mean(np.array(gumbel) <= 0.05) == pytest.approx(0.05, abs=0.04)


def test_lasting_differences_between_places_are_no_permutation_cluster():
    counts = np.ones((6, 10), int)
    counts[3] = 30
    found = scan_permutation(counts, centroids_km=PLACES, window=Window(duration_max=3),
                             rng=np.random.default_rng(1), simulations=49)  # fmt: skip
    assert all(cluster.p_value > 0.5 for cluster in found.clusters)


def test_a_season_that_is_known_is_no_cluster():
    counts = np.ones((6, 10), int)
    counts[:, -2:] = 8
    season = counts.sum(axis=0)
    found = scan_poisson(counts, centroids_km=PLACES, people=np.ones(6), season=season,
                         window=Window(duration_max=3), rng=np.random.default_rng(1),
                         simulations=49)  # fmt: skip
    assert not found.clusters or found.clusters[0].llr < 1e-9


def test_districts_at_one_point_and_a_radius_are_kept_apart():
    places = np.zeros((3, 2))
    counts = np.array([[0, 0, 9], [0, 1, 0], [1, 0, 0]])
    found = scan_poisson(counts, centroids_km=places, people=np.ones(3),
                         window=Window(duration_max=1, radius_max_km=0.0, share_max=0.4),
                         rng=np.random.default_rng(1), simulations=9)  # fmt: skip
    assert found.clusters[0].districts == (0,)


def test_gumbels_law_fits_maxima_that_follow_it():
    maxima = np.random.default_rng(3).gumbel(5, 1.3, 20_000)
    assert gumbel_p(float(np.quantile(maxima, 0.99)), maxima=maxima) == pytest.approx(0.01, rel=0.1)


def test_degrees_become_km():
    plane = plane_km(np.array([120.0, 121.0]), np.array([30.0, 30.0]))
    assert np.hypot(*(plane[1] - plane[0])) == pytest.approx(96.3, abs=0.2)


def test_what_cannot_be_scanned_is_refused():
    counts, rng, window = np.ones((6, 5), int), np.random.default_rng(1), Window(duration_max=2)
    with pytest.raises(ScanShapeError):
        scan_poisson(counts, centroids_km=PLACES[:5], people=PEOPLE, window=window, rng=rng)
    with pytest.raises(NoPeopleError):
        scan_poisson(counts, centroids_km=PLACES, people=PEOPLE * 0, window=window, rng=rng)
    with pytest.raises(WindowError):
        scan_permutation(counts, centroids_km=PLACES, window=Window(duration_max=5), rng=rng)
    with pytest.raises(WindowError):
        scan_permutation(counts, centroids_km=PLACES, rng=rng,
                         window=Window(duration_max=2, share_max=0))  # fmt: skip
    with pytest.raises(NothingToScanError):
        scan_permutation(counts * 0, centroids_km=PLACES, window=window, rng=rng)
