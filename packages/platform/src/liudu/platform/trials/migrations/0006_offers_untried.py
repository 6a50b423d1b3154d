from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Exists, F, OuterRef, Q


def fill(apps: Apps, _schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Say of each offer admitted before today since when it waits for its trial."""
    trial = apps.get_model("trials", "Trial")
    open_or_used = Q(state__in=("queued", "running")) | Q(attempt_count__gt=0)
    had = trial.objects.filter(open_or_used, offer=OuterRef("pk"))
    offers = apps.get_model("supply", "Offer").objects.filter(~Exists(had), state="admitted")
    offers.update(untried_since=F("answered_at"))


class Migration(migrations.Migration):
    dependencies = [
        ("supply", "0006_untried"),
        ("trials", "0005_decided"),
    ]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
