"""Sequential tests: their exact characteristics, checked against brute force and simulation."""

import numpy as np
import pytest

from liudu.acceptance import e_process, naive_peeking, sprt


def brute_force(test, rate, trials):
    """Carry P(k events, not ended) piece by piece: slow, and too plain to be wrong."""
    mass, proved, stopped, spent = {0: 1.0}, 0.0, 0.0, 0.0
    for piece in range(1, trials + 1):
        spent += sum(mass.values())
        moved = {}
        for count, share in mass.items():
            moved[count] = moved.get(count, 0) + share * (1 - rate)
            moved[count + 1] = moved.get(count + 1, 0) + share * rate
        mass = {}
        for count, share in moved.items():
            row = min(count, len(test.stop_at) - 1)
            if piece <= test.stop_at[row]:
                stopped += share
            elif piece >= test.prove_at[row]:
                proved += share
            else:
                mass[count] = share
    return proved, stopped, sum(mass.values()), spent


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.1, 0.3])
@pytest.mark.parametrize("make", ["sprt", "e_process", "naive"])
def test_the_characteristic_is_exact(make, rate):
    test = {
        "sprt": lambda: sprt(limit=0.1, hoped=0.02, sample_count_max=200),
        "e_process": lambda: e_process(limit=0.1, sample_count_max=200),
        "naive": lambda: naive_peeking(limit=0.1, every=7, sample_count_max=200),
    }[make]()
    exact = test.characteristic(rate)
    proved, stopped, left, spent = brute_force(test, rate, 200)
    assert exact.proved == pytest.approx(proved, abs=1e-9)
    assert exact.stopped == pytest.approx(stopped, abs=1e-9)
    assert exact.open_ended == pytest.approx(left, abs=1e-9)
    assert exact.sample_count_mean == pytest.approx(spent, abs=1e-6)


def test_the_sequential_tests_keep_their_risk_at_the_limit_and_naive_peeking_does_not():
    at_limit = 0.002
    assert sprt(limit=0.002, hoped=0.0005).characteristic(at_limit).proved <= 0.05
    both = e_process(limit=0.002, sample_count_max=30_000).characteristic(at_limit)
    assert both.proved <= 0.05
    assert both.stopped <= 0.05
    naive = naive_peeking(limit=0.002, every=100, sample_count_max=20_000)
    assert naive.characteristic(at_limit).proved == pytest.approx(0.211, abs=0.001)


def test_a_bad_product_is_given_up_on_early_and_a_perfect_one_is_proved():
    wald = sprt(limit=0.002, hoped=0.0005)
    assert wald.characteristic(0.004).sample_count_mean == pytest.approx(698, abs=1)
    mixture = e_process(limit=0.002, sample_count_max=30_000)
    perfect = mixture.characteristic(0.0)
    assert (perfect.proved, perfect.sample_count_mean) == (1.0, 1853)
    terrible = mixture.characteristic(0.02)
    assert terrible.stopped == pytest.approx(1)
    assert terrible.sample_count_mean < 500


def test_the_sprt_gives_a_product_as_good_as_hoped_its_chance():
    done = sprt(limit=0.002, hoped=0.0005, giving_up_risk=0.1).characteristic(0.0005)
    assert done.stopped <= 0.1
    assert done.proved >= 0.9


def test_peeking_in_simulation_agrees_with_the_exact_figure():
    rng, at = np.random.default_rng(20), np.arange(100, 5001, 100)
    test = naive_peeking(limit=0.01, every=100, sample_count_max=5000)
    counts = np.cumsum(rng.binomial(100, 0.01, size=(4000, 50)), axis=1)
    accepted = (at >= test.prove_at[np.minimum(counts, len(test.prove_at) - 1)]).any(axis=1).mean()
    assert accepted == pytest.approx(test.characteristic(0.01).proved, abs=0.025)
