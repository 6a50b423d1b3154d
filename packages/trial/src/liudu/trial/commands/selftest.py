"""``liudu-trial selftest``: the sandbox level that this machine really gives, by the attacks."""

import sys
from typing import Any

import attrs
import click

from liudu.console import EXIT_NO, Console, with_console
from liudu.contract import Language
from liudu.sandbox import Attack, Level, SelfTest, available, selftest

BUILT = (Level.BWRAP, Level.LANDLOCK, Level.PROCESS)  # the strongest first


@attrs.frozen(kw_only=True)
class Tried:
    """What became of one level.

    Attributes
    ----------
    test
        The attacks and their results; None if the level cannot be had here.
    lack_en, lack_zh
        What is missing for the level, and how to get it; empty if it starts.

    """

    level: Level
    test: SelfTest | None = None
    lack_en: str = ""
    lack_zh: str = ""


def try_level(level: Level) -> Tried:
    """Try one level by its attacks, or say what it lacks.

    Raises
    ------
    liudu.sandbox.LevelNotBuiltError, liudu.sandbox.SelfTestFailedError

    """
    lack_en = available(level)
    if lack_en is None:
        return Tried(level=level, test=selftest(level))
    return Tried(level=level, lack_en=lack_en, lack_zh=available(level, language="zh") or "")


def try_until_had() -> tuple[Tried, ...]:
    """Try the levels from the strongest down until one starts; return all that were tried."""
    tried: list[Tried] = []
    for level in BUILT:
        tried.append(try_level(level))
        if tried[-1].test is not None:
            break
    return tuple(tried)


@click.command()
@click.option(
    "--level",
    type=click.Choice([level.label for level in Level]),
    help="只测这一级别，默认从最强测起 · test this level only; default: from the strongest down",
)
@with_console
def command(console: Console, level: str | None) -> None:
    """逐一尝试攻击，测出本机的沙箱级别 · Try the attacks, tell the level that is had here."""
    with console.stage(zh="尝试攻击", en="Trying the attacks", total=None):
        tried = try_until_had() if level is None else (try_level(Level.named(level)),)
    console.emit(to_json(tried))
    for one in tried:
        show(console, one)
    _conclude(console, tried)
    had = tried[-1].test
    sealed_trials_run = had is not None and had.holds
    if not sealed_trials_run:
        sys.exit(EXIT_NO)


def to_json(tried: tuple[Tried, ...]) -> dict[str, Any]:
    """Return what a machine reads."""
    had = tried[-1].test
    return {
        "level": None if had is None else had.level.label,
        "holds": had is not None and had.holds,
        "startup_ms": None if had is None else had.startup_ms,
        "attacks": [] if had is None else [_attack_json(attack) for attack in had.attacks],
        "missing": {one.level.label: one.lack_en for one in tried if one.test is None},
    }


def _attack_json(attack: Attack) -> dict[str, Any]:
    fields = ("name", "en", "zh", "blocked", "control", "detail")
    return {field: getattr(attack, field) for field in fields}


def show(console: Console, tried: Tried) -> None:
    """Print one level: every attack with its result, or what is missing."""
    label = tried.level.label
    if tried.test is None:
        cross = click.style("✗", fg="red")
        console.say(
            zh=f"{cross} 级别 {label}：{tried.lack_zh}",
            en=f"{cross} level {label}: {tried.lack_en}",
        )
        return
    console.say(
        zh=f"级别 {label}，启动 {tried.test.startup_ms:.0f} 毫秒",
        en=f"Level {label}, start-up {tried.test.startup_ms:.0f} ms",
    )
    for attack in tried.test.attacks:
        console.say(zh=_row(attack, "zh"), en=_row(attack, "en"))


def _row(attack: Attack, language: Language) -> str:
    mark = click.style("✓", fg="green") if attack.blocked else click.style("✗", fg="red")
    title = attack.zh if language == "zh" else attack.en
    no_merit = {"zh": "本机不用沙箱也不会得逞", "en": "fails here without a sandbox too"}[language]
    note = attack.detail if not attack.blocked else "" if attack.control else no_merit
    return f"  {mark} {title}" + click.style(f"  ({note})" if note else "", fg="bright_black")


def _conclude(console: Console, tried: tuple[Tried, ...]) -> None:
    had = tried[-1].test
    if had is None:
        return
    blocked, count = sum(attack.blocked for attack in had.attacks), len(had.attacks)
    label = had.level.label
    console.say(
        zh=f"\n{count} 种攻击中拦住 {blocked} 种。本机级别：{label}。",
        en=f"\n{blocked} of {count} attacks blocked. This machine gives: {label}.",
    )
    if not had.holds:
        console.say(
            zh="有攻击得逞（✗）：请勿在此级别把封存数据交给不受信任的方案。",
            en="Some got through (✗): at this level do not show sealed data to a solution that you "
            "do not trust.",
        )
        _show_way_up(console, had.level)


def _show_way_up(console: Console, level: Level) -> None:
    """Say for each stronger level whether it starts here or what it lacks."""
    for stronger in BUILT[: BUILT.index(level)]:
        lack_en, lack_zh = available(stronger), available(stronger, language="zh")
        console.say(
            zh=f"更强的级别 {stronger.label}：{lack_zh or '本机可用'}",
            en=f"The stronger level {stronger.label}: {lack_en or 'can be had here'}",
        )
