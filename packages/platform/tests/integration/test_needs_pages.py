"""The pages of a need as a browser meets them, in both languages."""

import html
import re
from datetime import timedelta

import pytest
from django.urls import reverse

from liudu.platform import clock
from liudu.platform.needs.models import Need
from liudu.platform.needs.services import (
    advance_stage,
    draft_need,
    edit_need,
    fix_targets,
    publish_need,
)

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]

SCRIPT = "<script>alert(1)</script>"
TARGETS = {
    "positive": "defective",
    "confidence": "95 %",
    "miss_metric": "miss_rate",
    "miss_limit": "0.2 %",
    "false_alarm_metric": "overkill_rate",
    "false_alarm_limit": "３％",
}


@pytest.fixture
def owner(organisation):
    return organisation()


@pytest.fixture
def wang(person, owner):
    return person("wang@example.com", of=owner, roles=["need_owner"])


@pytest.fixture
def li(person, owner):
    return person("li@example.com", of=owner, roles=["need_owner"])


@pytest.fixture
def rival(person, organisation):
    of = organisation("别家")
    return person("zhao@example.com", of=of, roles=["need_owner", "vendor"])


@pytest.fixture
def rival_page(signed_in, rival):
    return signed_in(rival)


@pytest.fixture
def qian(person, organisation):
    office = organisation("场景办", kind="bureau")
    return person("qian@example.com", of=office, roles=["officer"])


@pytest.fixture
def by(actor, wang, owner):
    return actor(wang, of=owner)


@pytest.fixture
def page(signed_in, wang):
    return signed_in(wang)


@pytest.fixture
def other(signed_in, li):
    return signed_in(li)


@pytest.fixture
def draft(by, owner, sector, district):
    return draft_need(
        by=by,
        at=clock.now(),
        owner=owner,
        title="贴片焊点漏检太多",
        problem="人工目检每班漏掉三四块坏板。",
        data_at_hand="两年的检测图像",
        sector=sector,
        district=district,
        job="sort",
        budget_fen_max=50_000_000,
        due_date=clock.today() + timedelta(days=200),
    )


def step(need, code):
    return reverse("needs:step", args=[need.key, code])


def text(response):
    return response.content.decode()


def heading(response):
    return re.search(r"<h1>(.*?)</h1>", text(response), re.DOTALL)[1].strip()


def test_a_need_is_written_step_by_step_and_published(page, client, owner, sector, district):
    def answer(address, **answers):
        response = page.post(address, answers)
        assert response.status_code == 302, text(response)
        return response["Location"]

    here = answer(reverse("needs:new"), title="贴片焊点漏检", problem="人工目检每班漏三四块坏板。")
    need = Need.objects.get()
    for number, answers in enumerate(
        [
            {"sector": sector.code, "district": district.code},
            {"data_at_hand": "两年的检测图像"},
            {"job": "sort"},
            TARGETS,
            {"pieces": "6,000", "pace_per": "hour", "positive_share": "1%"},
            {"budget": "50", "unit": "万元", "due_date": "2035-06-30"},
        ],
        start=1,
    ):
        assert page.get(here).status_code == 200
        here = answer(here, revision=str(number), **answers)
    assert here == reverse("needs:check", args=[need.key])
    checked = text(page.get(here))
    assert "1,497" in checked
    assert "¥500,000" in checked
    answer(reverse("needs:publish", args=[need.key]), revision="7")
    need.refresh_from_db()
    assert (need.status, need.owner, need.budget_fen_max) == ("published", owner, 50_000_000)
    assert need.targets["line"] == {"pieces_per_h": 6000.0, "positive_share": 0.01}
    assert "漏检率 ≤ 0.2 %" in text(client.get(reverse("needs:detail", args=[need.key])))


@pytest.mark.parametrize(
    ("code", "zh", "en"),
    [
        ("problem", "希望 AI 解决什么问题？", "What should AI make better?"),
        ("place", "属于哪个行业，在哪个区域？", "Which sector, and which district?"),
        ("data", "手头有什么数据可以用来试？", "What data is there to try on?"),
        ("job", "这是哪一类任务？", "What kind of job is it?"),
        ("targets", "做到什么程度才算验收合格？", "What counts as done?"),
        ("line", "产线多快，要找的占多少？", "How fast is the line, and how rare"),
        ("money", "预算多少，什么时候要？", "How much, and by when?"),
    ],
)
def test_every_question_is_asked_in_both_languages(page, draft, code, zh, en):
    assert heading(page.get(step(draft, code), headers={"accept-language": "zh"})) == zh
    english = page.get(step(draft, code), headers={"accept-language": "en"})
    assert heading(english).startswith(en)
    assert not re.search(r"[\u4e00-\u9fff]", re.sub(r"<title>.*?</title>", "", _main(english)))


