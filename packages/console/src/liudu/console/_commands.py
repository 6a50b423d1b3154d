"""A group of commands that loads each only when it is called."""

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import click

from liudu.console._console import EXIT_INTERRUPTED, EXIT_REFUSED
from liudu.console._wrong_use import tell_wrong_use


class Commands(click.Group):
    """A group whose ``--help`` answers at once and whose errors speak the reader's language.

    Parameters
    ----------
    modules
        The name of each command and the module whose ``command`` it is, in the order in which
        one needs them.

    """

    def __init__(self, *args: Any, modules: Mapping[str, str] | None = None, **extra: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **extra)
        self.modules = dict(modules or {})

    def main(self, args: Sequence[str] | None = None, **extra: Any) -> Any:  # type: ignore[override]  # noqa: ANN401
        """Run; say a wrong command line in the language and form that it asks for."""
        words = sys.argv[1:] if args is None else list(args)
        try:
            ended = super().main(args=words, **{**extra, "standalone_mode": False})
        except click.ClickException as error:
            tell_wrong_use(error, words=words)
            sys.exit(EXIT_REFUSED)
        except click.Abort:
            sys.exit(EXIT_INTERRUPTED)
        sys.exit(ended if isinstance(ended, int) else 0)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in their order, then those that were added."""
        return [*self.modules, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command and return its ``command``."""
        if cmd_name not in self.modules:
            return super().get_command(ctx, cmd_name)
        try:
            command = import_module(self.modules[cmd_name]).command
        except KeyboardInterrupt:
            sys.exit(EXIT_INTERRUPTED)
        return command if isinstance(command, click.Command) else None
