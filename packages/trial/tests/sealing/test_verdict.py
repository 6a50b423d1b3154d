"""From a sealed set and answers to the result, and the one sentence of it."""

import numpy as np
import orjson
import pytest

from liudu.contract import Labelled, Reason
from liudu.trial import scorers, scoring
from liudu.trial.scoring import Timing
from liudu.trial.verdict import decide, figure, sentence


@pytest.fixture
def perfect(kit):
    kit.pieces(60)
    sealed = kit.seal()
    truth = sealed.labels()
    answers = {
        name: Labelled(name, truth.classes[code], float(code == 0))
        for name, code in zip(truth.ids, truth.code, strict=True)
    }
    return sealed, answers


def test_a_perfect_solution_passes_and_the_result_is_plain_json(perfect):
    sealed, answers = perfect
    result = decide(sealed.promise, scoring.score(sealed, answers))
    assert result["verdict"] == "passed"
    assert orjson.loads(orjson.dumps(result)) == result
    assert sentence(result, "zh").startswith("通过：已证明 漏检率 < 20 %（95 % 上限 14 %，0/20）")
    assert "proved: overkill rate ≤ 30 %" in sentence(result, "en")


def test_a_solution_that_finds_nothing_fails(perfect):
    sealed, answers = perfect
    silent = {name: Labelled(name, "ok") for name in answers}
    result = decide(sealed.promise, scoring.score(sealed, silent))
    assert result["verdict"] == "failed"
    assert "已否定 漏检率" in sentence(result, "zh")
    assert "下限" in sentence(result, "zh"), "a refutation is told by the other bound"


def test_too_few_pieces_leave_it_undecided_and_say_how_many_more(kit, promised):
    kit.pieces(9)
    promise = promised("classify", [("miss_rate", "<", 0.05), ("overkill_rate", "<=", 0.5)])
    sealed = kit.seal(promise=promise)
    answers = {i.id: Labelled(i.id, "defective") for i in sealed.items}
    truth = sealed.labels()
    answers = {n: Labelled(n, truth.classes[c]) for n, c in zip(truth.ids, truth.code, strict=True)}
    result = decide(promise, scoring.score(sealed, answers))
    assert result["verdict"] == "undecided"
    assert "至少还需 56 件" in sentence(result, "zh")
    assert "at least 56 more pieces" in sentence(result, "en")


@pytest.mark.parametrize(
    ("reason", "verdict"),
    [(Reason.CRASH, "failed"), (Reason.TIMEOUT, "failed"), (Reason.INFRA, "undecided")],
)
def test_a_run_that_ended_badly_has_a_reason_and_no_figures(promised, reason, verdict):
    result = decide(promised("classify"), None, reason=reason)
    assert result["verdict"] == verdict
    assert {target["answer"] for target in result["targets"]} == {"not_yet"}
    for language in ("zh", "en"):
        assert len(sentence(result, language)) > 5


def test_simulated_data_are_named_in_the_sentence(perfect):
    sealed, answers = perfect
    result = decide(sealed.promise, scoring.score(sealed, answers), simulated=True)
    assert "模拟数据" in sentence(result, "zh")
    assert "Simulated" in sentence(result, "en")


@pytest.mark.parametrize(
    ("upper", "shown"), [(0.00199999, "0.2 %"), (0.00200001, "0.201 %"), (0.0019, "0.19 %")]
)
def test_a_bound_is_never_rounded_towards_the_claim(promised, upper, shown):
    result = decide(promised("classify"), None)
    target = result["targets"][0] | {"upper": upper, "point": 0.0, "limit": 0.002}
    assert shown in sentence(result | {"targets": [target]}, "zh")


def test_speed_and_memory_become_evidence_where_they_were_measured(kit, promised):
    kit.pieces()
    promise = promised(
        "classify",
        [
            ("miss_rate", "<", 0.9),
            ("overkill_rate", "<=", 0.9),
            ("throughput_per_h", ">=", 100),
            ("latency_ms_p95", "<=", 2000),
            ("memory_peak_mib", "<=", 512),
        ],
    )
    sealed = kit.seal(promise=promise)
    sent = np.arange(12.0)
    timing = Timing(sent_at_s=sent, answered_at_s=np.where(sent == 11, np.nan, sent + 0.5))
    measured = {"memory_peak_mib": 100.0}
    scored = scoring.score(sealed, {}, timing=timing, measurements=measured)
    found = {one.metric: one for one in scored.evidence}
    assert found["throughput_per_h"].done_at_s.size == 11
    assert found["latency_ms_p95"].value.tolist() == [500.0] * 11
    assert found["memory_peak_mib"].value == 100
    batch = scoring.measured_evidence(promise, timing=None, measurements={"throughput_per_h": 5.0})
    assert [one.metric for one in batch] == ["throughput_per_h"]
    servings = [{"answered": 50, "wall_s": 2.0}, {"answered": 50, "wall_s": 2.5}]
    (repeats,) = scoring.measured_evidence(
        promise, timing=None, measurements={"servings": servings}
    )
    assert repeats.items.tolist() == [50, 50]
    assert repeats.seconds.tolist() == [2.0, 2.5]


def test_another_scorer_than_the_sealed_one_is_refused(perfect, monkeypatch):
    sealed, answers = perfect
    monkeypatch.setattr(scorers.scorer_of("classify"), "VERSION", "2")
    with pytest.raises(scoring.ScorerChangedError, match="classify 1"):
        scoring.score(sealed, answers)


@pytest.mark.parametrize(
    ("value", "limit", "up", "told"),
    [
        (0.0019991561833475357, 0.002, True, "0.19992 %"),  # 0 of 1497 below 0.2 %
        (0.002000491180140234, 0.002, True, "0.201 %"),
        (0.13, 0.2, True, "13 %"),
        (0.0500001, 0.05, False, "5.00001 %"),
        (0.002, 0.002, True, "0.2 %"),
    ],
)
def test_a_bound_has_as_many_digits_as_tell_it_from_its_limit(value, limit, up, told):
    assert figure(value, ratio=True, up=up, beside=limit) == told


def test_thousands_are_whole_unless_that_hides_the_limit():
    assert figure(6123.4, ratio=False, up=False, beside=6000) == "6,123"
    assert figure(6000.4, ratio=False, up=False, beside=6000) == "6000.4"
