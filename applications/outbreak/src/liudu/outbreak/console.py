"""What the commands say: sentences for people, one JSON object for machines."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

import attrs
import click

from liudu.contract import Language, Refusal

EXIT_NO = 1  # the work is done and the answer is no
EXIT_REFUSED = 2  # the input was refused; nothing was changed
EXIT_INTERRUPTED = 130

P = ParamSpec("P")


class FileTroubleError(Refusal):
    """The system would not read or write a file or folder."""

    en = "{file} cannot be read or written ({why}). Name another path, or change its permissions."
    zh = "无法读写 {file}（{why}）。请换一个路径，或修改权限。"


@attrs.frozen(kw_only=True)
class Console:
    """Where a command speaks. With `json` the sentences are silent and `emit` speaks instead."""

    language: Language
    json: bool

    def say(self, *, zh: str, en: str) -> None:
        """Print one sentence for people."""
        if not self.json:
            click.echo(zh if self.language == "zh" else en)

    def emit(self, answer: Mapping[str, Any]) -> None:
        """Print the whole answer for machines, as one JSON object."""
        if self.json:
            click.echo(json.dumps(answer, ensure_ascii=False, indent=2, allow_nan=False))

    def table(self, rows: list[list[str]]) -> None:
        """Print rows for people, the first of them the heads, in aligned columns."""
        if self.json or not rows:
            return
        widths = [max(_width(cell) for cell in column) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = [cell + " " * (w - _width(cell)) for cell, w in zip(row, widths, strict=True)]
            click.echo("  ".join(cells).rstrip())


def _width(text: str) -> int:
    """Return the columns that a text takes; Chinese characters take two."""
    return sum(2 if ord(character) >= 0x2E80 else 1 for character in text)  # noqa: PLR2004


def language_of_environment() -> Language:
    """Return the language that LIUDU_LANG or the locale asks for; Chinese first."""
    wish = os.environ.get("LIUDU_LANG") or os.environ.get("LC_ALL") or os.environ.get("LANG") or ""
    return "en" if wish.lower().startswith("en") else "zh"


def with_console(command: Callable[Concatenate[Console, P], None]) -> Callable[P, None]:
    """Give a click command ``--json``, ``--lang`` and a `Console`; end it as people expect."""

    @click.option(
        "--json", "as_json", is_flag=True, help="给机器看的 JSON · one JSON object for machines"
    )
    @click.option("--lang", type=click.Choice(["zh", "en"]), help="语言 · language")
    @wraps(command)
    def speaking(*arguments: P.args, **options: P.kwargs) -> None:
        as_json, lang = options.pop("as_json"), options.pop("lang")
        console = Console(
            language=cast("Language", lang or language_of_environment()), json=bool(as_json)
        )
        try:
            command(console, *arguments, **options)
        except Refusal as refusal:
            refuse(console, refusal)
            sys.exit(EXIT_REFUSED)
        except OSError as error:
            file = error.filename if error.filename is not None else "?"
            refuse(console, FileTroubleError(file=str(file), why=error.strerror or str(error)))
            sys.exit(EXIT_REFUSED)
        except KeyboardInterrupt:
            click.echo("已中断。" if console.language == "zh" else "Interrupted.", err=True)
            sys.exit(EXIT_INTERRUPTED)

    return speaking


def refuse(console: Console, refusal: Refusal) -> None:
    """Say why something was refused: to people on standard error, to machines as JSON."""
    message = refusal.say(console.language)
    if console.json:
        error = {"code": refusal.code, "message": message, "facts": refusal.facts}
        click.echo(json.dumps({"error": error}, ensure_ascii=False, default=str))
    else:
        click.echo(click.style("✗ ", fg="red") + message, err=True)
