"""All doors."""

from django.urls import include, path

from liudu.platform.api import api

urlpatterns = [
    path("", include("liudu.platform.front.urls")),
    path("", include("liudu.platform.identity.urls")),
    path("", include("liudu.platform.supply.urls")),
    path("", include("liudu.platform.trials.urls")),
    path("accounts/", include("allauth.urls")),
    path("api/", api.urls),
    path("audit/", include("liudu.platform.audit.urls")),
    path("city/", include("liudu.platform.city.urls")),
    path("funding/", include("liudu.platform.funding.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("needs/", include("liudu.platform.needs.urls")),
    path("office/", include("liudu.platform.office.urls")),
]

handler400 = "liudu.platform.web.pages.bad_request"
handler403 = "liudu.platform.web.pages.forbidden"
handler404 = "liudu.platform.api.not_found"
handler500 = "liudu.platform.web.pages.broken"
