"""``liudu-trial check``: the vendor's conformance kit, the same runner at home."""

import sys
from pathlib import Path
from typing import Any, cast

import click

from liudu.console import EXIT_INFRA, EXIT_NO, Console, refuse, with_console
from liudu.contract import TASKS, BundleError, ManifestError, NoBundleError, Task
from liudu.contract.kit import Finding
from liudu.sandbox import Level
from liudu.trial import clock
from liudu.trial.conformance import Conformance, TaskFindings, check_solution
from liudu.trial.serving import Clock, InfraError

MARKS = {"passed": ("✓", "green"), "failed": ("✗", "red"), "warned": ("!", "yellow")}
NOT_TRIED = ("–", "bright_black")
STDERR_LINES = 8


@click.command()
@click.argument("solution", type=click.Path(path_type=Path))
@click.option(
    "--task",
    "tasks",
    multiple=True,
    type=click.Choice(TASKS),
    help="只试这项任务，可重复 · try only this task; may be repeated",
)
@click.option(
    "--level",
    type=click.Choice([level.name.lower() for level in Level]),
    help="沙箱级别，默认为本机最强 · sandbox level; default: the strongest here",
)
@with_console
def command(console: Console, solution: Path, tasks: tuple[str, ...], level: str | None) -> None:
    """检查方案是否符合合约，并逐条解释 · Hold a solution to the contract, explain failures."""
    try:
        found = check_solution(
            solution,
            clock=Clock(now=clock.now),
            tasks=cast("tuple[Task, ...]", tasks),
            level=None if level is None else Level[level.upper()],
            progress=console,
        )
    except NoBundleError:  # nothing to check is no answer
        raise
    except (BundleError, ManifestError) as refusal:
        refuse(console, refusal)
        sys.exit(EXIT_NO)
    except InfraError as refusal:
        refuse(console, refusal)
        sys.exit(EXIT_INFRA)
    console.emit(to_json(found))
    show(console, found)
    if not found.conforms:
        sys.exit(EXIT_NO)


def to_json(found: Conformance) -> dict[str, Any]:
    """Return what a machine reads."""
    return {
        "conforms": found.conforms,
        "name": found.manifest.name,
        "version": found.manifest.version,
        "digest": found.digest,
        "level": found.level.name.lower(),
        "missing": [problem.say("en") for problem in found.missing],
        "tasks": [
            {
                "task": task.task,
                "conforms": task.conforms,
                "checks": [finding.to_json() for finding in task.findings],
            }
            for task in found.tasks
        ],
    }


def show(console: Console, found: Conformance) -> None:
    """Print the findings for people."""
    title = f"{found.manifest.name} {found.manifest.version}"
    level = found.level.name.lower()
    console.say(
        zh=f"{title}（沙箱级别 {level}）\n{found.digest}",
        en=f"{title} (sandbox level {level})\n{found.digest}",
    )
    _line(console, "passed", zh="清单符合合约", en="The manifest keeps to the contract")
    for problem in found.missing:
        _line(console, "failed", zh=problem.say("zh"), en=problem.say("en"))
    for task in found.tasks:
        _show_task(console, task)
    if found.conforms:
        console.say(zh="\n符合合约。", en="\nIt conforms.")
    else:
        console.say(zh="\n不符合合约：请改正标 ✗ 的各项。", en="\nIt does not conform: see each ✗.")


def _show_task(console: Console, task: TaskFindings) -> None:
    console.say(zh=f"\n任务 {task.task}", en=f"\nTask {task.task}")
    for finding in task.findings:
        _line(console, finding.state, zh=finding.check.zh, en=finding.check.en)
        if finding.state != "passed":
            console.say(zh=_explained(finding, "zh"), en=_explained(finding, "en"))
    if not task.conforms and task.stderr.strip():
        lines = "\n".join(f"    | {line}" for line in _tail(task.stderr))
        console.say(zh=f"  标准错误的末尾：\n{lines}", en=f"  The end of its stderr:\n{lines}")


def _explained(finding: Finding, language: str) -> str:
    return "    " + (finding.zh if language == "zh" else finding.en).replace("\n", "\n    ")


def _tail(stderr: str) -> list[str]:
    shown = [
        "".join(c if c.isprintable() else " " for c in line[:200]) for line in stderr.splitlines()
    ]
    return shown[-STDERR_LINES:]


def _line(console: Console, state: str, *, zh: str, en: str) -> None:
    mark, colour = MARKS.get(state, NOT_TRIED)
    styled = click.style(mark, fg=colour)
    console.say(zh=f"{styled} {zh}", en=f"{styled} {en}")
