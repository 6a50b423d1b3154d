"""What is wrong with a command line, said in the language and form that it asks for."""

import json
import re
from collections.abc import Sequence
from itertools import pairwise

import click

from liudu.console._console import language_of_environment

# The sentences of click that name a value; what is not here is said as click says it.
SENTENCES = (
    (r"(?:File|Path|Directory) '(.*)' does not exist\.", "{0} 不存在：请核对路径。"),
    (r"(?:File|Path) '(.*)' is a directory\.", "{0} 是文件夹：请给出一个文件。"),
    (r"(?:Directory|Path) '(.*)' is a file\.", "{0} 是文件：请给出一个文件夹。"),
    (r"(?:File|Path|Directory) '(.*)' is not (?:readable|writable)\.", "{0} 没有读写权限。"),
    (r"'(.*)' is not a valid (?:integer|float)(?: range)?\.", "{0} 不是数字。"),
    (r"(.*) is not in the range (.*)\.", "{0} 不在范围内：应满足 {1}。"),
    (r"'(.*)' is not one of (.*)\.", "{0} 不可选：请从 {1} 中选。"),
    (r"'(.*)' does not match the format '(.*)'\.", "{0} 不是日期：请写成 2026-11-20 的样子。"),
    (r"No such command '(.*)'\.", "没有命令 {0}：可用的命令见 --help。"),
    (r"Got unexpected extra arguments? \((.*)\)", "多出了 {0}：请删去，或加上所属的选项。"),
    (r"Option '(.*)' requires an argument\.", "选项 {0} 后面缺少取值。"),
)


def tell_wrong_use(error: click.ClickException, *, words: Sequence[str]) -> None:
    """Say it to people on standard error, or with ``--json`` to machines."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return
    chinese = _wants_chinese(words)
    sentence = in_chinese(error) if chinese else error.format_message()
    if "--json" in words:
        told = {"error": {"code": type(error).__name__, "message": sentence, "facts": {}}}
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    click.echo(click.style("✗ ", fg="red") + sentence, err=True)
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is not None:
        way_out = "用法见" if chinese else "How to use it:"
        click.echo(f"{way_out} {context.command_path} --help", err=True)


def in_chinese(error: click.ClickException) -> str:
    """Return the Chinese sentence of an error that a command line can have."""
    named, context = getattr(error, "param", None), getattr(error, "ctx", None)
    hint = named.get_error_hint(context).replace("'", "") if named and context else ""
    match error:
        case click.NoSuchOption():
            near = (
                f"是否指 {'、'.join(error.possibilities)}？"
                if error.possibilities
                else "见 --help。"
            )
            return f"没有选项 {error.option_name}：{near}"
        case click.MissingParameter():
            return f"缺少 {hint}：请补上。"
        case click.BadParameter():
            return f"{hint}：{_translated(error.message)}"
        case _:
            return _translated(error.message)


def _translated(message: str) -> str:
    for pattern, sentence in SENTENCES:
        found = re.fullmatch(pattern, message)
        if found:
            return sentence.format(*found.groups())
    return f"命令行有误（{message}）"


def _wants_chinese(words: Sequence[str]) -> bool:
    asked = [two for one, two in pairwise(words) if one == "--lang"]
    asked += [word.removeprefix("--lang=") for word in words if word.startswith("--lang=")]
    return (asked[-1] if asked else language_of_environment()) != "en"
