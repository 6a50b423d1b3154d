"""Figures, plans and steps, for any input."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liudu.acceptance import PromiseError, plan
from liudu.contract import Refusal
from liudu.platform.needs.decisions import FIELDS, STEPS, missing_of, state_of
from liudu.platform.needs.figures import fen_of, number_of, share_of, shown_budget, shown_share
from liudu.platform.needs.jobs import JOBS
from liudu.platform.needs.promises import answers_of, plan_of, promise_of, targets_of

FULL_WIDTH = str.maketrans("0123456789.%", "０１２３４５６７８９．％")
percents = st.decimals(min_value=0, max_value=100, places=4, allow_nan=False)
limits = st.floats(min_value=1e-6, max_value=0.5)


@settings(deadline=None, max_examples=50)
@given(percents)
def test_a_percentage_is_read_exactly_however_it_is_written(percent):
    exact = percent / 100
    for typed in (f"{percent}%", f" {percent} % ", f"{percent}%".translate(FULL_WIDTH)):
        assert share_of(typed) == exact
    if exact < 1:
        assert share_of(f"{exact:f}") == exact


@settings(deadline=None, max_examples=50)
@given(st.floats(min_value=1e-9, max_value=1, exclude_max=True))
def test_a_share_that_is_shown_is_read_back_to_the_last_digit(share):
    assert float(share_of(shown_share(share))) == share or len(shown_share(share)) > 38


@settings(deadline=None, max_examples=50)
@given(st.integers(min_value=0, max_value=10**13))
def test_an_amount_that_is_shown_is_read_back_to_the_fen(fen):
    typed, unit = shown_budget(fen)
    assert fen_of(typed, unit=unit) == fen


def outcome(read, typed):
    try:
        return read(typed)
    except Refusal as refusal:
        return refusal


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_in_both_languages(typed):
    for read in (share_of, number_of, lambda text: fen_of(text, unit="元")):
        value = outcome(read, typed)
        if isinstance(value, Refusal):
            assert value.say("zh") != value.say("en")
        else:
            assert value >= 0


def promise(miss, overkill, **more):
    return {
        "task": "classify",
        "positive": "x",
        "targets": [
            {"metric": "miss_rate", "op": "<", "limit": miss},
            {"metric": "overkill_rate", "op": "<=", "limit": overkill},
        ],
        **more,
    }


@settings(deadline=None, max_examples=50)
@given(limits, limits, limits)
def test_a_stricter_limit_never_takes_fewer_pieces(one, other, overkill):
    strict, loose = sorted((one, other))
    many, few = plan_of(promise(strict, overkill)), plan_of(promise(loose, overkill))
    for unit in ("positive", "negative"):
        assert many.count_of(unit) >= few.count_of(unit)
    for kind in many.kinds:
        assert list(kind.samples) == sorted(set(kind.samples))


@pytest.mark.slow
@settings(deadline=None, max_examples=25)
@given(limits, limits, st.floats(1e-4, 0.9999), st.floats(0.01, 1e6))
def test_our_plan_is_the_engines_plan(miss, overkill, share, pace):
    targets = promise(miss, overkill)
    ours = plan_of(targets, pieces_per_h=pace, positive_share=share)
    line = {"pieces_per_h": pace, "positive_share": share}
    theirs = plan(promise_of({**targets, "line": line}), errors_max=0)
    assert {kind.unit: kind.count for kind in ours.kinds} == dict(theirs.samples_by_unit)
    assert (ours.line_count, ours.hours) == (theirs.pieces_from_line, theirs.hours_on_line)


@settings(deadline=None, max_examples=50)
@given(limits, limits, st.floats(1e-4, 0.9999), st.floats(0.01, 1e6))
def test_seeding_is_shorter_and_holds_what_the_promise_takes(miss, overkill, share, pace):
    needed = plan_of(promise(miss, overkill), pieces_per_h=pace, positive_share=share)
    seeding = needed.seeding
    if seeding is None:
        return
    assert seeding.hours <= needed.hours / 2
    rare, common = ("positive", "negative") if share <= 0.5 else ("negative", "positive")
    assert seeding.seeded_count >= needed.count_of(rare)
    turn_up = 1 - share if share <= 0.5 else share
    assert seeding.line_count * turn_up >= needed.count_of(common) - 1e-6


@settings(deadline=None, max_examples=50)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            name: st.text(max_size=12)
            for name in (
                *("positive", "confidence", "miss_metric", "miss_limit", "miss_hoped"),
                *("false_alarm_metric", "false_alarm_limit", "more_metric", "more_limit"),
            )
        },
    ),
    st.sampled_from(sorted(JOBS)),
)
def test_any_answers_make_a_promise_or_are_refused(answers, job):
    first = {f"{row}_metric": name for row, name in JOBS[job].metrics.items()}
    targets, refusals = targets_of(first | answers, job=JOBS[job])
    assert bool(targets) != bool(refusals)
    if targets:
        assert targets_of(answers_of(targets), job=JOBS[job], before=targets)[0] == targets


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=50)
@given(json, json)
def test_anything_that_is_no_promise_is_refused_in_words(task, targets):
    with pytest.raises(PromiseError):
        promise_of({"task": task, "targets": targets})


@settings(deadline=None, max_examples=50)
@given(st.sets(st.sampled_from(sorted(FIELDS))))
def test_a_step_is_missing_exactly_where_one_of_its_fields_is(names):
    full = dict.fromkeys(FIELDS, "long enough text") | {"targets": promise(0.1, 0.1)}
    content = {name: full[name] for name in names}
    missing = set(missing_of(content))
    for step in STEPS:
        assert (state_of(step, content) == "missing") == bool(missing & set(step.fields))
    assert not missing & names
    assert missing == {name for name, field in FIELDS.items() if field.asked} - names


def test_exactness_is_that_of_decimals():
    assert share_of("0.1 %") + share_of("0.2 %") == Decimal("0.003")
