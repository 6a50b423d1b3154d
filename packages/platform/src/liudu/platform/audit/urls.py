"""The doors of this context."""

from django.urls import path

from liudu.platform.audit import pages

app_name = "audit"
urlpatterns = [
    path("", pages.show_list, name="list"),
    path("export.jsonl", pages.export, name="export"),
    path("verify/", pages.verify, name="verify"),
    path("<int:number>/", pages.show_line, name="line"),
]
