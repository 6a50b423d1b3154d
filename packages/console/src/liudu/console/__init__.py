"""How every command speaks: two languages, JSON for machines, an end that says why."""

from liudu.console._commands import Commands
from liudu.console._console import (
    EXIT_INFRA,
    EXIT_INTERRUPTED,
    EXIT_NO,
    EXIT_REFUSED,
    Console,
    InterruptedByHandError,
    as_refusal,
    end,
    language_of_environment,
    refuse,
    with_console,
)

__all__ = [
    "EXIT_INFRA",
    "EXIT_INTERRUPTED",
    "EXIT_NO",
    "EXIT_REFUSED",
    "Commands",
    "Console",
    "InterruptedByHandError",
    "as_refusal",
    "end",
    "language_of_environment",
    "refuse",
    "with_console",
]
