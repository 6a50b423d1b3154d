"""The Django app of this context."""

from django.apps import AppConfig


class Trials(AppConfig):
    """Sealed data, the queue, and what was measured."""

    name = "liudu.platform.trials"
    label = "trials"
    default_auto_field = "django.db.models.BigAutoField"
