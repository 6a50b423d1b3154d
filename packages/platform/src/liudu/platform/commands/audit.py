"""``liudu audit``: whether a line of the audit was changed."""

import sys

import click

from liudu.console import EXIT_NO, Console, with_console
from liudu.contract import Refusal
from liudu.platform.commands import require_migrated, start_django

DIGEST_LENGTH = 64


class BadAnchorError(Refusal):
    """The note is no number and digest."""

    en = "{anchor} is no note of a line: write NUMBER:DIGEST, as `liudu audit verify` prints it."
    zh = "{anchor} 不是一行审计的记录：请按 `liudu audit verify` 打印的样子写 序号:摘要。"


@click.group()
def command() -> None:
    """审计 · The audit."""


@command.command("verify")
@click.option(
    "--anchor",
    default="",
    help="此前记下的 序号:摘要 · NUMBER:DIGEST of a line as noted down before",
)
@with_console
def verify(console: Console, anchor: str) -> None:
    """逐行核对：0 完好，1 被改动，2 无法核对 · Walk the chain: 0 intact, 1 changed, 2 refused."""
    start_django()
    require_migrated()
    from liudu.platform.audit.queries import verify_chain  # noqa: PLC0415 - after Django has started

    with console.stage(zh="核对审计", en="Verifying the audit", total=None):
        found = verify_chain(anchor=_noted(anchor))
    console.emit(
        {
            "intact": found.broken is None,
            "count": found.count,
            "head": found.head_digest,
            "broken_at": found.broken.number if found.broken else None,
            "wrong": str(found.broken.wrong) if found.broken else None,
        }
    )
    if found.broken is None:
        note = f"{found.count}:{found.head_digest}"
        console.say(
            zh=f"完好：{found.count} 行。请另处记下 {note}",
            en=f"Intact: {found.count} lines. Note down elsewhere: {note}",
        )
        return
    console.say(
        zh=f"第 {found.broken.number} 行不符（{found.broken.wrong}）：它或之后的记录被改动过；前 {found.count} 行完好。",  # noqa: E501
        en=f"Line {found.broken.number} does not hold ({found.broken.wrong}): it or what follows was changed; the first {found.count} lines hold.",  # noqa: E501
    )
    sys.exit(EXIT_NO)


def _noted(anchor: str) -> tuple[int, str] | None:
    if not anchor:
        return None
    number, _, digest = anchor.partition(":")
    if not number.isdecimal() or len(digest) != DIGEST_LENGTH:
        raise BadAnchorError(anchor=anchor)
    return int(number), digest
