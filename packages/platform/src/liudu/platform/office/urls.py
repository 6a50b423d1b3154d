"""The doors of this context."""

from django.urls import URLPattern, path

from liudu.platform.office import pages

app_name = "office"
urlpatterns: list[URLPattern] = [
    path("", pages.mine, name="mine"),
    path("board/", pages.board, name="board"),
    path("board/<slug:key>/running/", pages.run, name="run"),
    path("views/", pages.views, name="views"),
    path("views/<slug:key>/share/", pages.share, name="view_share"),
    path("views/<slug:key>/delete/", pages.delete, name="view_delete"),
]
