"""What the commands say: sentences for people, one JSON object for machines."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

import attrs
import click
import orjson
from rich.console import Console as Terminal
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from liudu.contract import Language, Refusal
from liudu.trial.progress import Advance

EXIT_NO = 1  # the work is done and the answer is no
EXIT_REFUSED = 2  # the input was refused; nothing was changed
EXIT_INFRA = 3  # this machine failed, not the input and not the solution
EXIT_INTERRUPTED = 130

P = ParamSpec("P")


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
            click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())

    @contextmanager
    def stage(self, *, zh: str, en: str, total: int | None) -> Iterator[Advance]:
        """Show one stage as a bar on standard error, if that is a terminal."""
        terminal = Terminal(stderr=True)
        columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        hidden = self.json or not terminal.is_terminal
        with Bars(
            TextColumn("{task.description}"), *columns, console=terminal, disable=hidden
        ) as bars:
            task = bars.add_task(zh if self.language == "zh" else en, total=total)
            yield lambda steps: bars.advance(task, steps)


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
        except KeyboardInterrupt:
            click.echo("已中断。" if console.language == "zh" else "Interrupted.", err=True)
            sys.exit(EXIT_INTERRUPTED)

    return speaking


def refuse(console: Console, refusal: Refusal) -> None:
    """Say why something was refused: to people on standard error, to machines as JSON."""
    message = refusal.say(console.language)
    if console.json:
        error = {"code": refusal.code, "message": message, "facts": refusal.facts}
        click.echo(orjson.dumps({"error": error}, default=str).decode())
    else:
        click.echo(click.style("✗ ", fg="red") + message, err=True)
