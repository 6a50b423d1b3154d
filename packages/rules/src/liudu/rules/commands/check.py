"""``liudu-rules check``: what is wrong or suspicious in packs."""

import sys
from pathlib import Path

import click

from liudu.console import EXIT_NO, Console, with_console
from liudu.contract import Refusal
from liudu.rules._check import check_pack, check_versions
from liudu.rules._check_together import check_together
from liudu.rules._finding import Finding, Severity
from liudu.rules._pack import Pack, PackRefusedError
from liudu.rules.commands._given import load_pack, pack_files


@click.command(short_help="检查政策包 · find what is wrong in packs")
@click.argument("packs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--strict", is_flag=True, help="有提醒也算不通过 · warnings fail too")
@with_console
def command(console: Console, packs: tuple[Path, ...], *, strict: bool) -> None:
    """检查政策包：语法、单位、矛盾、日期空档、未测条件 · Check packs without any facts.

    PACKS 是文件或文件夹 · are files, or folders of them.
    """
    findings: list[Finding] = []
    read: list[Pack] = []
    for path in pack_files(packs):
        try:
            pack = load_pack(path)
        except PackRefusedError as error:
            findings += [Finding(severity=Severity.ERROR, problem=one) for one in error.problems]
        else:
            read.append(pack)
            findings += check_pack(pack)
    findings += check_versions(read)
    findings += check_together(read)
    errors = sum(one.severity is Severity.ERROR for one in findings)
    for one in findings:
        _show(console, one.severity, one.problem)
    warnings = len(findings) - errors
    console.emit(
        {
            "packs": [
                {"pack": one.name, "version": one.version, "digest": one.digest} for one in read
            ],
            "errors": errors,
            "warnings": warnings,
            "findings": [
                {
                    "severity": one.severity,
                    "code": one.problem.code,
                    "place": str(one.problem.facts.get("place", "")),
                    "en": one.problem.say("en"),
                    "zh": one.problem.say("zh"),
                }
                for one in findings
            ],
        }
    )
    console.say(
        zh=f"{len(read)} 个政策包，{errors} 处错误，{warnings} 条提醒。",
        en=f"{len(read)} packs, {errors} errors, {warnings} warnings.",
    )
    if errors or (strict and warnings):
        sys.exit(EXIT_NO)


def _show(console: Console, severity: Severity, problem: Refusal) -> None:
    sign = (
        click.style("✗", fg="red") if severity is Severity.ERROR else click.style("!", fg="yellow")
    )
    console.say(zh=f"{sign} {problem.say('zh')}", en=f"{sign} {problem.say('en')}")
