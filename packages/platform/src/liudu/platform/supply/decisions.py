"""What fits what, and how a check of conformance is told: no database, no clock."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import attrs

from liudu.acceptance import Promise
from liudu.contract import TASKS, Manifest, ManifestError, Reason, Refusal
from liudu.platform.clock import day_of
from liudu.platform.words import Words
from liudu.trial.conformance import Conformance, TaskFindings
from liudu.trial.runtime import (
    NeedsNotMetError,
    NoGpuError,
    TooFewCpusError,
    WrongModeError,
    WrongTaskError,
)

Json = dict[str, Any]

# One run of the kit's samples may take two minutes; a check that is silent longer has lost its
# worker.
LEASE: Final = timedelta(minutes=4)
QUEUED_LEASE: Final = timedelta(minutes=20)
CHECKS_MAX: Final = 6
STDERR_CHARACTERS_MAX: Final = 4000
# Only these tell of the bundle, which could be opened when it came; whatever else goes wrong is
# ours and costs the vendor nothing.
VENDORS_FAULT: Final = (
    NeedsNotMetError,
    NoGpuError,
    TooFewCpusError,
    WrongModeError,
    WrongTaskError,
)

TASK_WORDS: Final[Mapping[str, Words]] = {
    "classify": Words("判定类别", "Classify"),
    "detect": Words("找出位置", "Detect"),
    "alarm": Words("预警", "Alarm"),
    "value": Words("估计数值", "Estimate a value"),
}
MODE_WORDS: Final[Mapping[str, Words]] = {
    "batch": Words("批处理", "Batch"),
    "stream": Words("逐件", "Stream"),
}
# The wording of docs/reference/reason-codes.md and docs/reference/contract.md.
REASON_WORDS: Final[Mapping[str, Words]] = {
    "crash": Words(
        "非零退出码、被信号终止或临时文件夹写满；标准错误的末尾说明原因",
        "another exit code, a signal, or a full /tmp; the end of standard error says why",
    ),
    "timeout": Words(
        "超过时限；流模式下多半是没有刷新输出，请每行之后刷新，或申请更长的 warmup.timeout_s",
        "over time; in stream mode mostly output that was not flushed: flush after every line, "
        "or ask for more warmup.timeout_s",
    ),
    "oom": Words(
        "整个进程树的内存超过清单所写；请逐件处理，或提高 resources.memory_mib",
        "the whole process tree used more memory than the manifest names: work on one item at "
        "a time, or raise resources.memory_mib",
    ),
    "bad_output": Words(
        "某一行不符合合约；说明中写明行号、值与规则",
        "an answer breaks the contract; the sentence names the line, the value and the rule",
    ),
    "missing_items": Words(
        "有条目没有答案；每个条目都要回答，顺序不限",
        "items were left out: answer every item, in any order",
    ),
    "sandbox_violation": Words(
        "触犯沙箱规则；请去掉该操作，可用 liudu-trial check 在本地重现",
        "it did what no solution may: do without; liudu-trial check reproduces it at home",
    ),
    "infra": Words(
        "平台或机器故障；自动免费重试，不计次数",
        "the platform or its machine failed: repeated by itself, free of charge",
    ),
}


class UnsafeWebsiteError(Refusal):
    """A website that is no page of the web."""

    en = "{url} is no website: give an address that starts with http:// or https://."
    zh = "{url} 不是网址：请填写以 http:// 或 https:// 开头的地址。"


def website_of(text: str) -> str:
    """Return a website as it is kept; empty where there is none.

    Raises
    ------
    UnsafeWebsiteError
        For any other scheme, for a name of a user in it, and where the host is missing.

    """
    url = text.strip()
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        fits = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        raise UnsafeWebsiteError(url=url[:80]) from None
    if not fits or parts.username is not None or not url.isprintable() or " " in url:
        raise UnsafeWebsiteError(url=url[:80])
    return url


# --- tasks -----------------------------------------------------------------------------------


def tasks_text(tasks: Iterable[str]) -> str:
    """Return the tasks of a solution as one sorted text: ``classify+detect``."""
    return "+".join(sorted(set(tasks)))


def tasks_of(text: str) -> tuple[str, ...]:
    """Return the tasks again."""
    return tuple(part for part in text.split("+") if part)


def texts_with(task: str) -> tuple[str, ...]:
    """Return every text of `tasks_text` that names a task, so that an index can look them up."""
    others = [other for other in TASKS if other != task]
    return tuple(
        tasks_text((task, *more))
        for count in range(len(others) + 1)
        for more in combinations(others, count)
    )


def manifest_json(manifest: Manifest) -> Json:
    """Return a manifest as the database keeps it."""
    found: Json = attrs.asdict(manifest)
    return {**found, "entry": list(manifest.entry), "tasks": list(manifest.tasks)}


# --- does a version fit a need ---------------------------------------------------------------


def misfits(manifest: Mapping[str, Any], targets: Mapping[str, Any]) -> tuple[Refusal, ...]:
    """Return why a solution cannot be tried on a need; nothing if it can.

    Parameters
    ----------
    manifest
        As `manifest_json` keeps it.
    targets
        The promise of a need. While it is empty or unfinished there is nothing to hold against.

    """
    promise = _promise(targets)
    if promise is None:
        return ()
    name, tasks, mode = manifest.get("name", "?"), manifest.get("tasks", TASKS), manifest["mode"]
    found: list[Refusal] = []
    if promise.task not in tasks:
        found.append(WrongTaskError(name=name, tasks=", ".join(tasks), task=promise.task))
    if promise.mode != mode:
        found.append(WrongModeError(name=name, has=mode, wanted=promise.mode))
    return tuple(found)


def _promise(targets: Mapping[str, Any]) -> Promise | None:
    try:
        return Promise.from_mapping(targets) if targets else None
    except Refusal:
        return None


# --- what a check found ----------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Checked:
    """The outcome of a check as a version keeps it."""

    conforms: bool
    level: str
    findings: list[Json]
    reason_code: str = ""
    reason_zh: str = ""
    reason_en: str = ""


def outcome_of(conformance: Conformance) -> Checked:
    """Return what the kit found, and the first thing to repair as the reason."""
    findings = [_task_json(task, mode=conformance.manifest.mode) for task in conformance.tasks]
    if conformance.missing:
        lines = {
            language: "\n".join(problem.say(language) for problem in conformance.missing)
            for language in ("zh", "en")
        }
        refusal = NeedsNotMetError(
            name=conformance.manifest.name, lines_zh=lines["zh"], lines_en=lines["en"]
        )
        return refused(refusal, level=conformance.level.label)
    first = next(
        (found for task in findings for found in task["findings"] if found["state"] == "failed"),
        None,
    )
    return Checked(
        conforms=conformance.conforms,
        level=conformance.level.label,
        findings=findings,
        reason_code=first["check"] if first else "",
        reason_zh=first["zh"] if first else "",
        reason_en=first["en"] if first else "",
    )


def refused(refusal: Refusal, *, level: str = "") -> Checked:
    """Return the outcome of a bundle that was refused before anything was run."""
    return Checked(
        conforms=False,
        level=level,
        findings=[],
        reason_code=refusal.code,
        reason_zh=refusal.say("zh"),
        reason_en=refusal.say("en"),
    )


def _task_json(task: TaskFindings, *, mode: str) -> Json:
    return {
        "task": task.task,
        "mode": mode,
        "conforms": task.conforms,
        "stderr": task.stderr[-STDERR_CHARACTERS_MAX:],
        "findings": [
            {
                **found.to_json(),
                "title_zh": found.check.zh,
                "title_en": found.check.en,
                "must": found.check.must,
            }
            for found in task.findings
        ],
    }


def wait_after(check_count: int) -> timedelta:
    """Return how long to wait before a check that failed for our own reasons is tried again."""
    return timedelta(minutes=2 ** min(check_count, 6) / 2)


def named_in(text: str) -> tuple[str, ...]:
    """Return the reason codes of the contract that a sentence or a code speaks of."""
    known = [reason.value for reason in Reason if reason.value in REASON_WORDS]
    return tuple(code for code in known if code == text or f"`{code}`" in text)


def with_file_name(refusal: Refusal, *, file_name: str) -> Refusal:
    """Return a refusal of a bundle that calls it as its vendor does, not as we keep it."""
    if "file" not in refusal.facts or isinstance(refusal, ManifestError):
        return refusal
    return type(refusal)(**{**refusal.facts, "file": file_name})


# --- certificates ----------------------------------------------------------------------------


LOOKED_WORDS: Final[Mapping[str, Words]] = {
    "form": Words("格式正确", "Well-formed"),
    "signature": Words("签名有效", "Signature fits"),
    "issuer": Words("由平台签发", "Issued by the platform"),
    "validity": Words("在有效期内", "In force"),
    "status": Words("吊销状态", "Status"),
    "record": Words("与记录一致", "Agrees with the record"),
    "revoked": Words("未被吊销", "Not revoked"),
}


@attrs.frozen(kw_only=True)
class Looked:
    """One thing that was looked at: yes, no or unknown, in words."""

    name: str
    answer: Literal["yes", "no", "unknown"]
    words: Words

    @property
    def title(self) -> Words:
        """What was looked at, such that “yes” is good."""
        return LOOKED_WORDS.get(self.name, Words(self.name, self.name))


def compared(
    subject: Mapping[str, Any],
    *,
    verdict: str,
    solution_digest: str,
    revoked_at: datetime | None,
    revoked_reason: str,
) -> Sequence[Looked]:
    """Return what the platform itself knows of a certificate, held against what it says."""
    same = subject.get("verdict") == verdict and (
        not solution_digest or subject.get("solution", {}).get("digest") == solution_digest
    )
    return (
        Looked(
            name="record",
            answer="yes" if same else "no",
            words=Words(
                "与平台记录一致：结论和方案摘要相同。",
                "It agrees with the platform's record: same verdict, same digest of the solution.",
            )
            if same
            else Words(
                "与平台记录不一致：结论或方案摘要不同，请勿采信。",
                "It does NOT agree with the platform's record: do not rely on it.",
            ),
        ),
        Looked(
            name="revoked",
            answer="no" if revoked_at else "yes",
            words=Words(
                f"已于 {day_of(revoked_at)} 吊销：{revoked_reason}",
                f"Revoked on {day_of(revoked_at)}: {revoked_reason}",
            )
            if revoked_at
            else Words("未被吊销（刚刚查询）。", "Not revoked (asked just now)."),
        ),
    )
