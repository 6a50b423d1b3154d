"""The command line ``liudu-trial``."""

import click

from liudu.console import Commands

COMMANDS = ("plan", "seal", "run", "report", "verify", "check", "selftest")  # as a trial uses them


@click.group(cls=Commands, modules={name: f"liudu.trial.commands.{name}" for name in COMMANDS})
@click.version_option(package_name="liudu-trial")
def main() -> None:
    """一次试验：从数据文件夹到证书 · One trial, from a folder of data to a certificate."""
