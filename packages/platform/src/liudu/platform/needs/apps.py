"""The Django app of this context."""

from django.apps import AppConfig


class Needs(AppConfig):
    """What owners want from AI, with acceptance targets."""

    name = "liudu.platform.needs"
    label = "needs"
    default_auto_field = "django.db.models.BigAutoField"
