"""Where each page lies."""

from django.urls import path

from liudu.outbreak.desk import pages

urlpatterns = [
    path("", pages.signals),
    path("signals/<int:pk>/", pages.signal),
    path("signals/<int:pk>/step", pages.step),
    path("signals/<int:pk>/cases", pages.cases),
    path("signals.csv", pages.export),
    path("map", pages.district_page),
    path("figures", pages.figures),
    path("quality", pages.quality),
    path("bulletin.<str:kind>", pages.paper),
    path("refresh", pages.refresh),
    path("runs/<int:pk>/", pages.run_page),
    path("inbox", pages.inbox),
    path("audit", pages.audit),
    path("users", pages.users),
    path("language", pages.language),
    path("login", pages.login),
    path("logout", pages.logout),
    path("health", pages.health),
]
handler404 = pages.not_found
handler500 = pages.failed
