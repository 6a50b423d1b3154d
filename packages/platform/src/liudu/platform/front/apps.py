"""The Django app of this context."""

from django.apps import AppConfig


class Front(AppConfig):
    """What a visitor sees first: the home page and the proven cases."""

    name = "liudu.platform.front"
    label = "front"
    default_auto_field = "django.db.models.BigAutoField"