def _main(response):
    """Return the question with what the user wrote, and the names of the city, taken out."""
    body = text(response)
    form = body[body.index('id="answers"') : body.index("</form>", body.index('id="answers"'))]
    return re.sub(
        r"<textarea.*?</textarea>|<option.*?</option>|value=\"[^\"]*\"", "", form, flags=re.DOTALL
    )


def test_one_sided_targets_are_refused_with_the_reason_and_what_was_typed_stays(page, draft):
    response = page.post(
        step(draft, "targets"), {**TARGETS, "revision": 1, "false_alarm_limit": ""}
    )
    assert response.status_code == 422
    assert "还没有对误报（过杀）提要求" in text(response)
    assert 'value="0.2 %"' in text(response)
    draft.refresh_from_db()
    assert draft.targets == {}


def test_half_targets_can_be_kept_for_later(page, draft):
    half = {**TARGETS, "revision": 1, "false_alarm_limit": "", "do": "later"}
    assert page.post(step(draft, "targets"), half).status_code == 302
    assert 'value="0.2 %"' in text(page.get(step(draft, "targets")))
    done = {**TARGETS, "revision": 2}
    assert page.post(step(draft, "targets"), done).status_code == 302
    draft.refresh_from_db()
    assert draft.answers == {}
    assert [one["limit"] for one in draft.targets["targets"]] == [0.002, 0.03]


def test_accuracy_is_refused_politely_and_told_what_to_ask_instead(page, draft):
    response = page.post(
        step(draft, "targets"),
        {"revision": 1, "positive": "x", "more_metric": "accuracy", "more_limit": "95 %"},
        headers={"accept-language": "en"},
    )
    assert response.status_code == 422
    assert "Ask two things instead" in text(response)


def test_an_accuracy_in_the_text_is_pointed_out_before_the_targets(page, draft, by):
    edit_need(
        by=by,
        at=clock.now(),
        need_key=draft.key,
        revision=1,
        changes={"wanted_capability": "识别准确率不低于 95%"},
    )
    assert "准确率不低于 95%" in text(page.get(step(draft, "targets")))


def test_the_plan_is_computed_as_one_types(page, draft):
    answer = page.get(
        reverse("needs:plan"),
        {**TARGETS, "need": draft.key, "job": "sort", "pieces": "6000", "positive_share": "1 %"},
    )
    assert all(figure in text(answer) for figure in ("1,497", "2,371", "3,146", "149,700", "1,597"))
    assert "<html" not in text(answer)
    half = page.get(reverse("needs:plan"), {**TARGETS, "job": "sort", "miss_limit": ""})
    assert "还没有对漏检提要求" in text(half)
    assert page.get(reverse("needs:plan")).status_code == 200


def test_the_plan_is_there_without_script_too(page, draft):
    response = page.post(step(draft, "targets"), {**TARGETS, "revision": 1, "do": "plan"})
    assert response.status_code == 200
    assert "1,497" in text(response)
    draft.refresh_from_db()
    assert draft.revision == 1


def test_the_plan_tells_nobody_of_a_draft_of_others(client, draft):
    assert client.get(reverse("needs:plan"), {"need": draft.key}).status_code == 404


def test_the_second_of_two_officers_sees_both_versions_and_merges(page, other, draft):
    mine = {
        "revision": 1,
        "title": "李的标题",
        "problem": "李补充的问题，足够长了吧。",
        "wanted_capability": "李要的",
    }
    assert (
        page.post(
            step(draft, "problem"),
            {"revision": 1, "title": "王的标题", "problem": "王改写的问题，也足够长了。"},
        ).status_code
        == 302
    )
    clash = other.post(step(draft, "problem"), mine)
    assert clash.status_code == 409
    for shown in ("王的标题", "李的标题", "贴片焊点漏检太多", "wang"):
        assert shown in text(clash)
    carried = re.search(r'name="mine" value="(.*?)"', text(clash))[1]
    choice = {
        "resolve": "1",
        "revision": "2",
        "mine": html.unescape(carried),
        "take_title": "theirs",
        "take_problem": "both",
    }
    assert other.post(step(draft, "problem"), choice).status_code == 302
    draft.refresh_from_db()
    assert draft.title == "王的标题"
    assert draft.wanted_capability == "李要的"
    assert "王改写的问题" in draft.problem
    assert "李补充的问题" in draft.problem


