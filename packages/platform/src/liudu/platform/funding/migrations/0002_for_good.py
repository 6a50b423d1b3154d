"""The database itself refuses to change what is written for good.

On SQLite only changes are refused there and removals by the models: a test database is emptied
by DELETE.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

TABLES = (
    "funding_packversion",
    "funding_clausecheck",
    "funding_factrow",
    "funding_determination",
    "funding_grantevent",
)
FUNCTION = """
CREATE OR REPLACE FUNCTION funding_for_good() RETURNS trigger AS $$
BEGIN
  RAISE EXCEPTION '% is written for good', TG_TABLE_NAME;
END $$ LANGUAGE plpgsql
"""


def refuse_changes(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    del apps
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(FUNCTION, params=None)
    for table in TABLES:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(
                f"CREATE TRIGGER {table}_for_good BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION funding_for_good()"
            )
        else:
            schema_editor.execute(
                f"CREATE TRIGGER {table}_for_good BEFORE UPDATE ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is written for good'); END"
            )


def allow_changes(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    del apps
    for table in TABLES:
        on = f" ON {table}" if schema_editor.connection.vendor == "postgresql" else ""
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {table}_for_good{on}")


class Migration(migrations.Migration):
    dependencies = [("funding", "0001_initial")]
    operations = [migrations.RunPython(refuse_changes, allow_changes)]
