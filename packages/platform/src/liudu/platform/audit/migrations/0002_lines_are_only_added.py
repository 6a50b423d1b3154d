"""The database itself refuses to change or to remove a line, whoever asks it.

Lines that were changed all the same (by an owner of the database who has
dropped the triggers, or in the file itself) are found by `verify_chain`.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

SAID = "audit lines are only ever added"

SQLITE = {
    f"audit_line_no_{verb}": (
        f"CREATE TRIGGER audit_line_no_{verb} BEFORE {verb.upper()} ON audit_line "
        f"BEGIN SELECT RAISE(ABORT, '{SAID}'); END"
    )
    for verb in ("update", "delete")
} | {
    # INSERT OR REPLACE removes a row without firing the trigger on DELETE.
    "audit_line_no_replace": (
        "CREATE TRIGGER audit_line_no_replace BEFORE INSERT ON audit_line "
        "WHEN EXISTS (SELECT 1 FROM audit_line WHERE number = NEW.number OR digest = NEW.digest) "
        "BEGIN SELECT RAISE(ABORT, 'audit lines are only ever added'); END"
    ),
}
POSTGRESQL = f"""
CREATE FUNCTION audit_line_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '{SAID}' USING ERRCODE = 'integrity_constraint_violation'; END $$;
CREATE TRIGGER audit_line_stays BEFORE UPDATE OR DELETE ON audit_line
    FOR EACH ROW EXECUTE FUNCTION audit_line_stays();
CREATE TRIGGER audit_line_stays_whole BEFORE TRUNCATE ON audit_line
    FOR EACH STATEMENT EXECUTE FUNCTION audit_line_stays();
"""
POSTGRESQL_BACK = """
DROP TRIGGER audit_line_stays ON audit_line;
DROP TRIGGER audit_line_stays_whole ON audit_line;
DROP FUNCTION audit_line_stays();
"""


def stand(_apps: object, editor: BaseDatabaseSchemaEditor) -> None:
    """Put the triggers up."""
    if editor.connection.vendor == "postgresql":
        editor.execute(POSTGRESQL, params=None)
    else:
        for statement in SQLITE.values():
            editor.execute(statement)


def fall(_apps: object, editor: BaseDatabaseSchemaEditor) -> None:
    """Take the triggers down."""
    if editor.connection.vendor == "postgresql":
        editor.execute(POSTGRESQL_BACK, params=None)
    else:
        for name in SQLITE:
            editor.execute(f"DROP TRIGGER {name}")


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [migrations.RunPython(stand, fall)]
