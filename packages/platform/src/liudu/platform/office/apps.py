"""The Django app of this context."""

from django.apps import AppConfig


class Office(AppConfig):
    """What waits for whom: boards, views and inboxes."""

    name = "liudu.platform.office"
    label = "office"
    default_auto_field = "django.db.models.BigAutoField"
