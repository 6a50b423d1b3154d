"""The list of needs, its export, and the pages of an import."""

import io
from datetime import date, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.urls import reverse
from openpyxl import load_workbook
from spreadsheets import GOOD, workbook

from liudu.platform import clock
from liudu.platform.actors import Role
from liudu.platform.needs.imports import work_through
from liudu.platform.needs.listing import Filters
from liudu.platform.needs.models import ImportRun, Need

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]
LIST = "/needs/"


@pytest.fixture
def owner(organisation):
    return organisation("明州光电")


@pytest.fixture
def clerk(owner, person, client):
    user = person("clerk@example.org", of=owner, roles=[Role.NEED_OWNER])
    client.force_login(user)
    return user


@pytest.fixture
def need(owner, sector, district, at):
    """Make a published need."""

    def make(title, *, of=owner, published=True, **more):
        fields = {
            "sector": sector,
            "district": district,
            "created_at": at,
            "updated_at": at,
            "status": "published" if published else "draft",
            "published_at": at if published else None,
            "stage_at": at if published else None,
            **more,
        }
        return Need.objects.create(owner=of, title=title, **fields)

    return make


def titles(response):
    return [each.title for each in response.context["page"].object_list]


def test_a_visitor_sees_what_is_published_and_nothing_else(client, need):
    need("看得见")
    need("草稿", published=False)
    assert titles(client.get(LIST)) == ["看得见"]


def test_an_organisation_sees_its_own_drafts_and_can_ask_for_them(
    client, clerk, need, organisation
):
    need("我的草稿", published=False)
    need("别家的草稿", of=organisation("别家"), published=False)
    need("已发布的")
    assert set(titles(client.get(LIST))) == {"我的草稿", "已发布的"}
    assert titles(client.get(LIST, {"status": "draft"})) == ["我的草稿"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "偏光片"}, {"偏光片检测"}),
        ({"q": "POLARISER"}, {"偏光片检测"}),
        ({"q": "划痕 偏光"}, {"偏光片检测"}),
        ({"q": "明州"}, {"偏光片检测", "工单分派"}),
        ({"q": "没有这样的"}, set()),
        ({"sector": "manufacturing"}, {"偏光片检测", "工单分派"}),
        ({"sector": "nowhere"}, set()),
        ({"stage": "matched"}, {"工单分派"}),
        ({"due": "month"}, {"工单分派"}),
        ({"due": "past"}, {"偏光片检测"}),
        ({"due": "none"}, set()),
        ({"budget_min": "60"}, {"工单分派"}),
        ({"budget_max": "60"}, {"偏光片检测"}),
        ({"trial": "yes"}, set()),
        ({"trial": "no"}, {"偏光片检测", "工单分派"}),
        ({"owner": "明州"}, {"偏光片检测", "工单分派"}),
        ({"import": "nothing"}, set()),
        ({"budget_min": "much", "stage": "x", "due": "y", "sort": "z"}, {"偏光片检测", "工单分派"}),
    ],
)
def test_the_list_is_narrowed_by_what_was_asked(client, need, query, found, monkeypatch):
    today = date(2026, 11, 20)
    monkeypatch.setattr(clock, "today", lambda: today)
    need(
        "偏光片检测",
        title_en="Polariser film",
        problem="划痕看不见",
        budget_fen_max=50_000_000,
        due_date=today - timedelta(days=1),
    )
    need("工单分派", stage="matched", budget_fen_max=70_000_000, due_date=today + timedelta(days=9))
    assert set(titles(client.get(LIST, query))) == found


def test_the_order_is_as_asked(client, need):
    need("甲", due_date=date(2027, 2, 1), budget_fen_max=1)
    need("乙", due_date=date(2027, 1, 1), budget_fen_max=5)
    need("丙")
    assert titles(client.get(LIST, {"sort": "due"})) == ["乙", "甲", "丙"]
    assert titles(client.get(LIST, {"sort": "budget"})) == ["乙", "甲", "丙"]


