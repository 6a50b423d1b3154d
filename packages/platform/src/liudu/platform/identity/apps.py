"""The Django app of this context."""

from django.apps import AppConfig


class Identity(AppConfig):
    """Who belongs to which organisation, and may do what."""

    name = "liudu.platform.identity"
    label = "identity"
    default_auto_field = "django.db.models.BigAutoField"
