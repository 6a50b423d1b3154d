"""What the commands are given: packs, settings, days; and the file that they write."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any, ParamSpec, TextIO

import click

from liudu.contract import Refusal
from liudu.rules._lower import Setting, closest
from liudu.rules._pack import Pack, Parameter
from liudu.rules._program import UnknownParameterError
from liudu.rules._reader import read_pack
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


class WhichPackError(Refusal):
    """A parameter is set that several packs have."""

    en = "{name} is a parameter of {packs}: write {example}=VALUE."
    zh = "{packs} 都有参数 {name}：请写成 {example}=值。"


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
    """Return what ``--set`` sets in one pack; raises as `settings_by_pack` does."""
    return settings_by_pack([pack], given).get(pack.name, {})


def settings_by_pack(
    packs: Sequence[Pack], given: tuple[str, ...]
) -> dict[str, dict[str, Setting]]:
    """Return by pack what ``--set NAME=VALUE`` or ``--set PACK/NAME=VALUE`` sets.

    Raises
    ------
    UnknownParameterError, WhichPackError, BadAssignmentError, AssignedTwiceError

    """
    found: dict[str, dict[str, Setting]] = {}
    for written, value in assignments(given).items():
        where, _, name = written.rpartition("/")
        having = [one for one in packs if name in one.parameters and where in ("", one.name)]
        if not having:
            known = [f"{one.name}/{other}" for one in packs for other in one.parameters]
            short = [one.rpartition("/")[2] for one in known]
            near = closest(name, short)
            raise UnknownParameterError(
                name=written,
                pack=", ".join(one.name for one in packs),
                known=", ".join(known if len(packs) > 1 else short) or "-",
                hint_en=f" (did you mean {near}?)" if near else "",
                hint_zh=f"（是否指 {near}？）" if near else "",
            )
        if len(having) > 1:
            names = ", ".join(one.name for one in having)
            raise WhichPackError(name=name, packs=names, example=f"{having[0].name}/{name}")
        mine = found.setdefault(having[0].name, {})
        if name in mine:
            raise AssignedTwiceError(name=name)
        mine[name] = _setting(having[0].parameters[name], value)
    return found


def _setting(parameter: Parameter, text: str) -> Setting:
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
