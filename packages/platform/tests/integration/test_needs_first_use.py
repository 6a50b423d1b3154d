"""What somebody meets who posts a need for the first time, and is in a hurry."""

import html
import re
from datetime import timedelta

import pytest
from django.urls import reverse

from liudu.platform import clock
from liudu.platform.needs.models import Need
from liudu.platform.needs.services import draft_need, withdraw_need

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]

TARGETS = {
    "job": "sort",
    "positive": "defective",
    "confidence": "95 %",
    "miss_metric": "miss_rate",
    "miss_limit": "0.2 %",
    "false_alarm_metric": "overkill_rate",
    "false_alarm_limit": "5 %",
}
LINE = {"pieces": "6000", "pace_per": "hour", "positive_share": "1 %"}


@pytest.fixture
def owner(organisation):
    return organisation()


@pytest.fixture
def wang(person, owner):
    return person("wang@example.com", of=owner, roles=["need_owner"])


@pytest.fixture
def page(signed_in, wang):
    return signed_in(wang)


@pytest.fixture
def draft(by, at, owner):
    return draft_need(by=by, at=at, owner=owner, title="外观检测", job="sort")


@pytest.fixture
def by(actor, wang, owner):
    return actor(wang, of=owner)


def text_of(answer):
    plain = re.sub(r"<[^>]+>", "", html.unescape(answer.content.decode()))
    return " ".join(plain.split())


def plan(page, **answers):
    return text_of(page.get(reverse("needs:plan"), answers))


def step(draft, code):
    return reverse("needs:step", args=[draft.key, code])


def test_whoever_has_no_organisation_is_led_to_registering_one(signed_in, person):
    answer = signed_in(person("new@example.com")).get(reverse("needs:new"))
    assert answer.status_code == 403
    assert reverse("identity:found") in answer.content.decode()
    assert "您还没有加入任何单位" in text_of(answer)


def test_the_plan_says_all_that_the_office_expects_of_it(page):
    said = plan(page, **TARGETS, **LINE)
    assert "至少要试 1,497 件坏件" in said
    assert "149,700" in said
    assert "约 25 小时" in said
    assert "可先收集 1,497 件已确认的坏件，与产线上的 60 件混在一起试" in said


@pytest.mark.parametrize(
    ("name", "typed", "said"),
    [
        ("pieces", "0", "“0”不是大于零的数"),
        ("pieces", "-5", "“-5”不是大于零的数"),
        ("pieces", "1e30", "太大了"),
        ("positive_share", "1", "没有写百分号"),
        ("positive_share", "100 %", "不含两端"),
        ("positive_share", "😀", "不是百分比"),
    ],
)
def test_the_plan_says_what_is_wrong_with_the_line_instead_of_asking_for_it_again(
    page, name, typed, said
):
    answer = plan(page, **TARGETS, **LINE | {name: typed})
    assert said in answer
    assert "填了产线速度" not in answer


@pytest.mark.parametrize(
    ("answers", "field", "said"),
    [
        ({"confidence": "100 %"}, "confidence", "置信度不能是 100 %"),
        ({"confidence": "0"}, "confidence", "置信度不能是 0 %"),
        ({"miss_hoped": "1 %"}, "miss_hoped", "期望做到 1 %，还达不到限值 ≤ 0.2 %"),
    ],
)
def test_a_refused_target_is_told_in_the_words_of_the_form_beside_its_field(
    page, draft, answers, field, said
):
    answer = page.post(step(draft, "targets"), TARGETS | answers | {"revision": draft.revision})
    assert answer.status_code == 422
    assert said in text_of(answer)
    assert "miss_rate 的" not in text_of(answer)
    assert field in answer.context["form"].errors


@pytest.mark.parametrize("typed", ["≤0.2%", "<= 0.2 %", "＜0.2％", "不高于 0.2 %", "小于千分之二"])
def test_a_limit_may_carry_the_sign_that_it_has_anyway(page, typed):
    assert "1,497" in plan(page, **TARGETS | {"miss_limit": typed})


@pytest.mark.parametrize("typed", [">0.2%", "≥ 0.2 %"])
def test_a_sign_that_says_the_opposite_is_no_limit(page, typed):
    assert "不是百分比" in plan(page, **TARGETS | {"miss_limit": typed})


@pytest.mark.parametrize(
    ("days", "said"), [(0, "不晚于今天"), (-400, "不晚于今天"), (365 * 40, "20 年以后")]
)
def test_a_day_that_cannot_be_wanted_is_refused_where_it_is_typed(page, draft, days, said):
    day = clock.today() + timedelta(days=days)
    answers = {"budget": "12", "unit": "万元", "due_date": day.isoformat()}
    answer = page.post(step(draft, "money"), answers | {"revision": draft.revision})
    assert answer.status_code == 422
    assert said in text_of(answer)


def test_a_day_that_passed_while_the_draft_lay_does_not_stop_another_answer(page, by, at, owner):
    gone = clock.today() - timedelta(days=3)
    old = draft_need(by=by, at=at, owner=owner, title="旧草稿", due_date=gone)
    answers = {"budget": "12", "unit": "万元", "due_date": gone.isoformat()}
    answer = page.post(step(old, "money"), answers | {"revision": old.revision})
    assert answer.status_code == 302


@pytest.mark.parametrize("code", ["problem", "place", "data", "money"])
def test_what_publishing_needs_is_not_called_optional(page, draft, code):
    said = text_of(page.get(step(draft, code)))
    assert "（发布前必填）" in said


def test_what_nobody_must_answer_stays_optional(page, draft):
    assert "产线速度 （选填）" in text_of(page.get(step(draft, "line")))


FIRST = {"title": "双击的需求", "problem": "人工目检漏检多，每班三块坏板", "do": "on"}


def first_form(page):
    shown = page.get(reverse("needs:new")).content.decode()
    return {"draft": re.search(r'name="draft" value="(\w+)"', shown)[1], **FIRST}


def test_a_form_sent_twice_makes_one_draft_and_the_second_sending_counts(page):
    form = first_form(page)
    first = page.post(reverse("needs:new"), form)
    second = page.post(reverse("needs:new"), form | {"title": "改过的标题"})
    assert first.url == second.url
    assert [need.title for need in Need.objects.all()] == ["改过的标题"]


def test_an_old_form_does_not_touch_a_need_that_is_no_draft_any_more(page, by, at):
    form = first_form(page)
    page.post(reverse("needs:new"), form)
    withdraw_need(by=by, at=at, need_key=Need.objects.get().key, reason="不再需要")
    page.post(reverse("needs:new"), form | {"title": "另一条"})
    assert sorted(need.title for need in Need.objects.all()) == ["双击的需求", "另一条"]


@pytest.mark.parametrize("draft_key", ["", "x", "../../../../", "aaaaaaaaaaaa", "0" * 300])
def test_a_key_that_is_none_makes_a_draft_with_a_key_of_its_own(page, draft_key):
    answer = page.post(reverse("needs:new"), FIRST | {"draft": draft_key})
    assert answer.status_code == 302
    assert Need.objects.get().key != draft_key


def test_the_key_of_another_organisations_need_leads_nowhere(
    page, draft, signed_in, person, organisation
):
    rival = signed_in(person("zhao@example.com", of=organisation("别家"), roles=["need_owner"]))
    answer = rival.post(reverse("needs:new"), FIRST | {"draft": draft.key})
    assert draft.key not in answer.url
    assert Need.objects.get(key=draft.key).title == draft.title
