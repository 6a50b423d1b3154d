"""What a need must say, what its promise takes, and what two writers left."""

from datetime import date

import pytest

from liudu.acceptance import METRICS, PromiseError, plan
from liudu.platform.needs.decisions import (
    FIELDS,
    STEPS,
    BudgetOutOfRangeError,
    DueDateFarError,
    NotADayError,
    NotTextError,
    TextTooLongError,
    UnknownFieldError,
    UnknownJobError,
    changes_between,
    clashes,
    clean,
    is_further,
    merged_text,
    missing_of,
    require_future,
    settled,
    state_of,
    step_of,
)
from liudu.platform.needs.jobs import JOBS, ROWS, job_of, metrics_of
from liudu.platform.needs.promises import (
    AccuracyIsNoTargetError,
    SideMissingError,
    accuracy_wish,
    answers_of,
    plan_of,
    promise_of,
    target_words,
    targets_of,
)

SORT = {
    "positive": "defective",
    "miss_metric": "miss_rate",
    "miss_limit": "0.2 %",
    "false_alarm_metric": "overkill_rate",
    "false_alarm_limit": "3 %",
}


def made(answers, job="sort", **more):
    targets, refusals = targets_of(answers, job=JOBS[job], **more)
    assert not refusals, {name: refusal.say("en") for name, refusal in refusals.items()}
    return targets


def refused(answers, job="sort"):
    targets, refusals = targets_of(answers, job=JOBS[job])
    assert targets == {}
    return refusals


def test_the_plan_says_the_sizes_that_everybody_knows():
    needed = plan_of(made(SORT), pieces_per_h=6000, positive_share=0.01, job="sort")
    bad, good = needed.kinds
    assert (bad.unit, bad.samples) == ("positive", (1497, 2371, 3146))
    assert (good.unit, good.samples) == ("negative", (99, 157, 208))
    assert (bad.zh, good.en) == ("坏件", "good pieces")
    assert (needed.line_count, needed.hours) == (149_700, 24.95)


def test_seeding_is_proposed_when_the_line_takes_too_long():
    targets = made(SORT)
    rare = plan_of(targets, pieces_per_h=6000, positive_share=0.0001)
    assert rare.seeding.seeded_count == 1497
    assert rare.seeding.line_count == 100
    assert rare.seeding.piece_count == 1597
    assert rare.seeding.hours == pytest.approx(1597 / 6000)
    assert plan_of(targets, pieces_per_h=6000, positive_share=0.2).seeding is None
    assert plan_of(targets).hours is None
    assert plan_of(targets, pieces_per_h=6000).hours is None


def test_where_good_pieces_are_rare_good_ones_are_seeded():
    needed = plan_of(made(SORT), pieces_per_h=1, positive_share=0.999)
    assert needed.seeding.unit == "negative"
    assert needed.seeding.seeded_count == 99


@pytest.mark.parametrize("job", JOBS)
def test_every_kind_of_job_starts_with_metrics_that_make_a_promise(job):
    kind = JOBS[job]
    answers = {"positive": "x"}
    for row, metric in kind.metrics.items():
        good = METRICS[metric].better == "higher"
        answers |= {f"{row}_metric": metric, f"{row}_limit": "98 %" if good else "2 %"}
        if METRICS[metric].options:
            answers[f"{row}_option"] = "0.5"
    targets = made(answers, job)
    assert promise_of(targets).task == kind.task
    assert plan_of(targets, job=job).kinds
    assert job_of(code=job, task=kind.task) is kind


def test_every_metric_that_can_be_promised_is_offered():
    offered = {
        (task, one.name) for task in ROWS for row in ROWS[task] for one in metrics_of(task, row=row)
    }
    assert offered == {
        (task, one.name) for one in METRICS.values() if one.kind != "summary" for task in one.tasks
    }


def test_one_kind_of_error_alone_is_refused_beside_the_other():
    without = {**SORT, "false_alarm_limit": ""}
    assert isinstance(refused(without)["false_alarm_limit"], SideMissingError)
    assert "漏检" in refused({**SORT, "miss_limit": ""})["miss_limit"].say("zh")


@pytest.mark.parametrize("metric", ["accuracy", "error_rate"])
def test_accuracy_alone_is_refused_with_what_to_ask_instead(metric):
    limit = "95 %" if metric == "accuracy" else "5 %"
    answers = {"positive": "x", "more_metric": metric, "more_limit": limit}
    refusal = refused(answers)["more_limit"]
    assert isinstance(refusal, AccuracyIsNoTargetError)
    assert "漏检率" in refusal.say("zh")
    assert "miss rate" in refusal.say("en")


def test_accuracy_beside_both_kinds_of_error_does_no_harm():
    targets = made({**SORT, "more_metric": "accuracy", "more_limit": "95 %"})
    assert len(targets["targets"]) == 3


def test_every_figure_is_refused_beside_its_own_field():
    bad = {**SORT, "miss_limit": "many", "false_alarm_hoped": "5", "confidence": "x"}
    assert set(refused(bad)) == {"miss_limit", "false_alarm_hoped", "confidence"}
    assert set(refused({**SORT, "positive": " "})) == {"positive"}
    assert set(refused({**SORT, "miss_limit": "0 %"})) == {"miss_limit"}
    assert set(refused({**SORT, "confidence": "40 %"})) == {"confidence"}