def test_a_third_writer_meanwhile_is_shown_again(page, other, draft):
    page.post(step(draft, "data"), {"revision": 1, "data_at_hand": "王一"})
    choice = {"resolve": "1", "revision": "1", "mine": '{"data_at_hand": "李"}'}
    assert other.post(step(draft, "data"), choice).status_code == 409
    for broken in (
        "",
        "[1]",
        "{",
        '{"status": "published"}',
        '{"title": 3}',
        '{"budget_fen_max": "x"}',
    ):
        response = other.post(
            step(draft, "data"), {"resolve": "1", "revision": "2", "mine": broken}
        )
        assert response.status_code in {404, 422}


def test_who_publishes_what_another_changed_looks_at_it_first(page, other, draft, by):
    page.post(step(draft, "targets"), {**TARGETS, "revision": 1})
    other.post(
        step(draft, "money"), {"revision": 2, "budget": "1", "unit": "元", "due_date": "2035-01-01"}
    )
    response = page.post(reverse("needs:publish", args=[draft.key]), {"revision": "2"})
    assert response.status_code == 409
    assert "¥500,000" in text(response)
    assert (
        page.post(reverse("needs:publish", args=[draft.key]), {"revision": "3"}).status_code == 302
    )
    again = page.post(reverse("needs:publish", args=[draft.key]), {"revision": "3"}, follow=True)
    assert "不需要再发布一次" in text(again)


def test_a_script_in_a_title_is_shown_as_text_everywhere(page, by, draft):
    changes = {"title": SCRIPT, "problem": SCRIPT * 2, "data_at_hand": SCRIPT, "title_en": SCRIPT}
    edit_need(by=by, at=clock.now(), need_key=draft.key, revision=1, changes=changes)
    page.post(step(draft, "targets"), {**TARGETS, "revision": 2, "positive": SCRIPT})
    places = [reverse(f"needs:{name}", args=[draft.key]) for name in ("detail", "check", "history")]
    places += [step(draft, code) for code in ("problem", "data", "targets", "money")]
    for language in ("zh", "en"):
        for place in places:
            body = text(page.get(place, headers={"accept-language": language}))
            assert SCRIPT not in body, place
            assert "&lt;script&gt;alert(1)" in body, place
    stale = page.post(step(draft, "problem"), {"revision": 1, "title": SCRIPT + "2"})
    assert stale.status_code == 409
    assert "<script>alert" not in text(stale)


def test_objects_are_guarded_against_guessed_keys(draft, rival_page, page, by):
    page.post(step(draft, "targets"), {**TARGETS, "revision": 1})
    client = rival_page
    draft_doors = [
        ("get", reverse("needs:detail", args=[draft.key])),
        ("get", reverse("needs:check", args=[draft.key])),
        ("get", step(draft, "problem")),
        ("post", step(draft, "problem")),
        ("get", reverse("needs:history", args=[draft.key])),
        ("post", reverse("needs:publish", args=[draft.key])),
        ("post", reverse("needs:withdraw", args=[draft.key])),
        ("post", reverse("needs:duplicate", args=[draft.key])),
    ]
    for method, address in draft_doors:
        assert getattr(client, method)(address).status_code == 404, address
    publish_need(by=by, at=clock.now(), need_key=draft.key)
    assert client.get(reverse("needs:detail", args=[draft.key])).status_code == 200
    assert client.get(reverse("needs:history", args=[draft.key])).status_code == 404
    for method, address in (draft_doors[2], draft_doors[3], draft_doors[5], draft_doors[6]):
        assert getattr(client, method)(address).status_code == 403, address
    copied = client.post(reverse("needs:duplicate", args=[draft.key]))
    assert copied.status_code == 302
    assert Need.objects.get(copied_from=draft).owner.name == "别家"


def test_an_officer_may_correct_a_published_need_but_not_see_a_draft(
    page, draft, by, qian, signed_in
):
    officer = signed_in(qian)
    assert officer.get(reverse("needs:detail", args=[draft.key])).status_code == 404
    page.post(step(draft, "targets"), {**TARGETS, "revision": 1})
    publish_need(by=by, at=clock.now(), need_key=draft.key)
    assert officer.get(step(draft, "place")).status_code == 200
    assert officer.get(reverse("needs:history", args=[draft.key])).status_code == 200


