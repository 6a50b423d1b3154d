"""The command line ``liudu-outbreak``."""

import click

from liudu.console import Commands

# In the order in which a bureau meets them.
COMMANDS = (
    "import", "aggregate", "nowcast", "detect", "scan", "report", "serve",
    "backtest", "simulate", "agree", "pack", "audit",
)  # fmt: skip
RESERVED = {"import": "import_"}  # words of Python


@click.group(
    cls=Commands,
    modules={name: f"liudu.outbreak.commands.{RESERVED.get(name, name)}" for name in COMMANDS},
)
@click.version_option(package_name="liudu-outbreak")
def main() -> None:
    """传染病预警：从周病例数到信号 · Early warning, from weekly counts to alarms."""
