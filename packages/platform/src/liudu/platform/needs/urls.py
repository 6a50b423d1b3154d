"""The doors of this context."""

from django.urls import URLPattern

app_name = "needs"
urlpatterns: list[URLPattern] = []
