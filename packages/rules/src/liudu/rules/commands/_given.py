"""What the commands are given: packs, settings, days; and the file that they write."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any, ParamSpec, TextIO

import click

from liudu.contract import Refusal
from liudu.rules._lower import Setting
from liudu.rules._pack import Pack, Parameter, read_pack
from liudu.rules._program import UnknownParameterError
from liudu.rules._source import Node, read_yaml

P = ParamSpec("P")


class NotUtf8Error(Refusal):
    """A pack that is not UTF-8."""

    en = "{path}:{line}:{column}: this is not UTF-8: save the file as UTF-8."
    zh = "{path}:{line}:{column}：不是 UTF-8 编码：请另存为 UTF-8。"


class NoPackFileError(Refusal):
    """A folder without packs: that nothing is wrong with them would say nothing."""

    en = "{path} has no *.yaml or *.yml: name a pack, or a folder with packs."
    zh = "{path} 中没有 *.yaml 或 *.yml：请给出政策包，或存放政策包的文件夹。"


class BadAssignmentError(Refusal):
    """An option is not NAME=VALUE."""

    en = "{given!r}: write NAME=VALUE."
    zh = "{given!r}：请写成 名称=值。"


class AssignedTwiceError(Refusal):
    """One name is given two values."""

    en = "{name} is given twice: once is enough."
    zh = "{name} 给了两次：请只给一次。"


def load_pack(path: Path) -> Pack:
    """Return the pack in a file.

    Raises
    ------
    OSError, NotUtf8Error, PackRefusedError

    """
    return read_pack(read_utf8(path), file=str(path))


def read_utf8(path: Path) -> str:
    """Return the text of a file.

    Raises
    ------
    OSError, NotUtf8Error

    """
    content = path.read_bytes()
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start].decode().splitlines() or [""]
        raise NotUtf8Error(path=path, line=len(before), column=len(before[-1]) + 1) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def pack_files(paths: tuple[Path, ...]) -> list[Path]:
    """Return the files, and for a folder the ``*.yaml`` and ``*.yml`` in it, by name.

    Raises
    ------
    NoPackFileError

    """
    found: list[Path] = []
    for path in paths:
        inside = sorted(path.glob("*.y*ml")) if path.is_dir() else [path]
        if not inside:
            raise NoPackFileError(path=path)
        found += inside
    return found


def read_settings(pack: Pack, given: tuple[str, ...]) -> dict[str, Setting]:
    """Return the parameters that ``--set NAME=VALUE`` names, in their written units."""
    settings: dict[str, Setting] = {}
    for name, value in assignments(given).items():
        if name not in pack.parameters:
            known = ", ".join(pack.parameters) or "-"
            raise UnknownParameterError(
                name=name, pack=pack.name, known=known, hint_en="", hint_zh=""
            )
        settings[name] = read_setting(pack.parameters[name], value)
    return settings


def read_setting(parameter: Parameter, text: str) -> Setting:
    """Return one written value as a setting of a parameter."""
    node = read_yaml(text, file=f"--set {parameter.name}")
    return parameter.read(Node(node.source, node.raw, parameter.name))


def assignments(given: tuple[str, ...]) -> dict[str, str]:
    """Return ``NAME=VALUE`` options as a mapping."""
    found: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise BadAssignmentError(given=one)
        if name.strip() in found:
            raise AssignedTwiceError(name=name.strip())
        found[name.strip()] = value.strip()
    return found


@contextmanager
def written_whole(path: Path) -> Iterator[TextIO]:
    """Open a file that appears under its name only when it is complete.

    A link is followed; what is no file, such as ``/dev/stdout`` or a pipe, is written as it is.
    An error of the disk names the path that was asked for.
    """
    if path.exists() and not path.is_file():
        with path.open("w", encoding="utf-8", newline="") as file:
            yield file
        return
    path = path.resolve() if path.is_symlink() else path
    unfinished = path.with_name(f".{path.name[:40]}.{os.getpid()}.unfinished")
    try:
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            yield file
        unfinished.replace(path)
    except OSError as error:
        if error.filename in (None, str(unfinished)):
            error.filename = str(path)
        raise
    finally:
        with suppress(OSError):
            unfinished.unlink()


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
