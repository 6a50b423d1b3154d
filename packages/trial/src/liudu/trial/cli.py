"""The command line ``liudu-trial``."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from typing import Any

import click
import orjson

EXIT_INTERRUPTED = 130

COMMANDS = ("plan", "seal", "run", "report", "verify", "check", "selftest")


class Lazy(click.Group):
    """Load a command only when it is called, so that ``--help`` answers at once."""

    def main(self, args: Sequence[str] | None = None, **extra: Any) -> Any:  # type: ignore[override]  # noqa: ANN401
        """Run; say a wrong command line in the language and form that it asks for."""
        words = sys.argv[1:] if args is None else list(args)
        try:
            ended = super().main(args=words, **{**extra, "standalone_mode": False})
        except click.ClickException as error:
            tell_wrong_use(error, words=words)
            sys.exit(error.exit_code)
        except click.Abort:
            sys.exit(EXIT_INTERRUPTED)
        sys.exit(ended if isinstance(ended, int) else 0)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which a trial uses them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import ``liudu.trial.commands.<name>`` and return its ``command``."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        try:
            module = import_module(f"liudu.trial.commands.{cmd_name}")
        except KeyboardInterrupt:
            sys.exit(EXIT_INTERRUPTED)
        command = module.command
        return command if isinstance(command, click.Command) else None


def tell_wrong_use(error: click.ClickException, *, words: Sequence[str]) -> None:
    """Say what is wrong with a command line: to people, or with ``--json`` to machines."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return
    sentence = in_chinese(error) if _wants_chinese(words) else error.format_message()
    if "--json" in words:
        told = {"error": {"code": type(error).__name__, "message": sentence, "facts": {}}}
        click.echo(orjson.dumps(told).decode())
        return
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is not None:
        click.echo(context.get_usage(), err=True)
        way_out = ("用法见", "How to use it:")[0 if _wants_chinese(words) else 1]
        click.echo(f"{way_out} {context.command_path} --help", err=True)
    click.echo(click.style("✗ ", fg="red") + sentence, err=True)


def in_chinese(error: click.ClickException) -> str:
    """Return the Chinese sentence of the errors that a command line can have."""
    named = getattr(error, "param", None)
    hint = named.get_error_hint(error.ctx) if named is not None and error.ctx else "?"  # type: ignore[attr-defined]
    match error:
        case click.NoSuchOption():
            near = f"；是否指 {'、'.join(error.possibilities)}？" if error.possibilities else "。"
            return f"没有选项 {error.option_name}{near}"
        case click.MissingParameter():
            return f"缺少 {hint}：请补上。"
        case click.BadOptionUsage():
            return f"选项 {error.option_name} 用法不对：{error.format_message()}"
        case click.BadParameter():
            return f"{hint} 的值不对：{error.message}"
        case _:
            return f"命令行有误：{error.format_message()}"


def _wants_chinese(words: Sequence[str]) -> bool:
    asked = [two for one, two in pairwise(words) if one == "--lang"]
    asked += [word.removeprefix("--lang=") for word in words if word.startswith("--lang=")]
    names = (*asked, *map(os.environ.get, ("LIUDU_LANG", "LC_ALL", "LANG")))
    return not next((name for name in names if name), "zh").lower().startswith("en")


@click.group(cls=Lazy)
@click.version_option(package_name="liudu-trial")
def main() -> None:
    """一次试验：从数据文件夹到证书 · One trial, from a folder of data to a certificate."""