def test_a_long_list_comes_in_pages_that_keep_the_filters(client, need):
    for number in range(27):
        need(f"需求 {number}")
    page = client.get(LIST, {"q": "需求", "page": 2})
    assert len(titles(page)) == 2
    assert page.context["count"] == 27
    assert "q=%E9%9C%80%E6%B1%82" in page.content.decode()


@pytest.mark.parametrize("page", ["0", "-1", "999", "x", "9" * 5000, "\x00"])
def test_a_page_that_does_not_exist_is_a_page_that_does(client, need, page):
    need("甲")
    assert client.get(LIST, {"page": page}).status_code == 200


@pytest.mark.parametrize("text", ["\x00", "%", "_", "'", '"><script>', "a" * 5000, "🤖", "\\"])
def test_a_search_for_anything_is_a_search(client, need, text):
    need("甲")
    answer = client.get(LIST, {"q": text, "owner": text, "import": text})
    assert answer.status_code == 200
    assert "<script>" not in answer.content.decode().split("<main", 1)[1]


def test_the_list_speaks_both_languages(client, need):
    need("甲", title_en="First")
    assert "条需求" in client.get(LIST).content.decode()
    english = client.get(LIST, headers={"accept-language": "en"}).content.decode()
    assert "First" in english
    assert "Export to Excel" in english


def test_an_empty_list_says_what_to_do_next(client, clerk):
    assert reverse("needs:new") in client.get(LIST).content.decode()
    narrowed = client.get(LIST, {"q": "什么"}).content.decode()
    assert "放宽条件" in narrowed


def test_queries_do_not_grow_with_the_list(client, clerk, need, django_assert_max_num_queries):
    for number in range(25):
        need(f"需求 {number}")
    client.get(LIST)
    with django_assert_max_num_queries(12):
        client.get(LIST)


def exported(client, query=None):
    answer = client.get(reverse("needs:export"), query or {})
    return load_workbook(io.BytesIO(b"".join(answer.streaming_content)))


def test_the_export_is_the_filtered_list(client, need):
    need("甲", due_date=date(2027, 2, 1), budget_fen_max=50_000_000)
    need("乙")
    rows = list(exported(client, {"q": "甲"}).active.iter_rows(values_only=True))
    assert len(rows) == 2
    assert rows[0][1] == "需求名称"
    assert rows[1][1] == "甲"
    assert rows[1][11] == 50


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", '=HYPERLINK("x")'])
def test_no_text_of_an_export_is_a_formula(client, need, text):
    need(text, problem=text)
    cell = exported(client).active["B2"]
    assert cell.data_type == "s"
    assert cell.value == text
    assert cell.quotePrefix


def test_control_characters_do_not_break_an_export(client, need):
    need("甲\x0b乙", problem="a\x1fb")
    assert exported(client).active["B2"].value == "甲乙"


@pytest.fixture
def city(sector, district):
    """A sector and a district."""
    return sector, district


@pytest.fixture
def send(client, tmp_path, settings, city, at):
    """Upload a list as a person would and let a worker read it."""
    settings.PRIVATE = tmp_path / "private"

    def upload(*rows, content=None, read=True, **more):
        path = workbook(tmp_path / "list.xlsx", *rows)
        file = SimpleUploadedFile("清单.xlsx", path.read_bytes() if content is None else content)
        answer = client.post(reverse("needs:import"), {"file": file, **more})
        run = ImportRun.objects.order_by("-pk").first()
        if read and answer.status_code == 302:
            work_through(run.key, now=lambda: at)
        return answer, run

    return upload


def test_a_list_is_sent_watched_and_reported(client, clerk, send):
    answer, run = send(GOOD, ("乙", "智造业"), read=False)
    assert answer.headers["Location"] == reverse("needs:import_run", args=[run.key])
    waiting = client.get(answer.headers["Location"]).content.decode()
    assert 'hx-trigger="every 2s"' in waiting
    work_through(run.key, now=lambda: run.created_at)
    done = client.get(answer.headers["Location"]).content.decode()
    assert "every 2s" not in done
    assert "B3" in done
    assert f"?import={run.key}" in done
    assert titles(client.get(LIST, {"import": run.key})) == ["偏光片缺陷检测"]


