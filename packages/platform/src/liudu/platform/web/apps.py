"""The Django app of this context."""

from importlib import import_module

from django.apps import AppConfig
from django.conf import settings
from django.utils.module_loading import module_has_submodule


class Web(AppConfig):
    """The looks of all pages, and their doors."""

    name = "liudu.platform.web"
    label = "web"

    def ready(self) -> None:
        """Register every context's permissions, and the sections that it adds to others' pages."""
        for context in settings.CONTEXTS:
            for room in ("permissions", "panels"):
                if module_has_submodule(import_module(f"liudu.platform.{context}"), room):
                    import_module(f"liudu.platform.{context}.{room}")
