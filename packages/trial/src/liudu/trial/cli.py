"""The command line ``liudu-trial``."""

import sys
from importlib import import_module

import click

EXIT_INTERRUPTED = 130

COMMANDS = ("plan", "seal", "run", "report", "verify", "check", "selftest")


class Lazy(click.Group):
    """Load a command only when it is called, so that ``--help`` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which a trial uses them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import ``liudu.trial.commands.<name>`` and return its ``command``."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        try:
            module = import_module(f"liudu.trial.commands.{cmd_name}")
        except KeyboardInterrupt:
            sys.exit(EXIT_INTERRUPTED)
        command = module.command
        return command if isinstance(command, click.Command) else None


@click.group(cls=Lazy)
@click.version_option(package_name="liudu-trial")
def main() -> None:
    """一次试验：从数据文件夹到证书 · One trial, from a folder of data to a certificate."""
