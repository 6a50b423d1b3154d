"""``liudu-outbreak audit``: whether the audit of a dashboard is whole."""

import sys
from pathlib import Path

import click

from liudu.console import EXIT_NO, Console, with_console
from liudu.outbreak.desk.settings import DATABASE, DESK


@click.command("audit")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--expect", metavar="DIGEST", help="此前记下的末行摘要 · a digest noted earlier")
@with_console
def command(console: Console, *, folder: Path, expect: str | None) -> None:
    """核验审计链：谁看过谁、谁改过什么 · Verify the audit chain of a data folder.

    把末行摘要另存一处，可发现末尾被删 · Keep the head elsewhere: a cut end shows as well.
    """
    from liudu.outbreak.desk.offline import verify_file  # noqa: PLC0415 - needs no Django

    chain = verify_file(folder / DESK / DATABASE, expect=expect)
    whole = chain.broken is None and chain.expected_found
    console.emit({"whole": whole, "lines": chain.lines, "head": chain.head,
                  "broken_at": chain.broken, "expected_found": chain.expected_found})  # fmt: skip
    if chain.broken is not None:
        console.say(
            zh=f"✗ 审计链在第 {chain.broken} 行断开：有记录被改动、插入或删除。",
            en=f"✗ The chain breaks at line {chain.broken}: a line was altered or removed.",
        )
    elif not chain.expected_found:
        console.say(
            zh=f"✗ 链中没有 {expect} 这一行：末尾的记录被删除或重写。",
            en=f"✗ No line has the digest {expect}: the end was cut off or written anew.",
        )
    else:
        console.say(
            zh=f"✓ 审计链完好：{chain.lines} 行，末行摘要 {chain.head}",
            en=f"✓ The chain is whole: {chain.lines} lines, head {chain.head}",
        )
    if not whole:
        sys.exit(EXIT_NO)
