"""What a solution asks of this machine, held against what the owner allows and what is there."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs

from liudu.contract import Item, Manifest, Refusal, Task, kit, missing_needs
from liudu.sandbox import Level, Limits, available, best_level, python_runtime
from liudu.trial.serving import ITEM_TIMEOUT_S

ITEM_WALL_S = 30.0  # for each item, where the owner sets no limit of time
START_WALL_S = 600.0
MIB_BYTES = 1024 * 1024


class WrongModeError(Refusal):
    """The solution speaks the other of the two wire formats."""

    en = (
        "{name} works in {has} mode; this trial is held in {wanted} mode. Hand in a bundle whose "
        "manifest says “mode”: “{wanted}”, or ask the owner to seal with mode: {has}."
    )
    zh = (
        "{name} 采用 {has} 模式，而本次试验采用 {wanted} 模式。"
        "请提交清单中 “mode” 为 “{wanted}” 的方案包，或请数据方以 mode: {has} 重新封存。"
    )


class WrongTaskError(Refusal):
    """The solution was not made for the task of the trial."""

    en = "{name} is made for {tasks}; this trial asks for {task}: hand in a solution for {task}."
    zh = "{name} 适用于 {tasks}，而本次试验的任务是 {task}：请提交适用于 {task} 的方案。"


class NeedsNotMetError(Refusal):
    """The runner's Python lacks what the manifest needs."""

    en = "This runner cannot give {name} what it needs:\n{lines_en}"
    zh = "本运行器无法满足 {name} 的依赖：\n{lines_zh}"


class NoGpuError(Refusal):
    """The solution asks for a GPU."""

    en = (
        "{name} asks for {gpu_count} GPU(s): this runner gives none to a sandboxed solution. "
        "Set resources.gpu.count to 0 and run on the CPU."
    )
    zh = (
        "{name} 申请 {gpu_count} 块 GPU：本运行器不向沙箱中的方案提供 GPU。"
        "请将 resources.gpu.count 设为 0，改用 CPU 运行。"
    )


class TooFewCpusError(Refusal):
    """The solution asks for more CPUs than there are."""

    en = (
        "{name} asks for {cpu} CPUs and this machine has {cpu_max}: run the trial on a larger "
        "machine, or lower resources.cpu."
    )
    zh = "{name} 申请 {cpu} 个 CPU，本机只有 {cpu_max} 个：请换更大的机器，或调低 resources.cpu。"


class TooMuchMemoryError(Refusal):
    """The solution asks for more memory than the owner allows or the machine has."""

    en = (
        "{name} asks for {memory_mib} MiB, {whose_en} {memory_mib_max} MiB: lower "
        "resources.memory_mib, or {way_out_en}."
    )
    zh = (
        "{name} 申请 {memory_mib} MiB 内存，而{whose_zh} {memory_mib_max} MiB："
        "请调低 resources.memory_mib，或{way_out_zh}。"
    )


class ItemTimeoutIsSealedError(Refusal):
    """Who runs a sealed trial would change how long an answer may take."""

    en = (
        "An answer may take {sealed_s:g} s in this sealed trial; whoever runs it cannot make "
        "that {wish_s:g} s. Leave --item-timeout out, or let the owner seal again with "
        "limits: {{item_timeout_s: {wish_s:g}}}. Simulated data may be tried with any."
    )
    zh = (
        "本次封存试验的单件时限为 {sealed_s:g} 秒，运行者不能改为 {wish_s:g} 秒。"
        "请去掉 --item-timeout，或请数据方以 limits: {{item_timeout_s: {wish_s:g}}} 重新封存；"
        "模拟数据则可任意设定。"
    )


class LevelNotHadError(Refusal):
    """The machine does not give the level that was asked for."""

    en = "This machine does not give the sandbox level {label}: {why_en}"
    zh = "本机无法提供沙箱级别 {label}：{why_zh}"


class WeakerLevelError(Refusal):
    """The run would be less isolated than its seal asks for."""

    en = (
        "The seal asks for the sandbox level {asked} and this run would have {had}. {why_en} "
        "Run it where {asked} is given; only the owner may allow {had}, by sealing with "
        "level: {had}.{hint_en}"
    )
    zh = (
        "封存要求沙箱级别 {asked}，而本次运行只有 {had}。{why_zh}"
        "请在能提供 {asked} 的机器上运行；只有数据方才能放宽，即以 level: {had} 重新封存。{hint_zh}"
    )


def require_fit(manifest: Manifest, *, task: Task, mode: str) -> None:
    """Refuse a solution that this trial, or this machine, cannot run.

    Raises
    ------
    WrongTaskError, WrongModeError, NeedsNotMetError, NoGpuError, TooFewCpusError

    """
    if task not in manifest.tasks:
        raise WrongTaskError(name=manifest.name, tasks=", ".join(manifest.tasks), task=task)
    if manifest.mode != mode:
        raise WrongModeError(name=manifest.name, has=manifest.mode, wanted=mode)
    if manifest.resources.gpu_count:
        raise NoGpuError(name=manifest.name, gpu_count=manifest.resources.gpu_count)
    cpu_max = os.cpu_count() or 1
    if manifest.resources.cpu > cpu_max:
        raise TooFewCpusError(name=manifest.name, cpu=manifest.resources.cpu, cpu_max=cpu_max)
    problems = missing_needs(manifest)
    if problems:
        raise NeedsNotMetError(
            name=manifest.name,
            lines_en="\n".join(f"  {problem.say('en')}" for problem in problems),
            lines_zh="\n".join(f"  {problem.say('zh')}" for problem in problems),
        )


