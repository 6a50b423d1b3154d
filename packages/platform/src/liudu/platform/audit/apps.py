"""The Django app of this context."""

from django.apps import AppConfig


class Audit(AppConfig):
    """Every write, one line each, chained by hashes."""

    name = "liudu.platform.audit"
    label = "audit"
    default_auto_field = "django.db.models.BigAutoField"
