"""`liudu`: one command for who runs a city."""

import os

import click

from liudu.console import Commands

# As one needs them.
COMMANDS = ("up", "demo", "worker", "city", "policies", "doctor", "audit", "user", "organisation")
MODULES = {name: f"liudu.platform.commands.{name}" for name in COMMANDS}
HIDDEN = {
    "demo-story": "liudu.platform.commands.demo_story",
    "demo-check": "liudu.platform.commands.demo_check",
}


@click.group(cls=Commands, modules=MODULES | HIDDEN)
@click.version_option(package_name="liudu-platform")
def main() -> None:
    """六度：城市发布需求、试验、按规则兑现 · A city posts needs, tries them, pays by rule."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "liudu.platform.settings")
    # Runs have a uid of their own, which must read the programs that are laid out for them:
    # secrets and the database are closed one by one, by settings.
    os.umask(0o022)


@main.command(
    "manage",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    hidden=True,
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def manage(arguments: tuple[str, ...]) -> None:
    """Run a command of Django."""
    from django.core.management import execute_from_command_line  # noqa: PLC0415 - after settings

    execute_from_command_line(["liudu manage", *arguments])


if __name__ == "__main__":
    main()
