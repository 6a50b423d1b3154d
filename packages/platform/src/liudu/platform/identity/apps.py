"""The Django app of this context."""

from importlib import import_module

from django.apps import AppConfig


class Identity(AppConfig):
    """Who belongs to which organisation, and may do what."""

    name = "liudu.platform.identity"
    label = "identity"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to logins, locks, passwords and factors."""
        import_module("liudu.platform.identity.signals")
