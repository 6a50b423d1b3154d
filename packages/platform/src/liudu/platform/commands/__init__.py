"""The commands of `liudu`, a module each; Django starts only in those that need it."""

import logging
import os
from pathlib import Path

import django
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from liudu.contract import Refusal


class HomeRefusedError(Refusal):
    """The folder of data cannot be used."""

    machine = True
    en = "The data folder {path} cannot be used ({reason}): set LIUDU_HOME to one that is yours."
    zh = "数据目录 {path} 无法使用（{reason}）：请用 LIUDU_HOME 指定一个可写的目录。"


class NotMigratedError(Refusal):
    """The database lacks tables of this version."""

    machine = True
    en = "The database is not at this version ({count} migrations are pending): run `liudu up`, or `liudu manage migrate`."  # noqa: E501
    zh = "数据库版本落后（有 {count} 项迁移未执行）：请运行 `liudu up`，或 `liudu manage migrate`。"


def start_django(*, quiet: bool = True) -> None:
    """Start Django for a command; with `quiet` only warnings are logged."""
    home = Path(os.environ.get("LIUDU_HOME", "var")).absolute()
    try:
        (home / "static").mkdir(parents=True, exist_ok=True)
        django.setup()
    except OSError as error:
        raise HomeRefusedError(path=home, reason=error.strerror or error) from error
    if quiet:
        logging.getLogger().setLevel(logging.WARNING)


def pending_migrations() -> int:
    """Return how many migrations the database has not seen."""
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def migrate() -> None:
    """Bring the database to this version."""
    call_command("migrate", verbosity=0, interactive=False)


def require_migrated() -> None:
    """Refuse a database that is behind."""
    count = pending_migrations()
    if count:
        raise NotMigratedError(count=count)
