"""The scorers against small cases counted by hand and against plain loops."""

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liudu.acceptance import METRICS, Promise, judge
from liudu.contract import Alarm, Box, Boxes, LabelColumns, Labelled, Number
from liudu.trial.scorers import alarm, classify, detect, value
from liudu.trial.scorers.truth import BoxTruth, ClassTruth, StepTruth, ValueTruth


def evidence(scored, metric):
    return next(one for one in scored.evidence if one.metric == metric)


# --- classify ------------------------------------------------------------------------------------

CLASSES = ("defective", "ok", "stain")
LENIENT = Promise.from_mapping(
    {
        "task": "classify",
        "positive": "defective",
        "targets": [
            {"metric": "miss_rate", "op": "<", "limit": 0.5},
            {"metric": "overkill_rate", "op": "<", "limit": 0.5},
        ],
    }
)


def class_truth(*labels, cluster=None):
    return ClassTruth(
        ids=tuple(f"i{k}" for k in range(len(labels))),
        classes=CLASSES,
        code=np.array([CLASSES.index(label) for label in labels], np.int32),
        cluster=cluster,
    )


@pytest.fixture
def all_ratios(promised):
    names = [
        "miss_rate",
        "sensitivity",
        "overkill_rate",
        "specificity",
        "precision",
        "false_discovery_rate",
        "accuracy",
        "error_rate",
        "class_error_rate",
    ]
    return promised(
        "classify",
        [(n, "<=" if METRICS[n].better == "lower" else ">=", 0.5) for n in names],
    )


def test_every_ratio_of_a_classification_is_counted(all_ratios):
    truth = class_truth("defective", "defective", "defective", "ok", "ok", "stain")
    said = ("defective", "ok", "defective", "defective", "ok", "ok")
    answers = {f"i{k}": Labelled(f"i{k}", label) for k, label in enumerate(said)}
    scored = classify.score(truth, answers, promise=all_ratios)
    counted = {one.metric: (int(one.event.sum()), len(one.event)) for one in scored.evidence}
    assert counted == {
        "miss_rate": (1, 3),
        "sensitivity": (2, 3),
        "overkill_rate": (1, 3),
        "specificity": (2, 3),
        "precision": (2, 3),
        "false_discovery_rate": (1, 3),
        "accuracy": (3, 6),
        "error_rate": (3, 6),
        "class_error_rate": (3, 6),
    }
    assert evidence(scored, "class_error_rate").stratum.tolist()[-1] == "stain"
    assert scored.details["confusion"]["counts"] == [[2, 1, 0], [1, 1, 0], [0, 1, 0]]


def test_a_missing_answer_is_a_miss_or_overkill_and_always_wrong(all_ratios):
    truth = class_truth("defective", "ok")
    scored = classify.score(truth, {}, promise=all_ratios)
    for metric in ("miss_rate", "overkill_rate", "error_rate", "false_discovery_rate"):
        assert evidence(scored, metric).event.all(), metric
    assert scored.details["missing"] == 2
    assert scored.details["confusion"]["missing"] == [1, 1, 0]
    assert "没有回答" in scored.details["worst"][0]["why"]["zh"]


def test_an_answer_outside_the_classes_is_wrong_but_no_alarm(all_ratios):
    truth = class_truth("defective", "ok")
    answers = {f"i{k}": Labelled(f"i{k}", "banana") for k in range(2)}
    scored = classify.score(truth, answers, promise=all_ratios)
    assert evidence(scored, "miss_rate").event.tolist() == [True]
    assert evidence(scored, "overkill_rate").event.tolist() == [False]
    assert scored.details["confusion"]["other"] == [1, 1, 0]


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from(CLASSES), st.sampled_from([*CLASSES, "else", None])),
        min_size=1,
        max_size=40,
    )
)
def test_classification_agrees_with_a_plain_loop(rows):
    truth = class_truth(*(true for true, _ in rows))
    answers = {f"i{k}": Labelled(f"i{k}", said) for k, (_, said) in enumerate(rows) if said}
    scored = classify.score(truth, answers, promise=LENIENT)
    misses = [said != "defective" for true, said in rows if true == "defective"]
    overkills = [said in {None, "defective"} for true, said in rows if true != "defective"]
    assert evidence(scored, "miss_rate").event.tolist() == misses
    assert evidence(scored, "overkill_rate").event.tolist() == overkills


