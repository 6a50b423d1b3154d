"""The doors of this context."""

from django.urls import URLPattern

app_name = "audit"
urlpatterns: list[URLPattern] = []
