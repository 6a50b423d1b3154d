"""``liudu-trial plan``: how many pieces of each kind can show a promise."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
import click

from liudu.acceptance import METRICS, Plan, Promise, Target, TargetPlan, plan
from liudu.console import Console, with_console
from liudu.contract import Refusal
from liudu.trial.promise import load_promise

HOURS_LONG = 8  # beyond one shift, seeding known defects is worth saying


class BadHopeError(Refusal):
    """``--hoped`` is not METRIC=VALUE with a metric of the promise."""

    en = "--hoped {given!r}: write METRIC=VALUE, for example miss_rate=0.0005; promised: {known}."
    zh = "--hoped {given!r}：请写成 指标=值，例如 miss_rate=0.0005；承诺中的指标：{known}。"


@click.command(short_help="样本量计划 · how many pieces are needed")
@click.argument("targets", type=click.Path(path_type=Path))
@click.option(
    "--hoped",
    "hopes",
    multiple=True,
    metavar="METRIC=VALUE",
    help="期望的真实值，用于计算功效 · the true value one hopes for",
)
@with_console
def command(console: Console, targets: Path, hopes: tuple[str, ...]) -> None:
    """计算每个目标最少要多少件样本 · Say how many pieces of each kind can show each target.

    TARGETS 是承诺文件（YAML） · is the promise, a YAML file.
    """
    promise = with_hopes(load_promise(targets), hopes)
    planned = plan(promise)
    console.emit(planned.to_json())
    for zh, en in lines(promise, planned):
        console.say(zh=zh, en=en)


def with_hopes(promise: Promise, hopes: Sequence[str]) -> Promise:
    """Return the promise with the hoped values of the command line."""
    known = ", ".join(target.metric for target in promise.targets)
    wanted: dict[str, float] = {}
    for given in hopes:
        metric, _, value = given.partition("=")
        try:
            wanted[metric] = float(value)
        except ValueError as error:
            raise BadHopeError(given=given, known=known) from error
        if metric not in {target.metric for target in promise.targets}:
            raise BadHopeError(given=given, known=known)
    targets = tuple(
        attrs.evolve(target, hoped=wanted.get(target.metric, target.hoped))
        for target in promise.targets
    )
    return attrs.evolve(promise, targets=targets)


def lines(promise: Promise, planned: Plan) -> list[tuple[str, str]]:
    """Return the plan as sentences, each in Chinese and in English."""
    told: list[tuple[str, str]] = []
    for one in planned.targets:
        told += _target_lines(one)
    return told + _total_lines(promise, planned)


def _target_lines(one: TargetPlan) -> list[tuple[str, str]]:
    told = [_title(one.target)]
    zh, en = one.kind_of_piece
    if one.duration_s_min is not None:
        count, seconds = one.samples["0"], round(one.duration_s_min)
        told.append(
            (
                f"  至少 {count} 项，连续运行至少 {seconds} 秒",
                f"  at least {count} items, served for at least {seconds} s",
            )
        )
    elif METRICS[one.target.metric].kind == "pace":
        count = one.samples["0"]
        told.append(
            (
                f"  至少 {count} 项，分批计时（每批含启动时间）",
                f"  at least {count} items, timed in chunks (each with its start-up)",
            )
        )
    elif METRICS[one.target.metric].kind != "measured":
        told += _sample_lines(one, zh=zh, en=en)
        told += _power_lines(one)
        told += _sequential_lines(one)
    return told


def _title(target: Target) -> tuple[str, str]:
    metric = METRICS[target.metric]
    limit = f"{100 * target.limit:g} %" if metric.kind == "ratio" else f"{target.limit:g}"
    sign = {"<=": "≤", ">=": "≥"}.get(target.op, target.op)
    confidence = f"{100 * target.confidence:g} %"
    each = ("，每一类" if target.every_class else "", ", every class" if target.every_class else "")
    return (
        f"\n{metric.zh} {sign} {limit}（置信度 {confidence}{each[0]}）",
        f"\n{metric.en} {sign} {limit} (confidence {confidence}{each[1]})",
    )


def _sample_lines(one: TargetPlan, *, zh: str, en: str) -> list[tuple[str, str]]:
    each = ("每类 ", "per class, ") if one.target.every_class else ("", "")
    head = (f"  允许出错数   {each[0]}最少需要：{zh}", f"  errors allowed   {each[1]}needed: {en}")
    return [head] + [
        (f"  {errors:>10}   {count:>8}", f"  {errors:>14}   {count:>8}")
        for errors, count in one.samples.items()
    ]


def _power_lines(one: TargetPlan) -> list[tuple[str, str]]:
    if not one.power or one.hoped is None:
        return []
    rate = f"{100 * one.hoped:.3g} %"
    note = ("，为限值的四分之一，可用 --hoped 改", "; a quarter of the limit, see --hoped")
    zh, en = note if one.hoped_assumed else ("", "")
    told = [(f"  若真实错误率为 {rate}{zh}：", f"  if the true error rate is {rate}{en}:")]
    told += [
        (
            (
                f"    {size.trial_count} 件（允许 {size.event_count} 件出错）有 "
                f"{100 * wanted:.0f} % 的把握通过"
            ),
            (
                f"    {size.trial_count} ({size.event_count} errors allowed) pass with "
                f"{100 * wanted:.0f} % probability"
            ),
        )
        for wanted, size in one.power
    ]
    return told


def _sequential_lines(one: TargetPlan) -> list[tuple[str, str]]:
    """Say what `--until-decided` is expected to use."""
    mean = {(e.method, e.role): e.sample_count_mean for e in one.sequential}
    if ("e_process", "hoped") not in mean:
        return []
    hoped, none = mean["e_process", "hoped"], mean["e_process", "no_error"]
    twice = mean["sprt", "twice_limit"]
    return [
        (
            (
                f"  边看边判（--until-decided）：零错误时平均 {none:.0f} 件，达到期望值时平均 "
                f"{hoped:.0f} 件证明；错误率为限值两倍时平均 {twice:.0f} 件否定"
            ),
            (
                f"  looking as you go (--until-decided): on average {none:.0f} without an error "
                f"and {hoped:.0f} at the hoped rate prove it; {twice:.0f} refute twice the limit"
            ),
        )
    ]


def _total_lines(promise: Promise, planned: Plan) -> list[tuple[str, str]]:
    names: Mapping[str, tuple[str, str]] = {o.unit: o.kind_of_piece for o in planned.targets}
    needed = {u: c for u, c in planned.samples_by_unit.items() if u not in {"run", "item"}}
    listed_zh = "，".join(f"{names[unit][0]} {count}" for unit, count in needed.items())
    listed_en = ", ".join(f"{count} × {names[unit][1]}" for unit, count in needed.items())
    told: list[tuple[str, str]] = []
    if needed:
        told.append(
            (
                f"\n合计：零错误也至少需要 {listed_zh}。",
                f"\nIn all: even without an error, at least {listed_en}.",
            )
        )
    return told + _line_lines(promise, planned)


def _line_lines(promise: Promise, planned: Plan) -> list[tuple[str, str]]:
    if promise.line is None or planned.hours_on_line is None:
        return []
    hours, pieces = planned.hours_on_line, planned.pieces_from_line
    pace, portion = promise.line.pieces_per_h, f"{100 * promise.line.positive_share:g} %"
    told = [
        (
            (
                f"产线每小时 {pace:g} 件、不良率 {portion}：自然产生这些样本要 {pieces} 件，"
                f"约 {hours:.1f} 小时。"
            ),
            (
                f"A line of {pace:g} pieces/h with {portion} positive makes them in {pieces} "
                f"pieces, about {hours:.1f} h."
            ),
        )
    ]
    if hours > HOURS_LONG:
        told.append(
            (
                "太久了？可以混入已知的不良件（按类别配齐），漏检率只看不良件，不受比例影响。",
                (
                    "Too long? Seed known defects, some of every kind: the miss rate counts "
                    "positive pieces only, whatever their share."
                ),
            )
        )
    return told
