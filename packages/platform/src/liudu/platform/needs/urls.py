"""The doors of this context."""

from django.urls import URLPattern, path

from liudu.platform.needs.pages import detail, form, history, imports, lists

app_name = "needs"
urlpatterns: list[URLPattern] = [
    path("", lists.show_list, name="list"),
    path("export.xlsx", lists.export, name="export"),
    path("new/", form.new, name="new"),
    path("plan/", form.plan, name="plan"),
    path("import/", imports.upload, name="import"),
    path("import/template.xlsx", imports.template, name="import_template"),
    path("import/<slug:key>/", imports.run, name="import_run"),
    path("import/<slug:key>/report.xlsx", imports.report, name="import_report"),
    path("import/<slug:key>/resume/", imports.resume, name="import_resume"),
    path("<slug:key>/", detail.show, name="detail"),
    path("<slug:key>/edit/<slug:step>/", form.step, name="step"),
    path("<slug:key>/check/", form.check, name="check"),
    path("<slug:key>/publish/", detail.publish, name="publish"),
    path("<slug:key>/withdraw/", detail.withdraw, name="withdraw"),
    path("<slug:key>/duplicate/", detail.duplicate, name="duplicate"),
    path("<slug:key>/history/", history.show, name="history"),
]
