"""What the commands say: sentences for people, one JSON object for machines."""

import errno
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import Any, Concatenate, ParamSpec, cast

import attrs
import click

from liudu.contract import Language, Refusal

EXIT_NO = 1  # the work is done and the answer is no
EXIT_REFUSED = 2  # the input was refused; nothing was changed
EXIT_INFRA = 3  # this machine failed, not the input and not the solution
EXIT_INTERRUPTED = 130

P = ParamSpec("P")
Advance = Callable[[int], None]
FIRST_WIDE = 0x2E80  # from here on characters take two columns


DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_YOURS = ("请换一个您有权限的位置，或请其所有者授权", "choose a place that is yours to use")
ADVICE: Mapping[int, tuple[str, str]] = {
    errno.EACCES: _NOT_YOURS,
    errno.EPERM: _NOT_YOURS,
    errno.EROFS: ("该位置只读，请换一个可写的位置", "choose a place that can be written to"),
    errno.ENAMETOOLONG: ("文件名最多 255 字节，请缩短", "a name has at most 255 bytes: shorten it"),
    errno.ENOENT: ("请检查路径", "check the path"),
    errno.ENOTDIR: (
        "路径中有一段不是文件夹，请换一个路径",
        "a part of it is no folder: choose another path",
    ),
    errno.EISDIR: ("这是文件夹，请给出文件", "this is a folder: name a file"),
    errno.EEXIST: ("已存在同名文件，请换一个名称", "it is there already: choose another name"),
    errno.ELOOP: ("符号链接成环，请给出真实路径", "its links go in a circle: give the real path"),
}
ADVICE_ELSE = ("请检查磁盘与系统日志后重试", "check the disk and the system's log, then try again")


class InterruptedByHandError(Refusal):
    """Somebody ended the command."""

    en = "Interrupted. Nothing half made was left behind."
    zh = "已中断，未留下半成品。"


class FileRefusedError(Refusal):
    """The system does not let us use a path that we were given."""

    en = "{path} cannot be read or written ({detail}): {advice_en}."
    zh = "无法读写 {path}（{detail}）：{advice_zh}。"


class FileFailedError(FileRefusedError):
    """The system failed to use a path."""

    machine = True


class NoRoomError(Refusal):
    """There is no room left on a disk."""

    machine = True
    en = "No room to write ({path}: {detail}): free some space, then run the same command again."
    zh = "磁盘空间不足，无法写入（{path}：{detail}）：请腾出空间，再次执行同一命令。"


class OutOfOurMemoryError(Refusal):
    """The machine has too little memory for what was asked."""

    machine = True
    en = "This machine ran out of memory: close other programs, or use a larger machine."
    zh = "本机内存不足：请关闭其他程序，或换用内存更大的机器。"


class DefectError(Refusal):
    """Something that must not happen has happened in the program itself."""

    machine = True
    en = (
        "This is a defect of Liudu, not of your input: {what} ({place}). Please report it with "
        "this line; LIUDU_DEBUG=1 shows where it comes from."
    )
    zh = (
        "这是 Liudu 自身的缺陷，不是您的输入有误：{what}（{place}）。"
        "请把这一行报告给我们；设 LIUDU_DEBUG=1 可看到出处。"
    )


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
            click.echo(
                json.dumps(answer, ensure_ascii=False, indent=2, allow_nan=False, default=str)
            )

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Print rows for people, the first of them the heads, in aligned columns."""
        if self.json or not rows:
            return
        widths = [max(_width(cell) for cell in column) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = [cell + " " * (w - _width(cell)) for cell, w in zip(row, widths, strict=True)]
            click.echo("  ".join(cells).rstrip())

    @contextmanager
    def stage(self, *, zh: str, en: str, total: int | None) -> Iterator[Advance]:
        """Show one stage as a bar on standard error, if that is a terminal."""
        # Loaded here, for it takes longer than many a command.
        from rich.console import Console as Terminal  # noqa: PLC0415
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bars  # noqa: PLC0415

        terminal = Terminal(stderr=True)
        columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        hidden = self.json or not terminal.is_terminal
        with Bars(
            TextColumn("{task.description}"), *columns, console=terminal, disable=hidden
        ) as bars:
            task = bars.add_task(zh if self.language == "zh" else en, total=total)
            yield lambda steps: bars.advance(task, steps)


def _width(text: str) -> int:
    """Return the columns that a text takes; Chinese characters take two."""
    return sum(2 if ord(character) >= FIRST_WIDE else 1 for character in text)


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
        with _interruptible():
            try:
                command(console, *arguments, **options)
            except BaseException as error:  # noqa: BLE001 - a command ends with a sentence
                sys.exit(end(console, error))

    return speaking


@contextmanager
def _interruptible() -> Iterator[None]:
    """Take a polite kill as Ctrl-C, so that half-made things are taken away as after that."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def end(console: Console, error: BaseException) -> int:
    """Say what ended a command, and return its exit code.

    A defect of ours must not end with 1, which says that the answer is no.
    """
    if isinstance(error, SystemExit | click.exceptions.Exit | click.ClickException):
        raise error
    if isinstance(error, BrokenPipeError):  # whoever read our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the last flush shall not fail again
        return EXIT_INFRA
    if isinstance(error, KeyboardInterrupt):
        refuse(console, InterruptedByHandError())
        return EXIT_INTERRUPTED
    refusal = error if isinstance(error, Refusal) else as_refusal(error)
    if isinstance(refusal, DefectError) and os.environ.get("LIUDU_DEBUG"):
        traceback.print_exception(error)
    refuse(console, refusal)
    return EXIT_INFRA if refusal.machine else EXIT_REFUSED


def as_refusal(error: BaseException) -> Refusal:
    """Return the sentence for what the system said no to, or for a defect of ours."""
    if isinstance(error, MemoryError):
        return OutOfOurMemoryError()
    if not isinstance(error, OSError) or error.errno is None:
        frames = traceback.extract_tb(error.__traceback__)
        place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
        return DefectError(what=f"{type(error).__name__}: {error}", place=place)
    path = error.filename or "?"
    if error.errno in DISK_FULL:
        return NoRoomError(path=path, detail=os.strerror(error.errno))
    zh, en = ADVICE.get(error.errno, ADVICE_ELSE)
    kind = FileRefusedError if error.errno in ADVICE else FileFailedError
    return kind(path=path, detail=os.strerror(error.errno), advice_zh=zh, advice_en=en)


def refuse(console: Console, refusal: Refusal) -> None:
    """Say why something was refused: to people on standard error, to machines as JSON."""
    message = refusal.say(console.language)
    if console.json:
        error = {"code": refusal.code, "message": message, "facts": refusal.facts}
        click.echo(json.dumps({"error": error}, ensure_ascii=False, default=str))
    else:
        click.echo(click.style("✗ ", fg="red") + message, err=True)
