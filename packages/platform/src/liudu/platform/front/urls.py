"""The doors of this context."""

from django.urls import path

from liudu.platform.front import pages

app_name = "front"
urlpatterns = [
    path("", pages.home, name="home"),
    path("cases/", pages.cases, name="cases"),
    path("cases/<key>/", pages.case, name="case"),
    path("search/", pages.search, name="search"),
]
