"""The conformance kit: what every solution is tried on, and how each failure is explained.

It is data and judgement; it runs nothing. Whoever has a way to run a solution shows it each
`Sample`, hands the `Ran` of each to `judge_runs`, and prints the findings.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Literal

import attrs

from liudu.contract._hints import NOT_STARTED, command_hint, hint
from liudu.contract._manifest import Manifest, Task
from liudu.contract._pictures import board, hole, pgm
from liudu.contract._predictions import Prediction
from liudu.contract._reason import Reason
from liudu.contract._refusal import Language, Refusal
from liudu.contract._wire import Item

SIDE_PX = 64
BRIGHT, DARK = 190, 40
CLASSES: Mapping[Task, tuple[str, ...]] = {
    "classify": ("ok", "defective"),
    "detect": ("open",),
    "alarm": (),
    "value": (),
}
POSITIVE: Mapping[Task, str | None] = {
    "classify": "defective",
    "detect": None,
    "alarm": None,
    "value": None,
}


class SampleName(StrEnum):
    """The four runs of the kit."""

    PLAIN = "plain"
    AGAIN = "again"
    UNUSUAL = "unusual"
    DAMAGED = "damaged"


@attrs.frozen(kw_only=True)
class Sample:
    """What a solution is shown in one run.

    Attributes
    ----------
    items, files
        The items, and the bytes behind the paths that they name.
    truth
        By id: the class, the boxes, the alarm or the value that a perfect answer has. The kit
        does not judge quality; examples may.

    """

    name: SampleName
    task: Task
    items: tuple[Item, ...]
    files: Mapping[str, bytes]
    truth: Mapping[str, object]

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that ``trial.json`` names."""
        return CLASSES[self.task]

    @property
    def positive(self) -> str | None:
        """The kind that a miss is counted on."""
        return POSITIVE[self.task]


@attrs.frozen(kw_only=True)
class Ran:
    """How one run ended.

    Attributes
    ----------
    reason, why
        The reason code, and the sentence for any but ``ok``.
    predictions
        The accepted answers by id.
    startup_s
        Until the first answer; NaN if there was none.
    memory_peak_mib
        Over the whole process tree.
    exit_code
        None if a signal ended it.
    stderr
        Its beginning, as the vendor's own machine may show it.
    app_changed
        Whether a file of the solution is not what it was.
    network_blocked
        Whether the sandbox keeps the network away, so that a good run proves something.

    """

    reason: Reason
    why: Refusal | None = None
    predictions: Mapping[str, Prediction] = attrs.field(factory=dict)
    startup_s: float = float("nan")
    memory_peak_mib: float = 0.0
    exit_code: int | None = 0
    stderr: str = ""
    app_changed: bool = False
    network_blocked: bool = True


State = Literal["passed", "failed", "warned", "skipped"]


@attrs.frozen(kw_only=True)
class Finding:
    """What one check found; `en` and `zh` explain anything but a pass."""

    check: "Check"
    state: State
    en: str = ""
    zh: str = ""

    def say(self, language: Language) -> str:
        """Return the explanation in one language."""
        return self.zh if language == "zh" else self.en

    def to_json(self) -> dict[str, str]:
        """Return what a machine reads."""
        return {"check": self.check.name, "state": self.state, "en": self.en, "zh": self.zh}


@attrs.frozen(kw_only=True)
class Explanation:
    """Why a check does not pass, and what to do."""

    en: str
    zh: str
    skipped: bool = False


Runs = Mapping[SampleName, Ran]
Judge = Callable[[Runs, Manifest, Mapping[SampleName, Sample]], Explanation | None]