def runtime_of(manifest: Manifest) -> tuple[Path, ...]:
    """Return the folders that the solution's runtime needs to see, read-only."""
    return python_runtime() if manifest.runtime.use == "python" else ()


def limits_of(
    manifest: Manifest, *, protocol_limits: Mapping[str, float], item_count: int
) -> Limits:
    """Return what a run may use: the owner's limits, and the solution's wish below them.

    Parameters
    ----------
    protocol_limits
        The keys that the protocol fixes; the others have the defaults of `Limits`, but wall time,
        which is ten minutes and half a minute an item.

    Raises
    ------
    TooMuchMemoryError
        If the solution asks for more memory than the owner allows or the machine has.

    """
    wish_mib = manifest.resources.memory_mib
    allowed_mib = int(protocol_limits.get("memory_mib", wish_mib))
    if wish_mib > allowed_mib:
        raise _too_much(manifest, allowed_mib, ours=False)
    machine_mib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // MIB_BYTES
    if wish_mib > machine_mib:
        raise _too_much(manifest, machine_mib, ours=True)
    whole: dict[str, Any] = {
        name: value if name in {"cpu_s", "wall_s"} else int(value)
        for name, value in protocol_limits.items()
        if name != "item_timeout_s"
    }
    whole.setdefault("wall_s", START_WALL_S + ITEM_WALL_S * item_count)
    return Limits(**{**whole, "memory_mib": wish_mib})


def item_timeout_of(
    wish_s: float | None, *, protocol_limits: Mapping[str, float], simulated: bool
) -> float:
    """Return how long an answer of a stream may take: what the owner sealed, else 30 s.

    Raises
    ------
    ItemTimeoutIsSealedError
        If whoever runs it wishes for another time, and the data are not simulated.

    """
    sealed_s = float(protocol_limits.get("item_timeout_s", ITEM_TIMEOUT_S))
    if wish_s is None or wish_s == sealed_s:
        return sealed_s
    if not simulated:
        raise ItemTimeoutIsSealedError(sealed_s=sealed_s, wish_s=wish_s)
    return wish_s


def _too_much(manifest: Manifest, memory_mib_max: int, *, ours: bool) -> TooMuchMemoryError:
    return TooMuchMemoryError(
        name=manifest.name,
        memory_mib=manifest.resources.memory_mib,
        memory_mib_max=memory_mib_max,
        whose_en="this machine has" if ours else "the owner allows",
        whose_zh="本机只有" if ours else "数据方只允许",
        way_out_en="run on a larger machine" if ours else "ask the owner to seal with more",
        way_out_zh="换更大的机器" if ours else "请数据方以更大的上限重新封存",
    )


@attrs.frozen(kw_only=True)
class LevelHad:
    """The sandbox level that the seal asks for and the one that the run has."""

    asked: Level
    had: Level

    @property
    def weaker(self) -> bool:
        """Whether the run is less isolated than the seal asks for; only for simulated data."""
        return self.had < self.asked


def choose_level(
    wish: Level | None,
    *,
    sealed: Level,
    simulated: bool,
    allow_weaker: bool,
    best: Callable[[], Level] = best_level,
    lack: Callable[..., str | None] = available,
) -> LevelHad:
    """Return the level to run at: the one wished for, else the strongest that is there.

    A level below the sealed one is refused. The owner fixed it to keep real data in; a flag of
    whoever runs the trial cannot take that back. Where the data are simulated there is nothing
    to keep in, and `allow_weaker` lets the run go on, marked as weaker.

    Raises
    ------
    LevelNotHadError, WeakerLevelError, LevelNotBuiltError

    """
    why_not = lack(wish, language="en") if wish is not None else None
    if wish is not None and why_not is not None:
        raise LevelNotHadError(label=wish.label, why_en=why_not, why_zh=lack(wish, language="zh"))
    had = wish if wish is not None else best()
    if had >= sealed or (simulated and allow_weaker):
        return LevelHad(asked=sealed, had=had)
    raise WeakerLevelError(
        asked=sealed.label,
        had=had.label,
        why_en=lack(sealed, language="en") or "",
        why_zh=lack(sealed, language="zh") or "",
        hint_en=" The data are simulated: --allow-weaker goes on, and says so."
        if simulated
        else "",
        hint_zh="数据为模拟数据，可用 --allow-weaker 继续，结果会注明。" if simulated else "",
    )


def warmup_of(manifest: Manifest, *, task: Task) -> tuple[tuple[Item, ...], Mapping[str, bytes]]:
    """Return the warm-up that a solution asks for, made from the kit's public sample."""
    sample = kit.samples(task)[0]
    count = manifest.warmup.items
    items = tuple(
        attrs.evolve(sample.items[index % len(sample.items)], id=f"warmup-{index + 1}")
        for index in range(count)
    )
    return items, sample.files if count else {}