def test_columns_in_any_order_score_like_answers_by_id(all_ratios):
    truth = class_truth("defective", "ok", "stain", "ok")
    columns = LabelColumns(
        ids=["i3", "i0", "i2"], labels=["ok", "ok", "stain"], scores=[0.1, 0.2, 0.3]
    )
    answers = {
        name: Labelled(name, label, score)
        for name, label, score in zip(columns.ids, columns.labels, columns.scores, strict=True)
    }
    first = classify.score(truth, columns, promise=all_ratios)
    second = classify.score(truth, answers, promise=all_ratios)
    assert first.details == second.details
    in_order = LabelColumns(ids=list(truth.ids), labels=["ok"] * 4, scores=[None] * 4)
    assert classify.score(truth, in_order, promise=all_ratios).details["counts"]["missed"] == 1


def test_risk_and_coverage_are_read_off_the_scores(promised):
    truth = class_truth("ok", "ok", "defective", "defective")
    answers = {
        f"i{k}": Labelled(f"i{k}", "ok", score) for k, score in enumerate([0.1, 0.2, 0.15, 0.9])
    }
    curve = classify.score(truth, answers, promise=promised("classify")).details["risk_coverage"]
    assert [(row["threshold"], row["coverage"], row["risk"]) for row in curve] == [
        (0.1, 0, 0),
        (0.15, 0.25, 0),
        (0.2, 0.5, 0.5),
        (0.9, 0.75, 0.5),
    ]
    assert all(row["risk_upper"] >= row["risk"] for row in curve)


def test_the_second_look_that_can_be_spared_comes_with_its_guarantee(promised):
    truth = class_truth(*["defective"] * 80 + ["ok"] * 100)
    scores = np.concatenate([np.linspace(0.5, 1, 80), np.linspace(0, 0.6, 100)]).tolist()
    answers = {f"i{k}": Labelled(f"i{k}", "ok", score) for k, score in enumerate(scores)}
    promise = promised("classify", [("miss_rate", "<", 0.1), ("overkill_rate", "<=", 0.3)])
    spared = classify.score(truth, answers, promise=promise).details["selective"]
    assert spared["miss_upper"] <= 0.1
    assert spared["released"] == sum(score < spared["threshold"] for score in scores[80:])
    few = promised("classify", [("miss_rate", "<", 0.002), ("overkill_rate", "<=", 0.3)])
    assert "refused" in classify.score(truth, answers, promise=few).details["selective"]


def test_no_guarantee_is_given_for_pieces_that_hang_together(promised):
    truth = class_truth("defective", "ok", cluster=np.array([1, 1]))
    answers = {f"i{k}": Labelled(f"i{k}", "ok", 0.5) for k in range(2)}
    assert classify.score(truth, answers, promise=promised("classify")).details["selective"] is None


def test_without_scores_there_is_no_curve_and_scores_by_class_will_do(promised):
    truth = class_truth("ok", "defective")
    bare = {f"i{k}": Labelled(f"i{k}", "ok") for k in range(2)}
    assert (
        classify.score(truth, bare, promise=promised("classify")).details["risk_coverage"] is None
    )
    rich = {f"i{k}": Labelled(f"i{k}", "ok", None, {"defective": k / 2}) for k in range(2)}
    assert classify.score(truth, rich, promise=promised("classify")).details["risk_coverage"]


def test_the_worst_errors_come_first(promised):
    truth = class_truth("defective", "defective", "ok", "ok")
    scores = [0.4, 0.1, 0.6, 0.9]
    said = ["ok", "ok", "defective", "defective"]
    answers = {f"i{k}": Labelled(f"i{k}", said[k], scores[k]) for k in range(4)}
    worst = classify.score(truth, answers, promise=promised("classify")).details["worst"]
    assert [row["id"] for row in worst] == ["i1", "i0", "i3", "i2"]
    assert [row["why"]["en"] for row in worst] == ["missed"] * 2 + ["overkill"] * 2


def test_pieces_of_one_cluster_stay_together_in_the_evidence(promised):
    truth = class_truth("defective", "ok", "ok", cluster=np.array([4, 4, 9]))
    scored = classify.score(truth, {}, promise=promised("classify"))
    assert len(set(evidence(scored, "overkill_rate").cluster)) == 2


# --- detect --------------------------------------------------------------------------------------

KINDS = ("open", "short")


def box_truth(*pieces, cluster=None):
    """Each piece is a list of (box, label)."""
    flat = [(index, box, label) for index, piece in enumerate(pieces) for box, label in piece]
    return BoxTruth(
        ids=tuple(f"i{k}" for k in range(len(pieces))),
        classes=KINDS,
        piece=np.array([index for index, _, _ in flat], np.int64),
        box=np.array([box for _, box, _ in flat], float).reshape(-1, 4),
        code=np.array([KINDS.index(label) for _, _, label in flat], np.int32),
        cluster=cluster,
    )