def test_what_the_form_does_not_ask_is_kept():
    before = promise_of(
        {
            "task": "classify",
            "positive": "x",
            "level": "site",
            "limits": {"memory_mib": 512},
            "targets": [
                {"metric": "miss_rate", "op": "<", "limit": 0.002},
                {"metric": "sensitivity", "op": ">=", "limit": 0.9},
                {"metric": "precision", "op": ">=", "limit": 0.9},
                {"metric": "overkill_rate", "op": "<=", "limit": 0.03},
                {"metric": "throughput_per_h", "op": ">=", "limit": 6000},
                {"metric": "latency_ms_p95", "op": "<=", "limit": 200},
            ],
        }
    ).to_json()
    after = made(answers_of(before), before=before)
    by_metric = {one["metric"]: one for one in after["targets"]}
    assert by_metric == {one["metric"]: one for one in before["targets"]}
    assert (after["level"], after["limits"]) == ("site", {"memory_mib": 512})
    assert by_metric["miss_rate"]["op"] == "<"


def test_targets_are_said_in_words():
    one = {"metric": "miss_rate", "op": "<", "limit": 0.002, "every_class": True}
    assert target_words(one) == ("漏检率（每一类） < 0.2 %", "Miss rate in every class < 0.2 %")


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("要求识别准确率达到９５％以上", "准确率达到95%"),
        ("an accuracy of 99 % is a must", "accuracy of 99 %"),
        ("95% 以上的准确率", "95% 以上的准确率"),
        ("漏检率低于 0.2 %", ""),
        ("", ""),
    ],
)
def test_an_accuracy_that_is_wished_for_is_found_in_a_text(text, wish):
    assert accuracy_wish(text) == wish


@pytest.mark.parametrize(
    "targets",
    [
        [],
        "targets",
        {"task": "classify"},
        {"task": "classify", "positive": "x", "targets": [{"metric": ["x"], "op": {}, "limit": 1}]},
        {"task": ["x"], "targets": 3},
        {
            "task": "classify",
            "positive": "x",
            "targets": [{"metric": "miss_rate", "op": "<", "limit": 10**400}],
        },
        {
            "task": "classify",
            "positive": "x",
            "targets": [{"metric": "miss_rate", "op": "<", "limit": float("nan")}],
        },
    ],
)
def test_targets_that_are_no_promise_are_refused_and_never_break(targets):
    with pytest.raises(PromiseError):
        promise_of(targets)


def test_fields_are_cleaned_and_refused_one_by_one():
    assert clean({"title": " a\r\nb\u2028 "}) == {"title": "a b"}
    assert clean({"problem": "a\r\nb\x00"}) == {"problem": "a\nb"}
    assert clean({"due_date": "2027-01-02"}) == {"due_date": date(2027, 1, 2)}
    for fields, error in (
        ({"title": "x" * 121}, TextTooLongError),
        ({"title": None}, NotTextError),
        ({"problem": 3}, NotTextError),
        ({"budget_fen_max": -1}, BudgetOutOfRangeError),
        ({"budget_fen_max": True}, BudgetOutOfRangeError),
        ({"budget_fen_max": 1.5}, BudgetOutOfRangeError),
        ({"due_date": "tomorrow"}, NotADayError),
        ({"job": "fly"}, UnknownJobError),
        ({"revision": 3}, UnknownFieldError),
    ):
        with pytest.raises(error):
            clean(fields)


def test_a_day_centuries_away_is_a_slip_of_the_pen():
    with pytest.raises(DueDateFarError):
        require_future(date(2206, 1, 1), today=date(2026, 1, 1))


def test_targets_bring_their_job_and_their_line_along():
    line = {"pieces_per_h": 10.0, "positive_share": 0.5}
    done = settled({}, {"targets": {**made(SORT), "line": line}})
    assert (done["job"], done["pieces_per_h"], done["positive_share"]) == ("sort", 10.0, 0.5)
    assert done["targets"]["line"] == line
    again = settled({**done}, {"pieces_per_h": None})
    assert "line" not in again["targets"]


def test_every_step_asks_for_fields_and_every_asked_field_has_a_step():
    for name, field in FIELDS.items():
        if field.asked:
            assert name in step_of(name).fields
    assert {state_of(step, {}) for step in STEPS} == {"missing", "optional"}


def test_a_short_problem_is_not_yet_one():
    assert "problem" in missing_of({"problem": "太慢"})


def test_clashes_show_every_field_that_either_wrote():
    base = {"title": "a", "problem": "p", "job": "sort"}
    found = clashes(
        base=base,
        mine={"title": "b", "problem": "p"},
        theirs={"title": "c", "problem": "q", "job": "sort"},
    )
    assert [(one.field.name, one.theirs, one.mine, one.both) for one in found] == [
        ("title", "c", "b", True),
        ("problem", "q", None, False),
    ]
    same = clashes(base=base, mine={"title": "z"}, theirs={**base, "title": "z"})
    assert not same[0].both


def test_empty_and_absent_are_the_same():
    assert changes_between({"problem": ""}, {}) == ()
    assert changes_between({"targets": {}}, {"targets": None}) == ()


def test_both_texts_are_kept_and_none_twice():
    assert merged_text("b", "a") == "a\n\nb"
    assert merged_text("a", "a b") == "a b"
    assert merged_text("a b", "a") == "a b"


def test_stages_go_round_one_way():
    assert is_further("trial", than="posted")
    assert not is_further("posted", than="posted")
    assert not is_further("matched", than="accepted")


def test_the_plan_agrees_with_the_engine():
    targets = made({**SORT, "speed_metric": "latency_ms_p95", "speed_limit": "200"})
    line = {"pieces_per_h": 600.0, "positive_share": 0.02}
    ours = plan_of({**targets, "line": line})
    theirs = plan(promise_of({**targets, "line": line}))
    assert {kind.unit: kind.count for kind in ours.kinds} == dict(theirs.samples_by_unit)
    assert (ours.line_count, ours.hours) == (theirs.pieces_from_line, theirs.hours_on_line)
