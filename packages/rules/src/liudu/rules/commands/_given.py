"""What the commands are given: packs, settings, days; and the file that they write."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, ParamSpec

import click

from liudu.contract import Refusal
from liudu.rules._lower import Setting
from liudu.rules._pack import Pack, Parameter, read_pack
from liudu.rules._program import UnknownParameterError
from liudu.rules._source import read_yaml

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


def load_pack(path: Path) -> Pack:
    """Return the pack in a file.

    Raises
    ------
    NotReadableError, NotUtf8Error, PackRefusedError

    """
    return read_pack(read_utf8(path), file=str(path))


def read_utf8(path: Path) -> str:
    """Return the text of a file.

    Raises
    ------
    NotReadableError, NotUtf8Error

    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise NotReadableError(path=path, problem=error.strerror) from error
    except UnicodeDecodeError as error:
        raise NotUtf8Error(path=path, byte=error.start) from error


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
