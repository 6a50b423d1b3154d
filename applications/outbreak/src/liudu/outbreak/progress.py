"""How long work tells how far it is, without knowing who looks on."""

import sys
from collections.abc import Callable

import click

from liudu.contract import Language

Progress = Callable[[str, str, int, int], None]
"""Called with what is done now (Chinese, English), how many steps are done, and of how many."""

CELLS = 24


def silent(zh: str, en: str, done: int, total: int) -> None:
    """Tell nobody."""
    del zh, en, done, total


def bar(language: Language) -> Progress:
    """Return a bar on standard error, if that is a terminal; else nobody is told."""
    if not sys.stderr.isatty():
        return silent

    def tell(zh: str, en: str, done: int, total: int) -> None:
        full = CELLS * done // max(total, 1)
        words = zh if language == "zh" else en
        line = f"\r\033[K[{'█' * full}{' ' * (CELLS - full)}] {done}/{total} {words}"
        click.echo(line if done < total else "\r\033[K", nl=False, err=True)

    return tell
