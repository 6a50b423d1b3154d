"""The doors of this context."""

from django.urls import path

from liudu.platform.front import pages

app_name = "front"
urlpatterns = [path("", pages.home, name="home")]
