"""The doors of this context."""

from django.urls import path

from liudu.platform.supply.pages import certificates, offers, solutions, vendors, versions

app_name = "supply"
urlpatterns = [
    path("solutions/", solutions.show_list, name="solutions"),
    path("solutions/new/", solutions.add, name="new_solution"),
    path("solutions/<slug:key>/", solutions.show, name="solution"),
    path("solutions/<slug:key>/edit/", solutions.edit, name="edit_solution"),
    path("solutions/<slug:key>/versions/new/", versions.upload, name="upload"),
    path("solutions/<slug:key>/versions/<int:number>/", versions.show, name="version"),
    path("solutions/<slug:key>/versions/<int:number>/check/", versions.show_check, name="check"),
    path("solutions/<slug:key>/versions/<int:number>/recheck/", versions.recheck, name="recheck"),
    path("solutions/<slug:key>/versions/<int:number>/bundle/", versions.bundle, name="bundle"),
    path("vendors/", vendors.show_list, name="vendors"),
    path("vendors/mine/", vendors.mine, name="mine"),
    path("vendors/profile/", vendors.profile, name="profile"),
    path("vendors/<slug:key>/", vendors.show, name="vendor"),
    path("needs/<slug:key>/offer/", offers.offer, name="offer"),
    path("needs/<slug:key>/invite/", offers.invite, name="invite"),
    path("offers/<slug:key>/answer/", offers.answer, name="answer"),
    path("offers/<slug:key>/withdraw/", offers.withdraw, name="withdraw"),
    path("certificates/<slug:key>.json", certificates.document, name="certificate_document"),
    path("certificates/<slug:key>/", certificates.show, name="certificate"),
    path("certificates/<slug:key>/public/", certificates.publish, name="show_certificate"),
    path("certificates/<slug:key>/revoke/", certificates.revoke, name="revoke_certificate"),
]
