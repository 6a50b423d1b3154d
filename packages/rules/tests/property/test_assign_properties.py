"""The search against every combination there is, and against a linear programme."""

from fractions import Fraction
from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from liudu.rules.assignment import Contract, Programme, best_assignment

RATES = st.sampled_from([Fraction(n, 20) for n in (1, 3, 4, 6, 10, 13, 20)])

NO_MINIMA = st.just(0)


@st.composite
def cases(draw, contracts_max, amount_max, minima=NO_MINIMA):
    offers = [
        Programme(
            name=f"p{i}",
            rate=draw(RATES),
            cap_fen=draw(st.integers(0, amount_max)),
            excludes=draw(st.sampled_from(["", "x", "x", "x", "y"])),
            contract_min_fen=draw(minima),
        )
        for i in range(draw(st.integers(1, 4)))
    ]
    names = st.sets(st.sampled_from([one.name for one in offers])).map(sorted).map(tuple)
    contracts = [
        Contract(name=f"c{i}", amount_fen=draw(st.integers(0, amount_max)), programmes=draw(names))
        for i in range(draw(st.integers(0, contracts_max)))
    ]
    return contracts, offers


def words(offers):
    return {one.excludes or one.name: [] for one in offers}


def sets_of(offers):
    found = words(offers)
    for one in offers:
        found[one.excludes or one.name].append(one)
    return found.values()


def brute_force(contracts, offers):
    """Return the most that any choice of one payer, or none, for every contract brings."""
    total = 0
    for members in sets_of(offers):
        best = 0
        for choice in product([None, *members], repeat=len(contracts)):
            sums = dict.fromkeys((one.name for one in members), 0)
            for contract, offer in zip(contracts, choice, strict=True):
                if offer is not None and offer.name in contract.programmes:
                    sums[offer.name] += offer.pays(contract.amount_fen, left_fen=10**12)
            best = max(best, sum(min(sums[one.name], one.cap_fen) for one in members))
        total += best
    return total


def linear(contracts, offers):
    """Return the most that dividing without rounding could bring."""
    total = 0.0
    for members in sets_of(offers):
        pairs = [(c, o) for c in contracts for o in members if o.name in c.programmes]
        if not pairs:
            continue
        supply = [[float(c is one) for c, _ in pairs] for one in contracts]
        demand = [[float(o.rate) * (o is one) for _, o in pairs] for one in members]
        limits = [one.amount_fen for one in contracts] + [one.cap_fen for one in members]
        gains = np.array([-float(o.rate) for _, o in pairs])
        total -= linprog(gains, A_ub=np.array(supply + demand), b_ub=limits).fun
    return total


def assert_lawful(found, contracts, offers):
    by_name = {one.name: one for one in offers}
    amounts = {one.name: one for one in contracts}
    for part in found.parts:
        assert part.programme in amounts[part.contract].programmes
        programme = by_name[part.programme]
        assert part.base_fen >= programme.contract_min_fen
        assert 0 < part.paid_fen <= part.base_fen * programme.rate
    for offer in offers:
        paid = sum(part.paid_fen for part in found.parts if part.programme == offer.name)
        assert paid <= offer.cap_fen
    for members in sets_of(offers):
        names = {one.name for one in members}
        for contract in contracts:
            used = [p.base_fen for p in found.parts
                    if p.contract == contract.name and p.programme in names]  # fmt: skip
            assert sum(used) <= contract.amount_fen
    assert found.total_fen == sum(part.paid_fen for part in found.parts)


@settings(max_examples=150, deadline=None)
@given(cases(4, 400, st.sampled_from([0, 0, 50, 200])))
def test_undivided_it_brings_what_the_best_of_all_combinations_brings(case):
    contracts, offers = case
    found = best_assignment(contracts, offers)
    assert_lawful(found, contracts, offers)
    assert found.total_fen == brute_force(contracts, offers)
    assert found.gap_max_fen == 0
    assert found.highest_rate_fen <= found.total_fen


@settings(max_examples=100, deadline=None)
@given(cases(3, 10**9))
def test_divided_it_brings_what_linear_programming_brings_but_for_rounding(case):
    contracts, offers = case
    found = best_assignment(contracts, offers, divide=True)
    assert_lawful(found, contracts, offers)
    best = linear(contracts, offers)
    assert best - len(contracts) - len(offers) - 1e-3 <= found.total_fen <= best + 1e-3
    assert found.total_fen >= found.undivided_fen


@settings(max_examples=60, deadline=None)
@given(cases(2, 10**6, st.sampled_from([0, 10**5, 4 * 10**5])))
def test_divided_with_smallest_contracts_it_stays_lawful_and_never_worse_than_undivided(case):
    contracts, offers = case
    found = best_assignment(contracts, offers, divide=True)
    assert_lawful(found, contracts, offers)
    assert found.total_fen >= found.undivided_fen
