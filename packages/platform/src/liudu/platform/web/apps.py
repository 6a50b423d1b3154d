"""The Django app of this context."""

from importlib import import_module

from django.apps import AppConfig
from django.conf import settings


class Web(AppConfig):
    """The looks of all pages, and their doors."""

    name = "liudu.platform.web"
    label = "web"

    def ready(self) -> None:
        """Register every context's permissions."""
        for context in settings.CONTEXTS:
            import_module(f"liudu.platform.{context}.permissions")
