"""The doors of this context."""

from django.urls import path

from liudu.platform.funding.pages import (
    delivery,
    facts,
    grants,
    home,
    mine,
    orders,
    policies,
    sandbox,
)

app_name = "funding"
urlpatterns = [
    path("", home.show, name="home"),
    path("calendar/", policies.show_calendar, name="calendar"),
    path("mine/", mine.show, name="mine"),
    path("mine/answer/", mine.answer, name="answer"),
    path("mine/skip/", mine.skip, name="skip"),
    path("facts/", facts.show_own, name="facts"),
    path("facts/projects/new/", facts.add_project, name="add_project"),
    path("imports/", facts.imports, name="imports"),
    path("imports/<str:key>/", facts.show_import, name="import_run"),
    path("policies/", policies.listing, name="policies"),
    path("policies/<slug:code>/", policies.show, name="policy"),
    path("policies/<slug:code>/versions/<int:number>/", policies.version, name="version"),
    path("policies/<slug:code>/parameters/<str:name>/", policies.set_value, name="set_parameter"),
    path("policies/<slug:code>/rules/<str:rule>/check/", policies.check, name="check_clause"),
    path("sandbox/", sandbox.show, name="sandbox"),
    path("determinations/<str:key>/", grants.determination, name="determination"),
    path("grants/", grants.listing, name="grants"),
    path("grants/<str:key>/", grants.show, name="grant"),
    path("grants/<str:key>/letter/", grants.letter, name="letter"),
    path("grants/<str:key>/account/", grants.confirm, name="confirm_account"),
    path("grants/<str:key>/opt-out/", grants.give_up, name="opt_out"),
    path("grants/<str:key>/objections/", grants.raise_objection, name="object"),
    path("grants/<str:key>/review/", grants.review, name="review"),
    path("grants/<str:key>/recovery/", grants.recover, name="recover"),
    path("objections/<str:key>/answer/", grants.answer_objection, name="answer_objection"),
    path("deliveries/", delivery.listing, name="deliveries"),
    path("deliveries/<str:key>/", delivery.show, name="delivery"),
    path("deliveries/<str:key>/matching/", delivery.progress, name="matching"),
    path("deliveries/<str:key>/published/", delivery.published, name="published"),
    path("deliveries/<str:key>/<str:step>/", delivery.take, name="step"),
    path("orders/", orders.listing, name="orders"),
    path("orders/export/", orders.export, name="export"),
    path("orders/exports/<str:key>/", orders.show_export, name="export_run"),
    path("orders/exports/<str:key>/file/", orders.fetch, name="export_file"),
    path("orders/<str:key>/settle/", orders.settle, name="settle"),
]
