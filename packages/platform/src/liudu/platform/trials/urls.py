"""The doors of this context."""

from django.urls import path

from liudu.platform.trials.pages import lists, reports, seals, trial

app_name = "trials"
urlpatterns = [
    path("trials/", lists.show_list, name="list"),
    path("trials/start/<slug:offer_key>/", trial.start, name="start"),
    path("trials/<slug:key>/", trial.show, name="trial"),
    path("trials/<slug:key>/live/", trial.live, name="live"),
    path("trials/<slug:key>/cancel/", trial.cancel, name="cancel"),
    path("trials/<slug:key>/release/", trial.release, name="release"),
    path("trials/<slug:key>/report.html", reports.page, name="report"),
    path("trials/<slug:key>/report.pdf", reports.paper, name="report_pdf"),
    path("needs/<slug:key>/seal/", seals.show, name="seal"),
]
