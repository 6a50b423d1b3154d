"""The Django app of this context."""

from django.apps import AppConfig


class Supply(AppConfig):
    """Vendors, solutions, offers and certificates."""

    name = "liudu.platform.supply"
    label = "supply"
    default_auto_field = "django.db.models.BigAutoField"
