"""``liudu-outbreak agree``: our Farrington beside the decisions of a reference program."""

import sys
from pathlib import Path

import click

from liudu.console import EXIT_NO, Console, with_console
from liudu.outbreak.agreement import Agreement, agree

SHOWN_MAX = 20


@click.command("agree")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--alpha", type=float, default=0.01, show_default=True, help="α")
@click.option(
    "--share-min", type=float, default=0.999, show_default=True,
    help="一致率低于它即以 1 退出 · exit 1 below this agreement",
)  # fmt: skip
@with_console
def command(console: Console, *, file: Path, alpha: float, share_min: float) -> None:
    """与参照判定逐周比对 · Compare with reference decisions, week by week.

    0 达到一致率 · 1 未达到 · 2 不是参照文件.
    """
    found = agree(file, alpha=alpha)
    console.emit(found.to_json())
    _say(console, found)
    if found.share < share_min:
        sys.exit(EXIT_NO)


def _say(console: Console, found: Agreement) -> None:
    console.say(
        zh=f"{found.series} 个序列，{found.decisions} 次判定，不一致 {len(found.disagreements)} 次"
        f"（一致率 {found.share:.4%}）。",
        en=f"{found.series} series, {found.decisions} decisions, {len(found.disagreements)} "
        f"disagreements ({found.share:.4%} agree).",
    )
    console.say(
        zh=f"报警：我们 {found.alarms} 次，参照 {found.reference_alarms} 次。",
        en=f"Alarms: ours {found.alarms}, the reference {found.reference_alarms}.",
    )
    for name, value in found.largest.items():
        console.say(zh=f"  最大差异 {name}: {value:.3g}", en=f"  largest {name}: {value:.3g}")
    for case in found.disagreements[:SHOWN_MAX]:
        series = "/".join(case.series)
        console.say(
            zh=f"  {series} 第 {case.week} 周：{case.observed:.0f} 例，p {case.p_value:.4g}"
            f"（参照 {case.reference_p_value:.4g}）",
            en=f"  {series} week {case.week}: {case.observed:.0f} cases, p {case.p_value:.4g} "
            f"(reference {case.reference_p_value:.4g})",
        )
