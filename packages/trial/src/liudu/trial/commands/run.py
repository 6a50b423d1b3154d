"""``liudu-trial run``: a measured run of an untrusted solution against a seal."""

import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import attrs
import click
from rich.cells import cell_len, set_cell_size
from rich.console import Console as Terminal
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from liudu.acceptance import METRICS, Look, TargetVerdict
from liudu.console import (
    EXIT_INFRA,
    EXIT_INTERRUPTED,
    EXIT_NO,
    Console,
    InterruptedByHandError,
    refuse,
    with_console,
)
from liudu.contract import Language, Refusal
from liudu.sandbox import Level
from liudu.trial import clock
from liudu.trial.journal import Journal
from liudu.trial.progress import Advance
from liudu.trial.run import RETRIES, RunResult, run_trial
from liudu.trial.run_folder import RunFolder
from liudu.trial.seal import open_seal
from liudu.trial.selftest_memory import remembered, tried
from liudu.trial.serving import Clock, InfraError
from liudu.trial.verdict import figure, sentence, sign


class NothingToResumeError(Refusal):
    """The folder holds no run that was begun."""

    en = "{folder} holds no run to go on with: begin one with `liudu-trial run SEAL SOLUTION`."
    zh = "{folder} 中没有可继续的试验：请用 `liudu-trial run SEAL SOLUTION` 新建。"


class RunInterruptedError(Refusal):
    """Somebody ended the run."""

    en = "Interrupted; the run in {folder} is marked broken."
    zh = "已中断；{folder} 中的试验已标记为未完成。"


class SealAndSolutionError(Refusal):
    """It was not said what to run, or said twice."""

    en = "Give SEAL and SOLUTION, or --resume RUN alone."
    zh = "请给出 SEAL 和 SOLUTION，或只给 --resume RUN。"


class OutputStaysSealedError(Refusal):
    """What a solution prints on sealed data is not shown to whoever runs it."""

    en = (
        "--show-output is only for simulated data: what a solution prints could carry pieces of "
        "the sealed data out. The owner finds it in {folder}."
    )
    zh = (
        "--show-output 仅用于模拟数据：方案的打印内容可能夹带封存数据外泄。"
        "数据方可在 {folder} 中查看。"
    )


@click.command(short_help="运行与判定 · run a solution and judge it")
@click.argument("seal", type=click.Path(path_type=Path), required=False)
@click.argument("solution", type=click.Path(path_type=Path), required=False)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="试验文件夹；其中有未完成的试验则继续 · folder of the run; an unfinished one goes on",
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    help="继续被中断的试验 · go on with a run that was interrupted",
)
@click.option(
    "--until-decided",
    is_flag=True,
    help="边运行边判定，有结论即停 · look while it runs and stop when decided",
)
@click.option(
    "--level",
    type=click.Choice([level.label for level in Level]),
    help="沙箱级别，默认取本机最强 · sandbox level; the strongest of this machine by default",
)
@click.option(
    "--allow-weaker",
    is_flag=True,
    help="仅限模拟数据：低于封存要求的级别也运行 · simulated data only: run below the sealed level",
)
@click.option(
    "--chunk",
    type=click.IntRange(min=1),
    help="批量模式：每次运行多少件，完成的可续跑 · batch mode: pieces at a time, kept when resumed",
)
@click.option(
    "--item-timeout",
    type=click.FloatRange(min=0, min_open=True),
    help="仅限模拟数据，流模式：每件的时限（秒），默认取封存的 · simulated data only, stream mode: "
    "seconds for one answer; what was sealed by default",
)
@click.option(
    "--retries",
    type=click.IntRange(min=0),
    default=RETRIES,
    show_default=True,
    help="本机故障时免费重试的次数 · free repeats when this machine fails",
)
@click.option(
    "--selftest",
    "test_anew",
    is_flag=True,
    help="重新自测沙箱；默认每次开机只测一次 · test the sandbox anew; once per boot by default",
)
@click.option(
    "--show-output",
    is_flag=True,
    help="仅限模拟数据：显示方案的输出 · simulated data only: show what the solution printed",
)
@with_console
def command(
    console: Console,
    seal: Path | None,
    solution: Path | None,
    *,
    out: Path | None,
    resume: Path | None,
    until_decided: bool,
    level: str | None,
    allow_weaker: bool,
    chunk: int | None,
    item_timeout: float | None,
    retries: int,
    test_anew: bool,
    show_output: bool,
) -> None:
    """用封存数据运行方案，测量并判定 · Run a solution on sealed data, measure and judge it.

    退出码 Exit codes: 0 通过 passed · 1 未通过或未定 failed or undecided · 2 被拒绝 refused ·
    3 本机故障 this machine failed · 130 中断 interrupted.
    """
    seal, solution, into = _places(seal, solution, out=out, resume=resume)
    board = Scoreboard(console)
    opened = open_seal(seal, progress=board)
    if show_output and not opened.simulated:
        raise OutputStaysSealedError(folder=into / "quarantine")
    with _interruptible():
        try:
            ended = run_trial(
                opened,
                solution,
                into=into,
                clock=Clock(now=clock.now),
                level=None if level is None else Level.named(level),
                until_decided=until_decided,
                allow_weaker=allow_weaker,
                chunk_size=chunk,
                item_timeout_s=item_timeout,
                retries=retries,
                progress=board,
                on_look=board.looked,
                try_attacks=tried if test_anew else remembered,
            )
        except InfraError as error:
            refuse(console, error)
            _say_how_to_go_on(console, into)
            sys.exit(EXIT_INFRA)
        except KeyboardInterrupt:
            begun = RunFolder(path=into).journal.exists()
            refuse(console, RunInterruptedError(folder=into) if begun else InterruptedByHandError())
            if begun:
                _say_how_to_go_on(console, into)
            sys.exit(EXIT_INTERRUPTED)
    tell(console, ended)
    if show_output:
        _show_output(console, into)
    if ended.verdict != "passed":
        sys.exit(EXIT_NO)


