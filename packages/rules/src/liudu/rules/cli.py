"""The command line ``liudu-rules``."""

import click

from liudu.console import Commands

# In the order in which one needs them.
COMMANDS = ("check", "test", "explain", "run", "what-if", "diff", "sql", "page", "assign")


@click.group(
    cls=Commands,
    modules={name: f"liudu.rules.commands.{name.replace('-', '_')}" for name in COMMANDS},
)
@click.version_option(package_name="liudu-rules")
def main() -> None:
    """政策即数据：谁能享受、为什么、还差什么 · Policies as data: who is due what, and why."""
