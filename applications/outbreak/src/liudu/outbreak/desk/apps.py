"""The one Django application of the dashboard."""

from django.apps import AppConfig


class Desk(AppConfig):
    """Models and pages of the dashboard."""

    name = "liudu.outbreak.desk"
    label = "desk"
    default_auto_field = "django.db.models.BigAutoField"
