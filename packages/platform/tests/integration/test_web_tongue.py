"""Names that exist in Chinese only, read by who reads English."""

import pytest
from django.urls import reverse
from django.utils import translation

from liudu.platform.actors import Role
from liudu.platform.city.models import Fact
from liudu.platform.web.templatetags.liudu import tongue

ENGLISH = {"accept-language": "en"}


def test_chinese_is_marked_for_who_reads_english_and_for_nobody_else():
    assert tongue("明州<b>") == "明州<b>"
    with translation.override("en"):
        assert tongue("明州<b>") == '<span lang="zh">明州&lt;b&gt;</span>'
        assert tongue("Mingzhou") == "Mingzhou"


@pytest.mark.everywhere
@pytest.mark.django_db
def test_the_desk_and_the_menu_call_the_organisation_by_its_english_name(
    client, person, organisation
):
    company = organisation("明州光电")
    client.force_login(person("o@example.org", of=company, roles=[Role.NEED_OWNER]))
    page = client.get(reverse("office:mine"), headers=ENGLISH).content.decode()
    assert page.count('<span lang="zh">明州光电</span>') >= 2
    company.name_en = "Mingzhou Optics"
    company.save()
    page = client.get(reverse("office:mine"), headers=ENGLISH).content.decode()
    assert "Mingzhou Optics" in page
    assert "明州光电" not in page
    assert "明州光电" in client.get(reverse("office:mine")).content.decode()


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (">50000", "人", ">50,000 人"),
        ("160000", "家", "160,000 家"),
        ("2362", "亿元", "2,362 亿元"),
        ("4.89", "万亿元", "4.89 万亿元"),
        ("2027", "", "2027"),
        ("0.12345", "%", "0.12345%"),
    ],
)
def test_figures_have_their_thousands_apart_and_years_do_not(value, unit, shown):
    assert Fact(value=value, unit=unit).figure == shown