def _places(
    seal: Path | None, solution: Path | None, *, out: Path | None, resume: Path | None
) -> tuple[Path, Path, Path]:
    if resume is not None:
        if seal is not None or out is not None:
            raise SealAndSolutionError
        journal = Journal(RunFolder(path=resume).journal, now=clock.now)
        begun = journal.last("created")
        if begun is None:
            raise NothingToResumeError(folder=resume)
        return Path(begun["seal"]), Path(begun["solution"]), resume
    if seal is None or solution is None:
        raise SealAndSolutionError
    name = solution.name.removesuffix(".zip").removesuffix(".tar.gz")
    return seal, solution, out or Path(f"run-{seal.resolve().name}-{name or 'solution'}")


@contextmanager
def _interruptible() -> Iterator[None]:
    """Take a polite kill as Ctrl-C, so that the run is marked and nothing is left running."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _say_how_to_go_on(console: Console, into: Path) -> None:
    console.say(
        zh=f"继续：liudu-trial run --resume {into}", en=f"Go on: liudu-trial run --resume {into}"
    )


@attrs.define(kw_only=False, slots=False)
class Scoreboard:
    """Shows on standard error how far a run is and, with looks, how each target stands."""

    console: Console
    _bars: Bars | None = attrs.field(init=False, default=None)
    _task: Any = attrs.field(init=False, default=None)
    _seen_at_s: float = attrs.field(init=False, default=0.0)

    @contextmanager
    def stage(self, *, zh: str, en: str, total: int | None) -> Iterator[Advance]:
        """Show one stage as a bar, if standard error is a terminal."""
        terminal = Terminal(stderr=True)
        columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        hidden = self.console.json or not terminal.is_terminal
        with Bars(
            TextColumn("{task.description}"),
            *columns,
            TextColumn("{task.fields[standing]}"),
            console=terminal,
            disable=hidden,
        ) as bars:
            words = zh if self.console.language == "zh" else en
            task = bars.add_task(words, total=total, standing="")
            self._bars, self._task = bars, task
            yield lambda steps: bars.advance(task, steps)
            self._bars = None

    def looked(self, look: Look, shown: int) -> None:
        """Show how each target stands; on what is no terminal, a line a second at most."""
        text = "\n".join(
            standing(target, language=self.console.language) for target in look.verdict.targets
        )
        if self._bars is not None and not self._bars.disable:
            self._bars.update(self._task, standing=text)
        elif not self.console.json and (time.monotonic() - self._seen_at_s > 1 or look.decided):
            self._seen_at_s = time.monotonic()
            click.echo(f"[{shown}] " + text.replace("\n", " · "), err=True)


def standing(target: TargetVerdict, *, language: Language) -> str:
    """Return how one target stands, in a few words.

    Examples
    --------
    ``miss rate 0/812 ≤ 0.37 %, 685 more``

    """
    zh = language == "zh"
    metric = METRICS[target.target.metric]
    ratio, up = metric.kind == "ratio", target.target.op.startswith("<")
    if target.answer == "refuted":  # then the other bound tells why
        up = not up
    counts = f" {target.events or 0}/{target.trials or 0}" if ratio else ""
    bound = target.upper if up else target.lower
    shown = ""
    if bound is not None:
        limit = target.target.limit
        shown = f" {'≤' if up else '≥'} {figure(bound, ratio=ratio, up=up, beside=limit)}"
    told = f"{metric.zh if zh else metric.en}{counts}{shown}"
    if target.answer != "not_yet":
        word = {"proved": ("已证明", "proved"), "refuted": ("已否定", "refuted")}[target.answer]
        return f"{told} {word[0 if zh else 1]}"
    if target.more_needed is None:
        return told
    more = target.more_needed.no_further_error
    return told + (f"，还需 {more} 件" if zh else f", {more} more")


def tell(console: Console, ended: RunResult) -> None:
    """Print the verdict, each target, what was measured, and where to go next."""
    result, language = ended.result, console.language
    console.emit({"run": str(ended.folder), **result})
    told = sentence(result, language)
    console.say(zh=told, en=told)
    if ended.why is not None:
        console.say(zh=ended.why["zh"], en=ended.why["en"])
    if result["reason"] in {"ok", "missing_items"}:
        for line in target_lines(result["targets"], language=language):
            console.say(zh=line.rstrip(), en=line.rstrip())
    measured_zh, measured_en = _measured(result["measurements"])
    console.say(zh=measured_zh, en=measured_en)
    level = result["level"]
    weaker = level["had"] != level["asked"] and level["weaker"]
    console.say(
        zh=f"沙箱级别：{level['had']}" + (f"（弱于封存要求的 {level['asked']}）" if weaker else ""),
        en=f"Sandbox level: {level['had']}"
        + (f" (weaker than the {level['asked']} that the seal asks for)" if weaker else ""),
    )
    console.say(
        zh=f"下一步：liudu-trial report {ended.folder}",
        en=f"Next: liudu-trial report {ended.folder}",
    )


def target_lines(targets: Sequence[Mapping[str, Any]], *, language: Language) -> list[str]:
    """Return the targets with their intervals against their limits, in columns.

    A Chinese character is two columns wide on a terminal.

    Examples
    --------
    ``  ✓ miss rate   0/334   0 % … 0.893 %   < 5 %``

    """
    rows = [_cells(target, language=language) for target in targets]
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return [
        "  "
        + "  ".join(set_cell_size(cell, width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]


def _cells(target: Mapping[str, Any], *, language: Language) -> tuple[str, ...]:
    zh = language == "zh"
    metric = METRICS[target["metric"]]
    ratio = metric.kind == "ratio"
    mark = {"proved": "✓", "refuted": "✗", "not_yet": "?"}[target["answer"]]
    counts = f"{target['events']}/{target['trials']}" if ratio else ""
    shown = _pace(target, zh=zh) if metric.kind == "pace" else _ends(target, ratio=ratio)
    limit = f"{sign(target['op'])} {figure(target['limit'], ratio=ratio)}"
    return f"{mark} {metric.zh if zh else metric.en}", counts, shown, limit


def _ends(target: Mapping[str, Any], *, ratio: bool) -> str:
    lower, upper, point = target["lower"], target["upper"], target["point"]
    if lower is None and upper is None:
        return "–" if point is None else figure(point, ratio=ratio)
    limit = target["limit"]
    low = "–" if lower is None else figure(lower, ratio=ratio, up=False, beside=limit)
    high = "–" if upper is None else figure(upper, ratio=ratio, up=True, beside=limit)
    return f"{low} … {high}"


def _pace(target: Mapping[str, Any], *, zh: bool) -> str:
    """Return the pace as measured and the bound that the promise is held against."""
    if target["point"] is None:
        return "–"
    point = figure(target["point"], ratio=False)
    if target["lower"] is None:
        return f"{point}（无下限）" if zh else f"{point} (no lower bound)"
    lower = figure(target["lower"], ratio=False, up=False)
    level = f"{100 * target['confidence']:g} %"
    return f"{point}（{level} 下限 {lower}）" if zh else f"{point} ({level} lower bound {lower})"


def _measured(measurements: Mapping[str, Any]) -> tuple[str, str]:
    zh = [f"{measurements['answered']}/{measurements['items']} 件"]
    en = [f"{measurements['answered']} of {measurements['items']} pieces"]
    words = (
        ("wall_s", "用时 {:.2f} 秒", "{:.2f} s"),
        ("startup_s", "启动 {:.2f} 秒", "start-up {:.2f} s"),
        ("cpu_s", "CPU {:.2f} 秒", "CPU {:.2f} s"),
        ("memory_peak_mib", "内存峰值 {:.0f} MiB", "peak memory {:.0f} MiB"),
        ("throughput_per_h", "每小时 {:,.0f} 件", "{:,.0f} pieces an hour"),
    )
    for name, form_zh, form_en in words:
        if measurements.get(name) is not None:
            zh.append(form_zh.format(measurements[name]))
            en.append(form_en.format(measurements[name]))
    latency = measurements.get("latency_s")
    if latency is not None:
        p50, p99 = 1000 * latency["p50"], 1000 * latency["p99"]
        zh.append(f"时延 p50 {p50:.3g} 毫秒、p99 {p99:.3g} 毫秒")
        en.append(f"latency p50 {p50:.3g} ms, p99 {p99:.3g} ms")
    return "，".join(zh) + "。", ", ".join(en) + "."


def _show_output(console: Console, into: Path) -> None:
    for name in ("stdout", "stderr"):
        path = into / "quarantine" / f"{name}.txt"
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="backslashreplace")
            plain = "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)
            console.say(zh=f"—— {name} ——\n{plain}", en=f"-- {name} --\n{plain}")
