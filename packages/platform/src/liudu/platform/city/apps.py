"""The Django app of this context."""

from django.apps import AppConfig


class City(AppConfig):
    """The city as its sources tell it."""

    name = "liudu.platform.city"
    label = "city"
    default_auto_field = "django.db.models.BigAutoField"