def test_a_visitor_is_sent_to_the_login_and_sees_only_what_is_published(client, draft):
    assert client.get(reverse("needs:new")).status_code == 302
    assert client.get(reverse("needs:detail", args=[draft.key])).status_code == 404
    assert client.get(reverse("needs:detail", args=["0" * 12])).status_code == 404


def test_a_withdrawal_without_a_reason_is_asked_for_one(page, draft, client):
    address = reverse("needs:withdraw", args=[draft.key])
    response = page.post(address, {"reason": "  "})
    assert response.status_code == 422
    assert "请写明撤回的原因" in text(response)
    assert page.post(address, {"reason": "预算取消"}).status_code == 302
    assert "预算取消" in text(page.get(reverse("needs:detail", args=[draft.key])))
    assert page.get(step(draft, "problem"))["Location"] == reverse("needs:detail", args=[draft.key])
    kept = page.post(step(draft, "problem"), {"revision": 2, "title": "写到一半的标题"})
    assert kept.status_code == 409
    assert "写到一半的标题" in text(kept)
    assert client.get(reverse("needs:detail", args=[draft.key])).status_code == 404


def test_sealed_targets_say_why_they_stay_and_keep_what_was_typed(page, draft, by):
    page.post(step(draft, "targets"), {**TARGETS, "revision": 1})
    fix_targets(by=by, at=clock.now(), need=draft)
    assert "数据已封存" in text(page.get(step(draft, "targets")))
    response = page.post(step(draft, "targets"), {**TARGETS, "revision": 3, "miss_limit": "1 %"})
    assert response.status_code == 409
    assert "以免看到结果后再改标准" in text(response)
    assert 'value="1 %"' in text(response)


def test_a_discarded_draft_stays_with_its_owner(page, draft, qian, signed_in):
    page.post(reverse("needs:withdraw", args=[draft.key]), {"reason": "写错了"})
    assert page.get(reverse("needs:detail", args=[draft.key])).status_code == 200
    assert signed_in(qian).get(reverse("needs:detail", args=[draft.key])).status_code == 404


def test_the_history_marks_what_was_put_in_and_taken_out(page, draft, by):
    edit_need(
        by=by,
        at=clock.now(),
        need_key=draft.key,
        revision=1,
        changes={"title": "贴片焊点误判太多", "budget_fen_max": 100},
    )
    body = text(page.get(reverse("needs:history", args=[draft.key])))
    assert "<del>漏检</del>" in body or "<del>漏</del>" in body
    assert "<ins>" in body
    assert "¥500,000" in body
    assert "¥1" in body


def test_a_page_of_a_need_asks_the_database_a_fixed_number_of_times(
    page, draft, by, django_assert_max_num_queries
):
    page.post(step(draft, "targets"), {**TARGETS, "revision": 1})
    need = publish_need(by=by, at=clock.now(), need_key=draft.key)
    advance_stage(by=by, at=clock.now(), need=need, to=Need.Stage.MATCHED)
    with django_assert_max_num_queries(12):
        page.get(reverse("needs:history", args=[draft.key]))
    for code in ("problem", "place", "targets"):
        with django_assert_max_num_queries(8):
            page.get(step(draft, code))


@pytest.mark.parametrize(
    ("code", "answers", "said"),
    [
        ("problem", {"title": " "}, "required"),
        ("problem", {"title": "x" * 121}, "120"),
        ("place", {"sector": "nowhere"}, "nowhere"),
        ("job", {"job": "fly"}, "fly"),
        ("line", {"pieces": "fast"}, "not a number"),
        ("line", {"positive_share": "95"}, "percent sign"),
        ("line", {"positive_share": "0 %"}, "between 0 and 100"),
        ("money", {"budget": "-3"}, "not an amount"),
        ("money", {"budget": "0.0000001"}, "parts of a fen"),
        ("money", {"due_date": "soon"}, "not a day"),
        ("targets", {"miss_limit": "twenty"}, "not a percentage"),
        ("targets", {"miss_limit": "0 %", "false_alarm_limit": "1 %"}, "cannot be promised at 0"),
        ("targets", {**TARGETS, "positive": ""}, "label that your data gives"),
        ("targets", {**TARGETS, "miss_hoped": "5 %"}, "Hope for something better"),
    ],
)
def test_a_wrong_answer_is_said_beside_its_field(page, draft, code, answers, said):
    first = {"miss_metric": "miss_rate", "false_alarm_metric": "overkill_rate"}
    response = page.post(
        step(draft, code), {"revision": 1, **first, **answers}, headers={"accept-language": "en"}
    )
    assert response.status_code == 422
    assert said in text(response)
    draft.refresh_from_db()
    assert draft.revision == 1