def boxes(index, *found):
    """Answer for one piece: (box, label, score) each."""
    return {f"i{index}": Boxes(f"i{index}", tuple(Box(*b, label, s) for b, label, s in found))}


@pytest.fixture
def detect_promise(promised):
    return promised(
        "detect",
        [
            ("miss_rate", "<", 0.2),
            ("overkill_rate", "<=", 0.3),
            ("precision", ">=", 0.5),
            ("false_calls_per_piece", "<=", 1, {"cap": 10}),
        ],
    )


A, B, FAR = (0, 0, 10, 10), (20, 0, 30, 10), (50, 50, 60, 60)


def test_found_missed_and_false_boxes_are_counted(detect_promise):
    truth = box_truth([(A, "open"), (B, "short")], [])
    answers = boxes(0, (A, "open", 0.9), (FAR, "open", 0.8)) | boxes(1, (A, "short", 0.3))
    scored = detect.score(truth, answers, promise=detect_promise)
    assert evidence(scored, "miss_rate").event.tolist() == [False, True]
    assert evidence(scored, "overkill_rate").event.tolist() == [True]
    assert evidence(scored, "precision").event.tolist() == [True, False, False]
    assert evidence(scored, "false_calls_per_piece").value.tolist() == [1, 1]
    assert scored.details["counts"]["false_calls"] == 2


def test_the_overlap_must_exceed_the_limit_and_the_class_must_agree(detect_promise):
    truth = box_truth([((0, 0, 100, 100), "open")])
    for corner, hit in ((33, False), (34, True)):  # overlap 0.33 and 0.34 of 100 × 100
        answers = boxes(0, ((0, 0, 100, corner), "open", 1.0))
        scored = detect.score(truth, answers, promise=detect_promise)
        assert evidence(scored, "miss_rate").event.tolist() == [not hit]
    wrong = detect.score(truth, boxes(0, ((0, 0, 100, 100), "short", 1.0)), promise=detect_promise)
    assert evidence(wrong, "miss_rate").event.tolist() == [True]
    assert wrong.details["confusion"]["counts"] == [[0, 1], [0, 0]]


def test_a_second_call_on_one_box_is_false(detect_promise):
    truth = box_truth([(A, "open")])
    answers = boxes(0, (A, "open", 0.5), ((0, 0, 10, 9), "open", 0.9))
    scored = detect.score(truth, answers, promise=detect_promise)
    assert evidence(scored, "precision").event.tolist() == [False, True]


def test_a_picture_without_an_answer_is_the_worst(detect_promise):
    truth = box_truth([(A, "open")], [])
    scored = detect.score(truth, {}, promise=detect_promise)
    assert evidence(scored, "miss_rate").event.all()
    assert evidence(scored, "overkill_rate").event.all()
    assert evidence(scored, "false_calls_per_piece").value.tolist() == [10, 10]
    assert evidence(scored, "precision").event.tolist() == [False]
    assert scored.details["missing"] == 2


def test_false_calls_are_capped_as_the_protocol_says(detect_promise):
    many = [((k, 0, k + 1, 1), "open", 0.1) for k in range(25)]
    scored = detect.score(box_truth([]), boxes(0, *many), promise=detect_promise)
    assert evidence(scored, "false_calls_per_piece").value.tolist() == [10]


def test_a_box_below_the_score_that_counts_draws_the_curve_and_nothing_else(promised):
    truth = box_truth([(A, "open"), (B, "short")])
    answers = boxes(0, (A, "open", 0.9), (B, "short", 0.2))
    called = attrs.evolve(promised("detect"), score_min=0.5)
    counted = detect.score(truth, answers, promise=called).details
    every = detect.score(truth, answers, promise=promised("detect")).details

    assert counted["counts"]["missed"] == 1
    assert counted["recall"] == counted["deeppcb"]["recall"] == 0.5
    assert counted["map"] == every["map"] == 1
    assert counted["precision_recall"] == every["precision_recall"]


def test_boxes_of_one_picture_are_one_cluster(detect_promise):
    truth = box_truth([(A, "open"), (B, "open")], [(A, "open")])
    scored = detect.score(truth, {}, promise=detect_promise)
    assert len(set(evidence(scored, "miss_rate").cluster)) == 2
    verdict = judge(detect_promise, scored.evidence)
    assert verdict.targets[0].clusters == 2


