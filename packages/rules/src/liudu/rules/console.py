"""What the commands say: sentences for people, one JSON object for machines."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from datetime import date
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, cast

import attrs
import click

from liudu.contract import Language, Refusal
from liudu.rules._lower import Setting
from liudu.rules._pack import Pack, Parameter, read_pack
from liudu.rules._program import UnknownParameterError
from liudu.rules._source import read_yaml

EXIT_NO = 1  # the work is done and the answer is no
EXIT_REFUSED = 2  # the input was refused; nothing was changed

P = ParamSpec("P")


class NotReadableError(Refusal):
    """A file cannot be read."""

    en = "{path} cannot be read: {problem}."
    zh = "无法读取 {path}：{problem}。"


class NotWritableError(Refusal):
    """A file cannot be written."""

    en = "{path} cannot be written: {problem}."
    zh = "无法写入 {path}：{problem}。"


class NotUtf8Error(Refusal):
    """A pack that is not UTF-8."""

    en = "{path} is not UTF-8 (byte {byte}): save it as UTF-8."
    zh = "{path} 不是 UTF-8 编码（第 {byte} 字节）：请另存为 UTF-8。"


class BadAssignmentError(Refusal):
    """An option is not NAME=VALUE."""

    en = "{given!r}: write NAME=VALUE."
    zh = "{given!r}：请写成 名称=值。"


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
            click.echo(json.dumps(answer, ensure_ascii=False, indent=2, default=str))


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

    return speaking


def refuse(console: Console, refusal: Refusal) -> None:
    """Say why something was refused: to people on standard error, to machines as JSON."""
    message = refusal.say(console.language)
    if console.json:
        error = {"code": refusal.code, "message": message}
        click.echo(json.dumps({"error": error}, ensure_ascii=False))
    else:
        click.echo(click.style("✗ ", fg="red") + message, err=True)


def load_pack(path: Path) -> Pack:
    """Return the pack in a file.

    Raises
    ------
    NotReadableError, NotUtf8Error, PackRefusedError

    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise NotReadableError(path=path, problem=error.strerror) from error
    except UnicodeDecodeError as error:
        raise NotUtf8Error(path=path, byte=error.start) from error
    return read_pack(text, file=str(path))


def pack_files(paths: tuple[Path, ...]) -> list[Path]:
    """Return the files, and for a folder the ``*.yaml`` in it, by name."""
    found: list[Path] = []
    for path in paths:
        found += sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    return found


def read_settings(pack: Pack, given: tuple[str, ...]) -> dict[str, Setting]:
    """Return the parameters that ``--set NAME=VALUE`` names, in their written units."""
    settings: dict[str, Setting] = {}
    for name, value in assignments(given).items():
        if name not in pack.parameters:
            known = ", ".join(pack.parameters)
            raise UnknownParameterError(
                name=name, pack=pack.name, known=known, hint_en="", hint_zh=""
            )
        settings[name] = read_setting(pack.parameters[name], value)
    return settings


def read_setting(parameter: Parameter, text: str) -> Setting:
    """Return one written value as a setting of a parameter."""
    node = read_yaml(text, file=f"--set {parameter.name}")
    return parameter.setting(node.value(), node)


def assignments(given: tuple[str, ...]) -> dict[str, str]:
    """Return ``NAME=VALUE`` options as a mapping."""
    found: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise BadAssignmentError(given=one)
        found[name.strip()] = value.strip()
    return found


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all; raise `NotWritableError` if it cannot be."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise NotWritableError(path=path, problem=error.strerror) from error


def day_option(command: Callable[P, None]) -> Callable[P, None]:
    """Give a command ``--on DAY``."""
    return click.option(
        "--on",
        type=click.DateTime(["%Y-%m-%d"]),
        help="按哪一天判定，默认今天 · the day that decides, today by default",
    )(command)


def as_day(moment: Any, otherwise: date) -> date:  # noqa: ANN401 - what click hands over
    """Return the day of ``--on``."""
    return moment.date() if moment is not None else otherwise
