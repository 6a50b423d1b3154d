"""``liudu doctor``: what this machine lacks, what that costs, and the way out."""

import sys

import click

from liudu.console import EXIT_NO, Console, with_console
from liudu.platform.commands.diagnosis import Finding, Grade, diagnose
from liudu.platform.commands.machine import measure

SIGNS = {Grade.WELL: ("✓", "green"), Grade.WARN: ("!", "yellow"), Grade.BAD: ("✗", "red")}


@click.command()
@with_console
def command(console: Console) -> None:
    """检查本机缺什么、有何影响、如何补上 · Say what this machine lacks and what it costs."""
    with console.stage(zh="检查本机", en="Looking at this machine", total=None):
        findings = diagnose(measure())
    for finding in findings:
        _say(console, finding)
    fatal = [finding.name for finding in findings if finding.stops_trials]
    console.emit(
        {
            "trials_possible": not fatal,
            "findings": [finding.as_json(console.language) for finding in findings],
        }
    )
    if fatal:
        console.say(
            zh=f"\n本机现在无法进行试验：{'、'.join(name.zh for name in fatal)}。",
            en=f"\nNo trial can run on this machine now: {', '.join(name.en for name in fatal)}.",
        )
        sys.exit(EXIT_NO)
    console.say(zh="\n本机可以进行试验。", en="\nTrials can run on this machine.")


def _say(console: Console, finding: Finding) -> None:
    sign, colour = SIGNS[finding.grade]
    mark = click.style(sign, fg=colour)
    lines = {
        language: [f"{mark} {finding.name.say(language)}：{finding.state.say(language)}"]
        for language in ("zh", "en")
    }
    lines["en"] = [line.replace("：", ": ", 1) for line in lines["en"]]
    if finding.consequence:
        lines["zh"].append(f"    影响：{finding.consequence.zh}")
        lines["en"].append(f"    costs: {finding.consequence.en}")
    if finding.remedy:
        lines["zh"].append(f"    办法：{finding.remedy.zh}")
        lines["en"].append(f"    remedy: {finding.remedy.en}")
    console.say(zh="\n".join(lines["zh"]), en="\n".join(lines["en"]))