def test_the_report_goes_out_with_every_row_and_what_became_of_it(client, clerk, send):
    _, run = send(GOOD, ("+cmd", "智造业"))
    answer = client.get(reverse("needs:import_report", args=[run.key]))
    rows = list(
        load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active.iter_rows(
            values_only=True
        )
    )
    assert rows[0][:5] == ("位置", "结果", "说明", "需求", "场景名称")
    assert rows[1][1] == "已导入"
    assert rows[2][:2] == ("A3", "未导入")
    assert rows[2][4] == "+cmd"


def test_rows_can_be_looked_at_by_what_became_of_them(client, clerk, send):
    _, run = send(GOOD, ("乙", "智造业"))
    page = client.get(reverse("needs:import_run", args=[run.key]), {"state": "refused"})
    assert [row.address for row in page.context["page"]] == ["A3"]
    english = client.get(
        reverse("needs:import_run", args=[run.key]), headers={"accept-language": "en"}
    ).content.decode()
    assert "is not known" in english


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "文件是空的"), (b"%PDF-1.7", "PDF"), (b"PK\x03\x04broken", "已损坏")],
)
def test_a_bad_file_is_refused_beside_its_field(clerk, send, content, says):
    answer, _ = send(content=content)
    assert answer.status_code == 422
    assert says in answer.content.decode()


def test_the_same_file_is_a_conflict_that_links_to_its_report(client, clerk, send, tmp_path):
    content = workbook(tmp_path / "same.xlsx", GOOD).read_bytes()
    send(content=content)
    answer, run = send(content=content)
    assert answer.status_code == 409
    assert reverse("needs:import_run", args=[run.key]) in answer.content.decode()


def test_a_form_without_a_file_says_so(client, clerk):
    answer = client.post(reverse("needs:import"), {})
    assert answer.status_code == 422
    assert "请选择一个文件" in answer.content.decode()


def test_the_template_is_read_by_the_import_it_is_for(client, clerk, send):
    answer = client.get(reverse("needs:import_template"))
    content = b"".join(answer.streaming_content)
    book = load_workbook(io.BytesIO(content))
    assert len(book.worksheets[0].data_validations.dataValidation) == 2
    _, run = send(content=content)
    run.refresh_from_db()
    assert run.taken_count == 1  # the second example's sector is not in this small city
    assert [note["code"] for note in run.notes] == ["NoHeadings"]


def test_what_came_in_is_nobody_elses_business(client, clerk, send, person, organisation):
    _, run = send(GOOD)
    stranger = person("s@example.org", of=organisation("别家"), roles=[Role.NEED_OWNER])
    client.force_login(stranger)
    for route in ("import_run", "import_report"):
        assert client.get(reverse(f"needs:{route}", args=[run.key])).status_code == 404
    assert client.post(reverse("needs:import_resume", args=[run.key])).status_code == 404
    client.force_login(person("m@example.org", of=organisation("第三家"), roles=[Role.MEMBER]))
    assert client.get(reverse("needs:import")).status_code == 403
    assert client.get(reverse("needs:import_run", args=[run.key])).status_code == 403
    client.logout()
    assert client.get(reverse("needs:import")).status_code == 302


def test_an_import_that_stopped_can_be_gone_on_with(client, clerk, send, at):
    _, run = send(GOOD, read=False)
    ImportRun.objects.update(state="running", lease_until=at - timedelta(days=1))
    page = client.get(reverse("needs:import_run", args=[run.key]))
    resume = reverse("needs:import_resume", args=[run.key])
    assert resume in page.content.decode()
    assert client.post(resume).status_code == 302
    assert client.post(resume).status_code == 409


def test_filters_survive_the_way_through_a_url():
    filters = Filters.of({"q": "甲 & 乙", "budget_min": "5", "import": "abc", "sort": "due"})
    assert Filters.of(QueryDict(filters.query).dict()) == filters