@attrs.frozen(kw_only=True)
class Check:
    """One thing that is asked of a solution.

    Attributes
    ----------
    name
        Stable for machines.
    must
        Whether a solution that fails it does not conform; otherwise it is a warning.
    en, zh
        Its title: what is true when it passes.

    """

    name: str
    must: bool
    en: str
    zh: str
    judge: Judge = attrs.field(repr=False)

    def find(
        self, runs: Runs, *, manifest: Manifest, samples: Mapping[SampleName, Sample]
    ) -> Finding:
        """Judge the runs."""
        explanation = self.judge(runs, manifest, samples)
        if explanation is None:
            return Finding(check=self, state="passed")
        state: State = "failed" if self.must else "warned"
        state = "skipped" if explanation.skipped else state
        return Finding(check=self, state=state, en=explanation.en, zh=explanation.zh)


def samples(task: Task) -> tuple[Sample, ...]:
    """Return what a solution for `task` is run on, in this order."""
    makers: Mapping[Task, Callable[[], Sample]] = {
        "classify": _classify,
        "detect": _detect,
        "alarm": _alarm,
        "value": _value,
    }
    plain = makers[task]()
    rows = [plain, attrs.evolve(plain, name=SampleName.AGAIN), _unusual(plain)]
    return (*rows, _damaged(plain)) if plain.files else tuple(rows)


def checks(manifest: Manifest) -> tuple[Check, ...]:
    """Return the checks for a solution, in the order in which one would repair it."""
    del manifest  # every one holds in both modes and for every task, so far
    return _CHECKS


def judge_runs(
    runs: Runs, *, manifest: Manifest, shown: Mapping[SampleName, Sample]
) -> tuple[Finding, ...]:
    """Return one finding for each check.

    Parameters
    ----------
    runs
        What came of each sample; a sample may be absent if the plain run already failed.
    shown
        The samples, by name.

    """
    return tuple(check.find(runs, manifest=manifest, samples=shown) for check in checks(manifest))


def _classify() -> Sample:
    pictures = {f"kit{i}": "defective" if i % 2 else "ok" for i in range(6)}
    return _pictures(
        "classify", {n: (BRIGHT if t == "ok" else DARK, t) for n, t in pictures.items()}
    )


def _value() -> Sample:
    levels = {f"kit{i}": 20 + 30 * i for i in range(6)}
    return _pictures("value", {name: (level, level + 3.5) for name, level in levels.items()})


def _pictures(task: Task, pictures: Mapping[str, tuple[int, object]]) -> Sample:
    files = {
        f"items/{name}.pgm": pgm(width=SIDE_PX, height=SIDE_PX, grey=board(level=level))
        for name, (level, _truth) in pictures.items()
    }
    return _sample(task, files, {name: truth for name, (_level, truth) in pictures.items()})


def _detect() -> Sample:
    boxes = {f"kit{i}": [(8 * i, 10, 8 * i + 12, 30)] if i % 2 else [] for i in range(6)}
    files = {}
    for name, holes in boxes.items():
        grey = board(level=BRIGHT)
        for box in holes:
            grey = hole(grey, box=box, level=DARK)
        files[f"items/{name}.pgm"] = pgm(width=SIDE_PX, height=SIDE_PX, grey=grey)
    return _sample("detect", files, boxes)


def _sample(task: Task, files: Mapping[str, bytes], truth: Mapping[str, object]) -> Sample:
    template = pgm(width=SIDE_PX, height=SIDE_PX, grey=board(level=BRIGHT))
    items = tuple(
        Item(id=name, path=f"items/{name}.pgm", companions={"template": "items/kit-template.pgm"})
        for name in truth
    )
    return Sample(
        name=SampleName.PLAIN,
        task=task,
        items=items,
        files={**files, "items/kit-template.pgm": template},
        truth=truth,
    )


def _alarm() -> Sample:
    cases = (3, 2, 4, 3, 19, 31, 5, 3)
    items = tuple(
        Item(id=f"kit{week}", data={"series": "a", "step": week, "cases": count})
        for week, count in enumerate(cases, 1)
    )
    truth = {item.id: count > 10 for item, count in zip(items, cases, strict=True)}  # noqa: PLR2004
    return Sample(name=SampleName.PLAIN, task="alarm", items=items, files={}, truth=truth)


