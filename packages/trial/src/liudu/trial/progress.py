"""How long work tells how far it is, without knowing who looks on."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[[int], None]


class Progress(Protocol):
    """Somebody who looks on: a terminal, a page, or nobody."""

    def stage(self, *, zh: str, en: str, total: int | None) -> AbstractContextManager[Advance]:
        """Open one stage of `total` steps, or of unknown length; call what it yields to advance."""


class Silence:
    """Nobody looks on."""

    @contextmanager
    def stage(self, *, zh: str, en: str, total: int | None) -> Iterator[Advance]:
        """Open a stage that nobody sees."""
        del zh, en, total
        yield lambda _steps: None
