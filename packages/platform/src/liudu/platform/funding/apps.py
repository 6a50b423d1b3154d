"""The Django app of this context."""

from django.apps import AppConfig


class Funding(AppConfig):
    """Policies, determinations and grants."""

    name = "liudu.platform.funding"
    label = "funding"
    default_auto_field = "django.db.models.BigAutoField"