def _unusual(plain: Sample) -> Sample:
    """Return items with fields that the contract may gain, and ids in Chinese."""
    renamed = {item.id: f"件-{item.id}-é" for item in plain.items}
    items = tuple(
        attrs.evolve(item, id=renamed[item.id], data={**item.data, "kit_unknown": [1, {"a": None}]})
        for item in plain.items
    )
    truth = {renamed[name]: value for name, value in plain.truth.items()}
    return attrs.evolve(plain, name=SampleName.UNUSUAL, items=items, truth=truth)


def _damaged(plain: Sample) -> Sample:
    """Return the items with the second picture cut short and the third empty."""
    cut, empty = plain.items[1].path, plain.items[2].path
    files = dict(plain.files)
    if cut is not None and empty is not None:
        files[cut], files[empty] = files[cut][: len(files[cut]) // 2], b""
    return attrs.evolve(plain, name=SampleName.DAMAGED, files=files)


def _starts(
    runs: Runs, manifest: Manifest, samples: Mapping[SampleName, Sample]
) -> Explanation | None:
    del samples
    plain = runs[SampleName.PLAIN]
    if not never_started(plain):
        return None
    en, zh = command_hint(manifest)
    return Explanation(en=f"{_why(plain, 'en')} {en}", zh=f"{_why(plain, 'zh')}{zh}")


def _why(ran: Ran, language: Language) -> str:
    return ran.why.say(language) if ran.why is not None else str(ran.reason)


def _keeps_format(
    runs: Runs, manifest: Manifest, samples: Mapping[SampleName, Sample]
) -> Explanation | None:
    del samples
    plain = runs[SampleName.PLAIN]
    if plain.reason is not Reason.BAD_OUTPUT:
        return None
    en, zh = _why(plain, "en"), _why(plain, "zh")
    if manifest.mode == "stream":
        en += " In stream mode standard output carries answers alone: print all else to stderr."
        zh += " 流模式下标准输出只能写答案：其他内容请写到标准错误。"
    return Explanation(en=en, zh=zh)


def _answers_all(
    runs: Runs, manifest: Manifest, samples: Mapping[SampleName, Sample]
) -> Explanation | None:
    del manifest
    plain = runs[SampleName.PLAIN]
    return _unanswered(plain, samples[SampleName.PLAIN])


def _unanswered(ran: Ran, sample: Sample) -> Explanation | None:
    missing = [item.id for item in sample.items if item.id not in ran.predictions]
    if not missing:
        return None
    if ran.reason not in {Reason.OK, Reason.MISSING_ITEMS}:
        return Explanation(
            en="No answer counts, because the run did not end well: see the other findings.",
            zh="运行未正常结束，因此答案不计：请看其他检查结果。",
            skipped=True,
        )
    return Explanation(
        en=f"{len(missing)} of {len(sample.items)} items have no answer ({', '.join(missing)}): "
        "write one line for each, also when unsure; a missing one counts as the worst answer.",
        zh=f"{len(sample.items)} 个条目中有 {len(missing)} 个没有答案（{'、'.join(missing)}）："
        "每个条目都要写一行，没有把握也要写；缺失按最差答案计。",
    )


def _in_time(
    runs: Runs, manifest: Manifest, samples: Mapping[SampleName, Sample]
) -> Explanation | None:
    del samples
    plain, limit_s = runs[SampleName.PLAIN], manifest.warmup.timeout_s
    if plain.reason is Reason.TIMEOUT:
        en, zh = _why(plain, "en"), _why(plain, "zh")
        if manifest.mode == "stream":
            en += (
                " Answer each line before you wait for the next, and flush after each answer: a "
                "pipe is buffered (print(…, flush=True) in Python, fflush(stdout) in C)."
            )
            zh += (
                " 请在等待下一行之前先回答当前行，并在每次回答后刷新输出：管道有缓冲"
                "（Python 用 print(…, flush=True)，C 用 fflush(stdout)）。"
            )
        return Explanation(en=en, zh=zh)
    slow = manifest.mode == "stream" and plain.startup_s > limit_s  # NaN, no answer, is not
    if not slow:
        return None
    return Explanation(
        en=f"The first answer took {plain.startup_s:.1f} s, longer than warmup.timeout_s "
        f"{limit_s:g} s: load less at the start, or ask for more time in the manifest.",
        zh=f"首个答案用了 {plain.startup_s:.1f} 秒，超过 warmup.timeout_s 的 {limit_s:g} 秒："
        "请减少启动时的加载，或在清单中申请更多时间。",
    )


def _ends(
    runs: Runs, manifest: Manifest, samples: Mapping[SampleName, Sample]
) -> Explanation | None:
    del samples
    plain = runs[SampleName.PLAIN]
    if never_started(plain):
        return _NOT_TRIED
    if plain.reason is not Reason.CRASH:
        return None
    en, zh = hint(plain.stderr)
    if not en and manifest.mode == "stream":
        en = 'End with exit code 0 after the line {"op":"end"}, and not before.'
        zh = '请在收到 {"op":"end"} 之后、而不是之前，以退出码 0 结束。'
    return Explanation(en=f"{_why(plain, 'en')} {en}".strip(), zh=f"{_why(plain, 'zh')}{zh}")


def never_started(ran: Ran) -> bool:
    """Tell whether the command was not found, or could not be executed."""
    return ran.reason is Reason.CRASH and ran.exit_code in NOT_STARTED


def _memory(
    runs: Runs, manifest: Manifest, samples: Mapping[SampleName, Sample]
) -> Explanation | None:
    del samples
    limit_mib = manifest.resources.memory_mib
    peak_mib = max(ran.memory_peak_mib for ran in runs.values())
    if peak_mib <= limit_mib and runs[SampleName.PLAIN].reason is not Reason.OOM:
        return None
    return Explanation(
        en=f"It used {peak_mib:.0f} MiB, its manifest names {limit_mib} MiB: use less, or raise "
        "resources.memory_mib.",
        zh=f"占用了 {peak_mib:.0f} MiB，而清单写的是 {limit_mib} MiB：请减少占用，"
        "或提高 resources.memory_mib。",
    )


def _keeps_inside(
    runs: Runs, manifest: Manifest, samples: Mapping[SampleName, Sample]
) -> Explanation | None:
    del manifest, samples
    ran = next((ran for ran in runs.values() if ran.reason is Reason.SANDBOX_VIOLATION), None)
    if ran is not None:
        return Explanation(en=_why(ran, "en"), zh=_why(ran, "zh"))
    if any(ran.app_changed for ran in runs.values()):
        return Explanation(
            en="It changed its own files: write to LIUDU_OUT and /tmp only; the solution's "
            "folder is read-only in a trial.",
            zh="方案改动了自己的文件：只能写 LIUDU_OUT 和 /tmp；试验中方案文件夹是只读的。",
        )
    return None


def _offline(
    runs: Runs, manifest: Manifest, samples: Mapping[SampleName, Sample]
) -> Explanation | None:
    del manifest, samples
    plain = runs[SampleName.PLAIN]
    if not plain.network_blocked:
        return Explanation(
            en="This level does not keep the network away, so it cannot be seen here.",
            zh="此级别不隔离网络，无法在此判断。",
            skipped=True,
        )
    return None if plain.reason in {Reason.OK, Reason.MISSING_ITEMS} else _offline_hint(plain)


def _offline_hint(ran: Ran) -> Explanation:
    words = ("network is unreachable", "name resolution", "getaddrinfo", "connection refused")
    if any(word in ran.stderr.lower() for word in words):
        return Explanation(
            en="It tried to reach the network, which no trial has: pack models and data into "
            "the solution.",
            zh="方案尝试访问网络，而试验中没有网络：请把模型和数据打进方案包。",
        )
    return Explanation(
        en="It did not run well enough to tell.", zh="运行未正常结束，无法判断。", skipped=True
    )


def _unusual_items(
    runs: Runs, manifest: Manifest, samples: Mapping[SampleName, Sample]
) -> Explanation | None:
    del manifest
    ran = runs.get(SampleName.UNUSUAL)
    if ran is None:
        return _NOT_TRIED
    if ran.reason is Reason.OK:
        return _unanswered(ran, samples[SampleName.UNUSUAL])
    return Explanation(
        en="Items with ids such as 件-kit1-é or with fields that it does not know break it: "
        f"read and write UTF-8, copy ids as they are, ignore other fields. {_why(ran, 'en')}",
        zh="编号形如 件-kit1-é 或带有未知字段的条目会使方案出错："
        f"请以 UTF-8 读写，原样复制编号，忽略其他字段。{_why(ran, 'zh')}",
    )


_NOT_TRIED = Explanation(
    en="Not tried, because the plain run did not end well.",
    zh="常规运行未正常结束，此项未试。",
    skipped=True,
)


def _damaged_items(
    runs: Runs, manifest: Manifest, samples: Mapping[SampleName, Sample]
) -> Explanation | None:
    del manifest
    if SampleName.DAMAGED not in samples:
        return None
    ran = runs.get(SampleName.DAMAGED)
    if ran is None:
        return _NOT_TRIED
    if ran.reason is Reason.OK:
        return None
    return Explanation(
        en="A picture that is cut short or empty stops it: catch the error of that one item and "
        f"answer with the careful choice. {_why(ran, 'en')}",
        zh="遇到不完整或空的图片时方案会中断：请捕获该条目的错误，并给出稳妥的答案。"
        f"{_why(ran, 'zh')}",
    )


def _same_again(
    runs: Runs, manifest: Manifest, samples: Mapping[SampleName, Sample]
) -> Explanation | None:
    del manifest, samples
    plain, again = runs[SampleName.PLAIN], runs.get(SampleName.AGAIN)
    if again is None:
        return _NOT_TRIED
    differing = [
        name for name, answer in plain.predictions.items() if again.predictions.get(name) != answer
    ]
    if not differing:
        return None
    return Explanation(
        en=f"Two runs on the same items differ ({', '.join(differing)}): fix the random seed and "
        "the number of threads, or the certificate holds for one throw of the dice.",
        zh=f"对同样的条目运行两次，答案不同（{'、'.join(differing)}）："
        "请固定随机种子和线程数，否则证书只代表一次掷骰的结果。",
    )


_CHECKS = (
    Check(name="starts", must=True, en="It starts", zh="能够启动", judge=_starts),
    Check(
        name="format",
        must=True,
        en="Every line keeps to the format, with ids that were asked",
        zh="每一行都符合格式，编号正确",
        judge=_keeps_format,
    ),
    Check(
        name="in_time",
        must=True,
        en="It is ready and answers in time",
        zh="按时就绪，按时作答",
        judge=_in_time,
    ),
    Check(
        name="answers",
        must=True,
        en="It answers every item",
        zh="回答每一个条目",
        judge=_answers_all,
    ),
    Check(name="ends", must=True, en="It ends with exit code 0", zh="以退出码 0 结束", judge=_ends),
    Check(
        name="memory",
        must=True,
        en="It keeps within the memory of its manifest",
        zh="内存不超过清单所写",
        judge=_memory,
    ),
    Check(
        name="inside",
        must=True,
        en="It writes to /out and /tmp only",
        zh="只写 /out 和 /tmp",
        judge=_keeps_inside,
    ),
    Check(name="offline", must=True, en="It needs no network", zh="不需要网络", judge=_offline),
    Check(
        name="unusual",
        must=True,
        en="It takes ids in any script and ignores unknown fields",
        zh="接受任何文字的编号，忽略未知字段",
        judge=_unusual_items,
    ),
    Check(
        name="damaged",
        must=False,
        en="It survives a damaged picture",
        zh="遇到损坏的图片不会中断",
        judge=_damaged_items,
    ),
    Check(
        name="repeatable",
        must=False,
        en="It answers the same twice",
        zh="两次运行答案相同",
        judge=_same_again,
    ),
)
