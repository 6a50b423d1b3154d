"""The result of a run: what was asked, what was measured, and what statistics say to it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from liudu.acceptance import METRICS, Promise, Verdict, judge
from liudu.contract import CONTRACT, Language, Reason
from liudu.trial.scorers import Scored

DIGITS, DIGITS_MAX = 3, 8
_ANSWERS: Mapping[str, tuple[str, str]] = {
    "proved": ("已证明", "Proved"),
    "refuted": ("已否定", "Refuted"),
    "not_yet": ("尚未证明", "Not yet proved"),
}
_VERDICTS: Mapping[str, tuple[str, str]] = {
    "passed": ("通过", "Passed"),
    "failed": ("未通过", "Failed"),
    "undecided": ("未定", "Undecided"),
}
_REASONS: Mapping[str, tuple[str, str]] = {
    Reason.CRASH: ("解决方案崩溃", "the solution crashed"),
    Reason.TIMEOUT: ("超出时间上限", "it ran past its time limit"),
    Reason.OOM: ("超出内存上限", "it ran out of memory"),
    Reason.BAD_OUTPUT: ("输出不符合合约", "its output breaks the contract"),
    Reason.MISSING_ITEMS: ("有样本没有回答", "it left items without an answer"),
    Reason.SANDBOX_VIOLATION: ("触犯沙箱规则", "it broke the rules of the sandbox"),
    Reason.INFRA: ("运行环境故障，不计次数", "the runner failed; this costs no attempt"),
}


def decide(
    promise: Promise,
    scored: Scored | None,
    *,
    reason: Reason = Reason.OK,
    simulated: bool = False,
    verdict: Verdict | None = None,
    measurements: Mapping[str, Any] | None = None,
    level: Mapping[str, Any] | None = None,
    digests: Mapping[str, str] | None = None,
    scorer: Mapping[str, Any] | None = None,
    solution: Mapping[str, Any] | None = None,
    attempts: Sequence[Mapping[str, Any]] = (),
    looks: Sequence[Mapping[str, Any]] = (),
    started_at: str | None = None,
    ended_at: str | None = None,
    versions: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the content of ``result.json``.

    Parameters
    ----------
    promise
        What the solution is held to.
    scored
        Evidence and details; None when the run ended before there was anything to score.
    reason
        How the run ended. Any end but ``ok`` and ``missing_items`` fails the trial; ``infra``
        leaves it undecided, for that is the runner's own fault.
    verdict
        Given when it was reached by several looks (`liudu.acceptance.look`); judged here, once,
        otherwise.
    simulated, measurements, level, digests, scorer, solution, attempts, looks, started_at, ended_at
        Copied; see ``docs/reference/formats.md``.
    versions
        Of the program and what it rests on.

    Returns
    -------
    JSON values only.

    """
    judged = verdict
    if judged is None and scored is not None and reason in {Reason.OK, Reason.MISSING_ITEMS}:
        judged = judge(promise, scored.evidence)
    return {
        "contract": CONTRACT,
        "verdict": _answer(judged, reason=reason),
        "reason": str(reason),
        "attempts": [dict(attempt) for attempt in attempts],
        "task": promise.task,
        "positive": promise.positive,
        "simulated": simulated,
        "targets": _targets(promise, judged),
        "measurements": dict(measurements or {}),
        "level": dict(level or {}),
        "digests": dict(digests or {}),
        "scorer": dict(scorer or {}),
        "solution": dict(solution or {}),
        "details": {} if scored is None else scored.details,
        "looks": [dict(look) for look in looks],
        "started_at": started_at,
        "ended_at": ended_at,
        "versions": dict(versions or {}),
    }


def _answer(judged: Verdict | None, *, reason: Reason) -> str:
    if reason is Reason.INFRA:
        return "undecided"
    return "failed" if judged is None else judged.answer


def _targets(promise: Promise, judged: Verdict | None) -> list[dict[str, object]]:
    if judged is not None:
        return [target.to_json() for target in judged.targets]
    nothing: dict[str, object] = {
        "answer": "not_yet",
        "point": None,
        "lower": None,
        "upper": None,
        "by_class": [],
    }
    return [target.to_json() | nothing for target in promise.targets]


