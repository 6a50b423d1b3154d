"""The command line ``liudu-outbreak``."""

import sys
from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import click

from liudu.outbreak import commands
from liudu.outbreak.console import EXIT_INTERRUPTED, EXIT_REFUSED
from liudu.outbreak.wrong_use import tell_wrong_use

# The order in which a bureau meets them; commands not named here follow by name.
ORDER = (
    "import", "aggregate", "quality", "nowcast", "detect", "scan", "report", "serve",
    "backtest", "simulate", "agree", "pack",
)  # fmt: skip


class Lazy(click.Group):
    """Load a command only when it is called, so that ``--help`` answers at once."""

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
        """Return the modules of `liudu.outbreak.commands`; ``import_`` is called ``import``."""
        del ctx
        found = {module.name.rstrip("_") for module in iter_modules(commands.__path__)}
        known = [name for name in ORDER if name in found]
        return known + sorted(found - set(ORDER))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command and return its ``command``."""
        if cmd_name not in self.list_commands(ctx):
            return None
        names = {module.name for module in iter_modules(commands.__path__)}
        module = cmd_name if cmd_name in names else f"{cmd_name}_"
        command = import_module(f"liudu.outbreak.commands.{module}").command
        return command if isinstance(command, click.Command) else None


@click.group(cls=Lazy)
@click.version_option(package_name="liudu-outbreak")
def main() -> None:
    """传染病预警：从周病例数到信号 · Early warning, from weekly counts to alarms."""
