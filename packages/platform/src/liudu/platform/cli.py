"""`liudu`: one command for who runs a city."""

import os

import click


@click.group()
def main() -> None:
    """六度：城市发布需求、试验、按规则兑现 · A city posts needs, tries them, pays by rule."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "liudu.platform.settings")


@main.command(
    "manage",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    hidden=True,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def manage(arguments: tuple[str, ...]) -> None:
    """Run a command of Django."""
    from django.core.management import execute_from_command_line  # noqa: PLC0415 - after settings

    execute_from_command_line(["liudu manage", *arguments])