def sentence(result: Mapping[str, Any], language: Language) -> str:
    """Return the verdict in one sentence.

    Parameters
    ----------
    result
        The content of ``result.json``.
    language
        ``zh`` or ``en``.

    Examples
    --------
    «通过：漏检率 < 0.2 % 已证明（95 % 上限 0.19 %，1600 件中 0 件）…»

    """
    zh = language == "zh"
    head = _VERDICTS[result["verdict"]][0 if zh else 1]
    if result["simulated"]:
        head = f"（模拟数据）{head}" if zh else f"(Simulated data) {head}"
    why = _REASONS.get(result["reason"])
    parts = [why[0 if zh else 1]] if why else []
    if any(target["point"] is not None for target in result["targets"]):
        parts += [target_sentence(target, language) for target in result["targets"]]
    body = ("；" if zh else "; ").join(parts)
    return f"{head}：{body}。" if zh else f"{head}: {body}."


def target_sentence(target: Mapping[str, Any], language: Language) -> str:
    """Return what became of one target: answer, limit, bound, counts, and what is missing."""
    zh = language == "zh"
    metric = METRICS[target["metric"]]
    name = metric.zh if zh else metric.en
    ratio = metric.kind == "ratio"
    limit = f"{name} {sign(target['op'])} {figure(target['limit'], ratio=ratio)}"
    answer = _ANSWERS[target["answer"]][0 if zh else 1]
    facts = "，".join(_facts(target, zh=True)) if zh else ", ".join(_facts(target, zh=False))
    return f"{answer} {limit}（{facts}）" if zh else f"{answer.lower()}: {limit} ({facts})"


def _facts(target: Mapping[str, Any], *, zh: bool) -> list[str]:
    metric = METRICS[target["metric"]]
    ratio = metric.kind == "ratio"
    facts = [_bound(target, zh=zh, ratio=ratio)]
    if ratio and target.get("trials"):
        events, trials = target["events"], target["trials"]
        facts.append(f"{events}/{trials}")
    more = target.get("more_needed")
    if more:
        unit = {"piece": "件", "cluster": "簇"}[more["unit"]] if zh else f"{more['unit']}s"
        count = more["no_further_error"]
        facts.append(
            f"至少还需 {count} {unit}" if zh else f"at least {count} more {unit} are needed"
        )
    return facts


def _bound(target: Mapping[str, Any], *, zh: bool, ratio: bool) -> str:
    """Return the bound that decides: the upper one for a promise of “at most”."""
    side = "upper" if target["op"].startswith("<") else "lower"
    if target["answer"] == "refuted":  # then the other side tells why
        side = "lower" if side == "upper" else "upper"
    value = target.get(side)
    if value is None:
        point = target["point"]
        if point is None:
            return "无数据" if zh else "nothing to count"
        return ("实测 " if zh else "measured ") + figure(point, ratio=ratio)
    confidence = f"{100 * target['confidence']:g} %"
    words = {"upper": ("上限", "upper bound"), "lower": ("下限", "lower bound")}[side]
    up = side == "upper"
    shown = figure(value, ratio=ratio, up=up, beside=target["limit"])
    return f"{confidence} {words[0]} {shown}" if zh else f"{confidence} {words[1]} {shown}"


def sign(op: str) -> str:
    """Return a comparison as it is written in a sentence."""
    return {"<=": "≤", ">=": "≥"}.get(op, op)


def figure(
    value: float, *, ratio: bool, up: bool | None = None, beside: float | None = None
) -> str:
    """Return a figure with three digits, more where it must differ from the limit `beside` it.

    Bounds (`up` is given) are rounded away from the claim, never towards.
    """
    for digits in range(DIGITS, DIGITS_MAX):
        text = _shown(value, ratio=ratio, up=up, digits=digits)
        if beside is None or math.isclose(beside, value, rel_tol=1e-9):
            return text
        if text != _shown(beside, ratio=ratio, digits=digits):
            return text
    return _shown(value, ratio=ratio, up=up, digits=DIGITS_MAX)


def _shown(value: float, *, ratio: bool, digits: int, up: bool | None = None) -> str:
    shown = 100 * value if ratio else value
    whole = abs(shown) >= 1000 and digits == DIGITS  # noqa: PLR2004 - thousands are shown whole
    text = f"{shown:,.0f}" if whole else f"{shown:.{digits}g}"
    if up is not None:
        text = _rounded_away(shown, text, up=up, digits=digits)
    return f"{text} %" if ratio else text


def _rounded_away(shown: float, text: str, *, up: bool, digits: int) -> str:
    given = float(text.replace(",", ""))
    if (given >= shown) if up else (given <= shown):
        return text
    if "," in text or (abs(shown) >= 1000 and digits == DIGITS):  # noqa: PLR2004
        return f"{given + (1 if up else -1):,.0f}"
    exponent = f"{abs(shown):.{digits - 1}e}".partition("e")[2]
    step = 10.0 ** (int(exponent) - digits + 1)
    return f"{given + (step if up else -step):.{digits}g}"
