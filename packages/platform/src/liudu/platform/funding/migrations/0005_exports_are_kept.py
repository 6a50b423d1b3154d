"""Exports to the treasury are kept as files; a policy's text may come back into use."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

import liudu.platform.keys


def refuse_changes(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Guard the new table; SQLite also forgets a trigger when it writes a table anew."""
    del apps
    on_postgresql = schema_editor.connection.vendor == "postgresql"
    for table in ("funding_packversion", "funding_paymentexport"):
        if not on_postgresql:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {table}_for_good")
            schema_editor.execute(
                f"CREATE TRIGGER {table}_for_good BEFORE UPDATE ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is written for good'); END"
            )
        elif table == "funding_paymentexport":
            schema_editor.execute(
                f"CREATE TRIGGER {table}_for_good BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION funding_for_good()"
            )


def earlier_exports(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Keep what was exported before under one row for each moment; its file is made anew."""
    order_of = apps.get_model("funding", "PaymentOrder").objects.using(
        schema_editor.connection.alias
    )
    export_of = apps.get_model("funding", "PaymentExport").objects.using(
        schema_editor.connection.alias
    )
    from liudu.platform.funding.services.exports import digest_of, orders_csv  # noqa: PLC0415

    moments = order_of.exclude(exported_at=None).order_by("exported_at")
    for at in moments.values_list("exported_at", flat=True).distinct():
        rows = list(order_of.filter(exported_at=at).select_related("grant__batch").order_by("pk"))
        text = orders_csv(rows)
        back = sum(one.amount_fen for one in rows if one.kind == "recovery")
        export = export_of.create(
            key=liudu.platform.keys.new_key(),
            simulated=rows[0].grant.batch.simulated,
            text=text,
            digest=digest_of(text),
            order_count=len(rows),
            pay_fen=sum(one.amount_fen for one in rows) - back,
            recover_fen=back,
            exported_at=at,
            exported_by="",
        )
        order_of.filter(exported_at=at).update(export=export)


class Migration(migrations.Migration):
    dependencies = [("funding", "0004_groups_and_near")]
    operations = [
        migrations.RemoveConstraint(model_name="packversion", name="funding_one_content"),
        migrations.CreateModel(
            name="PaymentExport",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "key",
                    models.CharField(
                        default=liudu.platform.keys.new_key,
                        editable=False,
                        max_length=12,
                        unique=True,
                    ),
                ),
                ("simulated", models.BooleanField(default=False)),
                ("text", models.TextField()),
                ("digest", models.CharField(max_length=64)),
                ("order_count", models.PositiveIntegerField()),
                ("pay_fen", models.BigIntegerField()),
                ("recover_fen", models.BigIntegerField()),
                ("exported_at", models.DateTimeField(db_index=True)),
                ("exported_by", models.CharField(max_length=120)),
            ],
            options={"ordering": ["-pk"]},
        ),
        migrations.AddField(
            model_name="paymentorder",
            name="export",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="orders",
                to="funding.paymentexport",
            ),
        ),
        migrations.RunPython(refuse_changes, migrations.RunPython.noop),
        migrations.RunPython(earlier_exports, migrations.RunPython.noop),
    ]
