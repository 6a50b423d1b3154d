"""Payments that the treasury could not carry out: their attempts are kept for good."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

TABLE = "funding_paymentreturn"


def refuse_changes(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Guard the new table."""
    del apps
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            f"CREATE TRIGGER {TABLE}_for_good BEFORE UPDATE OR DELETE ON {TABLE} "
            "FOR EACH ROW EXECUTE FUNCTION funding_for_good()"
        )
        return
    schema_editor.execute(
        f"CREATE TRIGGER {TABLE}_for_good BEFORE UPDATE ON {TABLE} "
        f"BEGIN SELECT RAISE(ABORT, '{TABLE} is written for good'); END"
    )


class Migration(migrations.Migration):
    dependencies = [("funding", "0005_exports_are_kept")]
    operations = [
        migrations.AddField(
            model_name="paymentorder",
            name="attempt",
            field=models.PositiveSmallIntegerField(default=1),
        ),
        migrations.AddField(
            model_name="paymentorder",
            name="return_reason",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name="paymentorder",
            name="returned_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name="grant",
            name="state",
            field=models.CharField(
                choices=[
                    ("review", "人工复核"),
                    ("matched", "已匹配"),
                    ("notified", "待确认账户"),
                    ("confirmed", "账户已确认"),
                    ("ordered", "已生成付款指令"),
                    ("paid", "已付款"),
                    ("opted_out", "已放弃"),
                    ("refused", "复核未通过"),
                    ("no_budget", "预算已用完"),
                    ("closed", "付款未成，已终止"),
                ],
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="paymentorder",
            name="state",
            field=models.CharField(
                choices=[
                    ("waiting", "待财政领取"),
                    ("exported", "已交财政"),
                    ("settled", "已办结"),
                    ("returned", "已退回"),
                    ("closed", "不再办理"),
                ],
                default="waiting",
                max_length=10,
            ),
        ),
        migrations.CreateModel(
            name="PaymentReturn",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("attempt", models.PositiveSmallIntegerField()),
                ("idempotency_key", models.CharField(max_length=200, unique=True)),
                ("amount_fen", models.BigIntegerField()),
                ("account", models.CharField(blank=True, max_length=140)),
                ("reason", models.CharField(max_length=200)),
                ("reference", models.CharField(blank=True, max_length=80)),
                ("returned_at", models.DateTimeField()),
                ("returned_by", models.CharField(max_length=120)),
                (
                    "export",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="returns",
                        to="funding.paymentexport",
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="returns",
                        to="funding.paymentorder",
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("order", "attempt"), name="funding_returned_once"
                    )
                ],
            },
        ),
        migrations.RunPython(refuse_changes, migrations.RunPython.noop),
    ]
