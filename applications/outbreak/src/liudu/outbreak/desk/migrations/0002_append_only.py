"""Audit lines and history can be added to, never altered or removed."""

from typing import ClassVar

from django.db import migrations

TABLES = ("desk_line", "desk_entry")
VERBS = ("UPDATE", "DELETE")


def trigger(table: str, verb: str) -> str:
    """Return the statement that forbids a verb on a table."""
    return (
        f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    )


class Migration(migrations.Migration):
    """Triggers, so that the database itself refuses."""

    dependencies: ClassVar = [("desk", "0001_initial")]
    operations: ClassVar = [
        migrations.RunSQL(trigger(table, verb), f"DROP TRIGGER {table}_no_{verb.lower()}")
        for table in TABLES
        for verb in VERBS
    ]
