"""The command line ``liudu-rules``."""

from importlib import import_module

import click

COMMANDS = {
    "check": "check",
    "test": "test",
    "explain": "explain",
    "run": "run",
    "what-if": "what_if",
    "diff": "diff",
    "sql": "sql",
    "page": "page",
}


class Lazy(click.Group):
    """Load a command only when it is called, so that ``--help`` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which one needs them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import ``liudu.rules.commands.<name>`` and return its ``command``."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"liudu.rules.commands.{COMMANDS[cmd_name]}").command
        return command if isinstance(command, click.Command) else None


@click.group(cls=Lazy)
@click.version_option(package_name="liudu-rules")
def main() -> None:
    """政策即数据：谁能享受、为什么、还差什么 · Policies as data: who is due what, and why."""
