"""Benefits can be applied for; an application is a fact of its own origin."""

import django.db.models.deletion
from django.db import migrations, models

import liudu.platform.keys


class Migration(migrations.Migration):
    dependencies = [
        ("funding", "0006_payments_come_back"),
    ]

    operations = [
        migrations.AlterField(
            model_name="factrow",
            name="origin",
            field=models.CharField(
                choices=[
                    ("bureau", "部门数据"),
                    ("declared", "本人（单位）自述"),
                    ("simulated", "模拟"),
                    ("platform", "本平台付款记录"),
                    ("applied", "在本平台申领"),
                ],
                max_length=10,
            ),
        ),
        migrations.CreateModel(
            name="Application",
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
                ("code", models.SlugField(max_length=60)),
                ("rule", models.CharField(max_length=80)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "等待下一期发放"),
                            ("taken", "已进入发放"),
                            ("withdrawn", "已撤回"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("applied_at", models.DateTimeField()),
                ("applied_by", models.CharField(max_length=120)),
                ("changed_at", models.DateTimeField()),
                (
                    "pack",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="applications",
                        to="funding.packversion",
                    ),
                ),
                (
                    "subject",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="applications",
                        to="funding.subject",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["code", "rule"],
                        name="funding_applications_waiting",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "waiting")),
                        fields=("subject", "code", "rule"),
                        name="funding_one_application",
                    )
                ],
            },
        ),
    ]