def test_average_precision_is_the_area_under_the_envelope():
    hit, scores = np.array([True, False, True]), np.array([0.9, 0.8, 0.7])
    assert detect.average_precision(hit, scores, boxes=4) == pytest.approx(0.25 * 1 + 0.25 * 2 / 3)
    assert detect.average_precision(hit[:0], scores[:0], boxes=4) == 0


def random_pictures(seed, count=40):
    rng = np.random.default_rng(seed)
    pieces, answers = [], {}
    for index in range(count):
        corners = rng.integers(0, 60, (rng.integers(0, 5), 2))
        true = [((x, y, x + 12, y + 12), KINDS[rng.integers(2)]) for x, y in corners.tolist()]
        found = []
        for (x, y, *_), label in true:
            if rng.random() < 0.8:
                dx, dy = rng.integers(-5, 6, 2).tolist()
                kind = label if rng.random() < 0.8 else KINDS[rng.integers(2)]
                box = (x + dx, y + dy, x + dx + 12, y + dy + 12)
                found.append((box, kind, round(float(rng.random()), 2)))
        if rng.random() < 0.3:
            found.append(((70, 70, 80, 80), "open", round(float(rng.random()), 2)))
        pieces.append(true)
        answers |= boxes(index, *found)
    return pieces, answers


def overlap(a, b):
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    return width * height / (2 * 144 - width * height) if width * height else 0.0


@pytest.mark.parametrize("seed", range(5))
def test_the_deeppcb_figures_agree_with_its_protocol_written_as_plain_loops(seed, promised):
    pieces, answers = random_pictures(seed)
    boxes_total = calls_total = right_total = 0
    calls = []
    for index, true in enumerate(pieces):
        found = answers[f"i{index}"].boxes
        boxes_total, calls_total = boxes_total + len(true), calls_total + len(found)
        used_true, used_call, right = set(), set(), set()
        for i, (box, label) in enumerate(true):
            for j, call in enumerate(found):
                near = overlap(box, (call.x1, call.y1, call.x2, call.y2)) > 0.33
                if near and i not in used_true and j not in used_call:
                    used_true.add(i)
                    used_call.add(j)
                    if call.label == label:
                        right.add(j)
        right_total += len(right)
        calls += [(-call.score, len(calls) + j, j in right) for j, call in enumerate(found)]
    figures = detect.score(box_truth(*pieces), answers, promise=promised("detect")).details[
        "deeppcb"
    ]
    assert figures["precision"] == pytest.approx(right_total / calls_total)
    assert figures["recall"] == pytest.approx(right_total / boxes_total)
    area, hits = 0.0, 0
    for rank, (_, _, hit) in enumerate(sorted(calls), 1):
        hits += hit
        area += hit * hits / rank
    assert figures["average_precision"] == pytest.approx(area / boxes_total)


@pytest.mark.parametrize("seed", range(3))
def test_matching_does_not_depend_on_the_order_of_the_answers(seed, promised):
    pieces, answers = random_pictures(seed)
    answers = {
        name: Boxes(
            name,
            tuple(
                Box(b.x1, b.y1, b.x2, b.y2, b.label, (k + 1) / 100) for k, b in enumerate(one.boxes)
            ),
        )
        for name, one in answers.items()
    }
    turned = {name: Boxes(name, one.boxes[::-1]) for name, one in answers.items()}
    first, second = (
        detect.score(box_truth(*pieces), given, promise=promised("detect")).details
        for given in (answers, turned)
    )
    assert first["counts"] == second["counts"]
    assert [row["missed"] for row in first["by_class"]] == [
        row["missed"] for row in second["by_class"]
    ]


def test_a_perfect_answer_has_every_figure_at_one(promised):
    truth = box_truth([(A, "open"), (B, "short")])
    scored = detect.score(
        truth, boxes(0, (B, "short", 0.6), (A, "open", 0.7)), promise=promised("detect")
    )
    details = scored.details
    assert details["map"] == details["f1"] == details["deeppcb"]["average_precision"] == 1
    assert details["worst"] == []


def test_the_worst_picture_tells_which_boxes_were_found(promised):
    truth = box_truth([(A, "open")], [(A, "open"), (B, "short")])
    scored = detect.score(
        truth,
        boxes(0, (A, "open", 1.0)) | boxes(1, (A, "open", 0.4), (FAR, "open", 0.2)),
        promise=promised("detect"),
    )
    (worst,) = scored.details["worst"]
    assert worst["id"] == "i1"
    assert [row["found"] for row in worst["truth"]] == [True, False]
    assert [row["hit"] for row in worst["answer"]] == [True, False]
    assert worst["why"]["zh"] == "漏检 1 处，误报 1 处"


