"""The doors of this context."""

from django.urls import URLPattern, path

from liudu.platform.city.pages import areas, facts, lists

app_name = "city"
urlpatterns: list[URLPattern] = [
    path("", areas.home, name="home"),
    path("districts/<slug:code>/", areas.district, name="district"),
    path("sectors/<slug:code>/", areas.sector, name="sector"),
    path("sources/", lists.sources, name="sources"),
    path("sources/<str:code>/", facts.source, name="source"),
    path("enterprises/", lists.enterprises, name="enterprises"),
    path("parks/", lists.places, name="parks"),
    path("published/", lists.published, name="published"),
    path("published/<str:code>/", facts.item, name="item"),
    path("gaps/", lists.gaps, name="gaps"),
    path("facts/<str:code>/", facts.fact, name="fact"),
    path("verify/<slug:kind>/<str:code>/", facts.verify, name="verify"),
]