# --- alarm ---------------------------------------------------------------------------------------


def step_truth(*series):
    """Each series is a text: digits are steps of that event, dots are quiet."""
    flat = [(k, step) for k, one in enumerate(series) for step in one]
    names = {}
    event = [-1 if s == "." else names.setdefault((k, s), len(names)) for k, s in flat]
    where = np.array([k for k, _ in flat], np.int64)
    return StepTruth(
        ids=tuple(f"i{k}" for k in range(len(flat))),
        series=where,
        event=np.array(event, np.int64),
        cluster=where,
    )


def alarms(text, missing=()):
    return {f"i{k}": Alarm(f"i{k}", said == "!") for k, said in enumerate(text) if k not in missing}


@pytest.fixture
def alarm_promise(promised):
    return promised(
        "alarm",
        [
            ("miss_rate", "<", 0.5),
            ("first_step_rate", ">=", 0.5),
            ("false_alarm_rate", "<=", 0.3),
            ("specificity", ">=", 0.5),
            ("precision", ">=", 0.5),
        ],
    )


def test_events_are_caught_while_they_last_and_alarms_count_when_quiet(alarm_promise):
    truth = step_truth("..11.222", "33.4")
    scored = alarm.score(truth, alarms("!..!..!." + "!..."), promise=alarm_promise)
    assert evidence(scored, "miss_rate").event.tolist() == [False, False, False, True]
    assert evidence(scored, "first_step_rate").event.tolist() == [False, False, True, False]
    assert evidence(scored, "false_alarm_rate").event.tolist() == [True, False, False, False]
    assert evidence(scored, "precision").event.tolist() == [False, True, True, True]
    assert scored.details["delay_steps"]["counts"] == [1, 2]
    assert len(set(evidence(scored, "miss_rate").cluster)) == 2


def test_an_alarm_after_the_event_is_false_and_the_event_missed(alarm_promise):
    scored = alarm.score(step_truth("11.."), alarms("..!."), promise=alarm_promise)
    assert evidence(scored, "miss_rate").event.tolist() == [True]
    assert evidence(scored, "false_alarm_rate").event.tolist() == [True, False]


def test_a_step_without_an_answer_is_the_worst(alarm_promise):
    scored = alarm.score(step_truth("1."), {}, promise=alarm_promise)
    assert evidence(scored, "miss_rate").event.all()
    assert evidence(scored, "false_alarm_rate").event.all()
    assert [row["why"]["en"] for row in scored.details["worst"]] == [
        "no alarm during the whole event (1 steps)",
        "no answer, counted as the worst",
    ]


def test_quiet_series_without_any_event_can_be_scored(alarm_promise):
    scored = alarm.score(step_truth("...."), alarms("...."), promise=alarm_promise)
    assert evidence(scored, "miss_rate").event.size == 0
    assert scored.details["delay_steps"] is None
    assert judge(alarm_promise, scored.evidence).targets[0].answer == "not_yet"


# --- value ---------------------------------------------------------------------------------------


@pytest.fixture
def value_promise(promised):
    return promised(
        "value",
        [
            ("within_tolerance_rate", ">=", 0.5, {"tolerance": 0.5}),
            ("mean_absolute_error", "<=", 1, {"cap": 4}),
            ("bias", "<=", 1, {"cap": 4}),
        ],
    )


def test_errors_are_signed_capped_and_held_against_the_tolerance(value_promise):
    truth = ValueTruth(ids=("i0", "i1", "i2"), value=np.array([1.0, 2.0, 3.0]), cluster=None)
    answers = {"i0": Number("i0", 1.5), "i1": Number("i1", -98.0)}
    scored = value.score(truth, answers, promise=value_promise)
    assert evidence(scored, "within_tolerance_rate").event.tolist() == [True, False, False]
    assert evidence(scored, "mean_absolute_error").value.tolist() == [0.5, 4, 4]
    assert evidence(scored, "bias").value.tolist() == [0.5, -4, 4]
    assert scored.details["missing"] == 1
    assert [row["id"] for row in scored.details["worst"]] == ["i2", "i1", "i0"]
    assert scored.details["worst"][1]["why"]["zh"] == "偏低 100"


def test_no_answer_at_all_can_be_scored(value_promise):
    truth = ValueTruth(ids=("i0",), value=np.array([1.0]), cluster=None)
    details = value.score(truth, {}, promise=value_promise).details
    assert details["mean_absolute_error"] is None
    assert details["within_tolerance"] == {"within_tolerance_rate": 0.0}
