"""The dashboard as a browser meets it, page by page."""

import json
import re
from datetime import UTC, date, datetime, timedelta

import attrs
import polars as pl
import pytest
from click.testing import CliRunner
from django.conf import settings
from django.contrib.auth.models import User
from django.core import mail
from django.db import DatabaseError, connection
from django.test import Client, override_settings
from django.urls import get_resolver

from liudu.outbreak.cli import main
from liudu.outbreak.desk import services
from liudu.outbreak.desk.models import Entry, Line, Member, Message, Rule, Run, Signal
from liudu.outbreak.desk.offline import verify_file
from liudu.outbreak.report.tiles import SHIPPED
from liudu.outbreak.series import write_series

ROLES = ("public", "viewer", "investigator", "administrator")
AT = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
PASSWORD = "a long enough password"  # noqa: S105 - of a user that lives for one test
NORO, PERTUSSIS = "昆山市 · 诺如病毒", "太仓市 · 百日咳"


def text(response):
    return response.content.decode()


def signal_of(name=NORO):
    return Signal.objects.get(name=name)


def step(client, signal, **fields):
    content = {"version": signal.version, "to": "verifying", "note": "", **fields}
    return client.post(f"/signals/{signal.pk}/step", content)


def test_every_url_names_its_permission():
    callbacks = [pattern.callback for pattern in get_resolver().url_patterns]

    assert len(callbacks) > 15
    for callback in callbacks:
        assert callback.permission in ROLES, callback


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_stranger_reaches_nothing_but_the_login(site, language):
    client = Client()
    client.cookies["liudu_lang"] = language
    for pattern in get_resolver().url_patterns:
        path = "/" + str(pattern.pattern).replace("<int:pk>", "1").replace("<str:kind>", "pdf")
        answer = client.get(path)
        if pattern.callback.permission == "public":
            assert answer.status_code in {200, 405}, path
        else:
            assert answer.status_code == 302, path
            assert answer.url.startswith("/login"), path


@pytest.mark.parametrize("role", ["viewer", "investigator", "administrator"])
def test_a_role_opens_what_it_may_and_no_more(detected, member, role):
    client = member(role=role)
    rank = ROLES.index(role)
    for pattern in get_resolver().url_patterns:
        needed = ROLES.index(pattern.callback.permission)
        path = "/" + str(pattern.pattern).replace("<int:pk>", "1").replace("<str:kind>", "html")
        answer = client.get(path)
        assert (answer.status_code == 403) == (needed > rank), path
        assert answer.status_code < 500, path


def test_a_refused_page_is_written_to_the_audit(detected, member):
    member(role="viewer").get("/audit")

    assert Line.objects.filter(verb="page.refused", subject="/audit").exists()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_pages_are_in_the_language_of_the_reader(detected, member, language):
    client = member(role="administrator", language=language)
    chinese = {
        "/": "待处理",
        "/map": "分布",
        "/figures": "成效",
        "/inbox": "通知",
        "/users": "用户",
        "/audit": "审计",
        "/quality": "数据质量",
    }
    for path, word in chinese.items():
        page = text(client.get(path))
        assert (word in page) == (language == "zh"), path
        if language == "en":  # names and the switch stay Chinese
            words = re.sub(r"<[^>]+>", " ", page)
            for name in ("昆山市", "太仓市", "诺如病毒", "百日咳", "中文"):
                words = words.replace(name, "")
            assert not re.search("[\u4e00-\u9fff]", words), path


def test_the_language_is_changed_by_a_form_that_leads_nowhere_else(site):
    client = Client()

    answer = client.post("/language", {"lang": "en", "next": "https://elsewhere.example/"})

    assert answer.url == "/"
    assert client.cookies["liudu_lang"].value == "en"


def test_every_page_forbids_scripts_and_everything_from_elsewhere(detected, member):
    client = member(role="administrator")
    for path in ("/", "/signals/1/", "/map", "/figures", "/quality", "/inbox", "/audit", "/users"):
        answer = client.get(path)
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        assert answer["Cache-Control"] == "no-store"
        page = text(answer)
        assert "<script" not in page
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', page)


def test_signals_stand_by_priority_with_their_numbers(detected, member):
    page = text(member().get("/"))

    assert page.index(NORO) < page.index(PERTUSSIS)
    assert "<strong>70</strong>" in page
    assert "2 个信号待处理" in page


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", {NORO, PERTUSSIS}),
        ("?disease=百日咳", {PERTUSSIS}),
        ("?district=昆山市", {NORO}),
        ("?state=closed", set()),
        ("?mine=1", set()),
        ("?q=诺如", {NORO}),
        ("?priority=x&page=zzz&state=nonsense", {NORO, PERTUSSIS}),
    ],
)
def test_filters_keep_what_was_asked_for(detected, member, query, names):
    page = text(member().get("/" + query))

    links = set(re.findall(r'<a href="/signals/\d+/">([^<]+)</a>', page))
    assert links == names


def test_a_signal_shows_curve_and_table(detected, member):
    page = text(member().get(f"/signals/{signal_of().pk}/"))

    assert "<svg" in page
    assert 'role="img"' in page
    assert "2026-W46" in page
    assert "报警上限" in page


def test_an_empty_desk_says_what_to_do(site, member):
    page = text(member().get("/"))

    assert "先检测最新一周" in page


def test_a_detection_without_data_ends_with_a_sentence(site, member, detect):
    run = detect()

    assert run.state == "failed"
    assert "series.csv" in run.message_en
    assert "series.csv" in text(member().get("/"))


def test_a_quiet_week_is_told_as_such(counts, site, member, detect):
    calm = attrs.evolve(counts, counts=counts.counts[:, :-1])
    write_series(site.folder / "series.csv", calm)
    (site.folder / "config.yaml").write_text("budget: {rule: alpha, value: 0.000001}")
    detect()

    assert "一切如常" in text(member().get("/"))


def test_steps_are_stamped_owned_and_audited(detected, member):
    client, signal = member(), signal_of()

    answer = step(client, signal, note="已电话核实")

    assert answer.status_code == 302
    signal.refresh_from_db()
    assert (signal.state, signal.owner.username, signal.version) == ("verifying", "lin", 2)
    assert signal.verified_at is not None
    page = text(client.get(f"/signals/{signal.pk}/"))
    assert "已电话核实" in page
    assert Line.objects.filter(verb="signal.verifying", subject=str(signal.pk)).exists()


def test_two_people_at_one_signal_the_second_is_told_and_loses_nothing(detected, member):
    first, second, signal = member("lin"), member("wang"), signal_of()
    step(first, signal)

    answer = step(second, signal, to="suspected", note="三家医院同时上报")

    assert answer.status_code == 409
    page = text(answer)
    assert "lin" in page
    assert "三家医院同时上报" in page
    assert signal_of().state == "verifying"
    again = step(second, signal_of(), to="suspected", note="三家医院同时上报")
    assert again.status_code == 302
    assert signal_of().state == "suspected"


def test_notes_of_two_people_never_collide(detected, member):
    first, second, signal = member("lin"), member("wang"), signal_of()
    step(first, signal, to="note", note="一")
    step(second, signal, to="note", note="二")

    assert [entry.note for entry in Entry.objects.filter(signal=signal)] == ["一", "二"]


@pytest.mark.parametrize(
    "fields",
    [
        {"to": "closed"},
        {"to": "closed", "outcome": "made up"},
        {"to": "signal"},
        {"to": "nowhere"},
        {"to": "note", "note": "  "},
        {"note": "x" * 4001},
        {"version": "zzz"},
    ],
)
def test_what_the_rules_do_not_allow_changes_nothing(detected, member, fields):
    signal = signal_of()

    answer = step(member(), signal, **fields)

    assert answer.status_code in {409, 422}
    assert 'role="alert"' in text(answer)
    assert signal_of().version == 1


def test_a_closed_signal_is_taken_up_again_with_a_reason_only(detected, member):
    client = member()
    step(client, signal_of(), to="closed", outcome="no_outbreak")

    assert step(client, signal_of(), to="verifying").status_code == 422
    assert step(client, signal_of(), to="verifying", note="新病例").status_code == 302
    assert (signal_of().state, signal_of().outcome) == ("verifying", "")


def test_response_time_and_ppv_come_from_what_was_done(detected, member):
    client = member()
    step(client, signal_of(NORO), to="closed", outcome="outbreak")
    step(client, signal_of(PERTUSSIS), to="closed", outcome="no_outbreak")
    for name, hours in ((NORO, 1), (PERTUSSIS, 4)):
        Signal.objects.filter(name=name).update(verified_at=AT + timedelta(hours=hours))

    page = text(client.get("/figures"))

    assert "<dd>2.5</dd>" in page
    assert "<dd>50 %</dd>" in page
    assert "<dd>1 / 2</dd>" in page


def test_a_handled_signal_is_not_raised_again(detected, member, detect):
    step(member(), signal_of(), to="closed", outcome="no_outbreak")

    run = detect()

    assert (run.raised, run.repeated) == (0, 2)
    assert Signal.objects.count() == 2


def test_a_rise_that_began_while_nobody_ran_the_desk_is_raised(counts, site, detect):
    rows = counts.counts.copy()
    rows[0, -2] = 70
    write_series(site.folder / "series.csv", attrs.evolve(counts, counts=rows))
    (site.folder / "config.yaml").write_text("default: {quiet_days: 28}")

    run = detect()

    assert run.state == "done", run.message_en
    assert signal_of().week == "2026-W46"


def test_an_open_signal_seen_again_next_week_grows_instead_of_doubling(
    counts, site, detected, detect
):
    later = attrs.evolve(counts, counts=counts.counts[:, [*range(1, 120), 119]])
    write_series(site.folder / "series.csv", attrs.evolve(later, first_week=counts.first_week + 1))

    run = detect()

    assert run.week == "2026-W47"
    signal = signal_of()
    assert (signal.week, signal.last_week) == ("2026-W46", "2026-W47")
    assert Entry.objects.filter(signal=signal, kind="repeat").count() == 1


def test_members_see_their_districts_and_nothing_of_others(detected, member):
    client = member(districts=("太仓市",))
    other = signal_of(NORO)

    assert NORO not in text(client.get("/"))
    assert client.get(f"/signals/{other.pk}/").status_code == 404
    assert step(client, other).status_code == 404
    assert client.post(f"/signals/{other.pk}/cases").status_code == 404
    assert "昆山" not in text(client.get("/signals.csv"))
    assert "昆山" not in text(client.get("/map"))
    assert "昆山" not in text(client.get("/bulletin.html"))


def write_cases(folder):
    day = datetime(2026, 11, 11, tzinfo=UTC).date()
    rows = {
        "case_id": ["320583-19-0001", "320583-19-0002"], "district": ["昆山市", "太仓市"],
        "district_name": ["昆山市", "太仓市"], "disease": ["诺如病毒", "诺如病毒"],
        "date_report": [day, day], "date_onset": [day, None], "date_diagnosis": [day, None],
        "age_years": [7.0, None], "sex": ["female", "male"], "case_class": ["confirmed", None],
        "outbreak": [False, False], "outbreak_id": [None, "<b>x</b>"],
    }  # fmt: skip
    pl.DataFrame(rows).write_parquet(folder / "cases.parquet")


def test_the_line_list_wants_a_purpose_and_every_look_is_written_down(detected, site, member):
    write_cases(site.folder)
    client, signal = member(), signal_of()

    asked = text(client.get(f"/signals/{signal.pk}/cases"))
    without = text(client.post(f"/signals/{signal.pk}/cases", {"week": "2026-W46"}))
    assert "<tbody>" not in asked + without
    assert not Line.objects.filter(verb="cases.seen").exists()

    shown = text(
        client.post(f"/signals/{signal.pk}/cases", {"week": "2026-W46", "purpose": "verify"})
    )

    line = Line.objects.get(verb="cases.seen")
    seen = json.loads(line.detail)
    assert line.actor == "lin"
    assert seen["purpose"] == "verify"
    assert len(seen["persons"]) == 1
    assert seen["persons"][0] in shown
    assert "320583" not in shown
    assert "320583" not in line.detail


def test_pseudonyms_are_the_same_each_time_and_differ_between_desks(detected, site, member):
    write_cases(site.folder)
    client, signal = member(), signal_of()
    for _ in range(2):
        client.post(f"/signals/{signal.pk}/cases", {"week": "2026-W46", "purpose": "verify"})
    first, second = (json.loads(line.detail) for line in Line.objects.filter(verb="cases.seen"))
    assert first["persons"] == second["persons"]

    (site.own / "pseudonyms").unlink()
    client.post(f"/signals/{signal.pk}/cases", {"week": "2026-W46", "purpose": "verify"})

    third = json.loads(Line.objects.filter(verb="cases.seen").last().detail)
    assert third["persons"] != first["persons"]


def test_counts_without_a_line_list_say_so(detected, member):
    signal = signal_of()

    answer = member().post(
        f"/signals/{signal.pk}/cases", {"week": "2026-W46", "purpose": "verify"}
    )  # fmt: skip

    assert answer.status_code == 422
    assert "没有病例清单" in text(answer)


def test_the_audit_can_only_be_added_to(detected, site):
    for statement in ("UPDATE desk_line SET actor='x'", "DELETE FROM desk_line",
                      "DELETE FROM desk_entry"):  # fmt: skip
        if statement.endswith("entry"):
            services.add_note(
                signal_of(), note="n", user=services.create_user(
                    "x", password=PASSWORD, role="viewer", districts=(), at=AT, by="t"
                ), at=AT,
            )  # fmt: skip
        with connection.cursor() as cursor, pytest.raises(DatabaseError, match="append-only"):
            cursor.execute(statement)


def test_an_altered_line_breaks_the_chain_and_the_page_says_where(detected, site, member):
    client = member(role="administrator")
    assert "审计链完好" in text(client.get("/audit"))
    head = verify_file(site.database).head
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER desk_line_no_update")
        cursor.execute("UPDATE desk_line SET actor='nobody' WHERE number=2")

    assert verify_file(site.database).broken == 2
    assert "第 2 行断开" in text(client.get("/audit"))
    assert not verify_file(site.database, expect=head).expected_found


def test_a_cut_end_shows_against_a_digest_noted_before(detected, site):
    head = verify_file(site.database).head
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER desk_line_no_delete")
        cursor.execute("DELETE FROM desk_line WHERE number=(SELECT max(number) FROM desk_line)")

    assert verify_file(site.database).broken is None
    assert not verify_file(site.database, expect=head).expected_found


def test_rules_decide_who_is_told_once(counts, member, detect):
    mine, other, elsewhere = member("lin"), member("wang"), member("zhao", districts=("太仓市",))
    mine.post("/inbox", {"do": "add", "disease": "诺如病毒", "district": "", "priority": "4"})
    mine.post("/inbox", {"do": "add", "disease": "", "district": "昆山市", "priority": "4"})
    other.post("/inbox", {"do": "add", "disease": "", "district": "", "priority": "9"})
    elsewhere.post("/inbox", {"do": "add", "disease": "诺如病毒", "priority": "4"})
    detect()
    detect()

    told = {(m.user.username, m.signal.name) for m in Message.objects.all()}
    assert told == {("lin", NORO), ("wang", NORO), ("wang", PERTUSSIS)}
    assert Message.objects.count() == 3
    assert '<span class="badge">1' in text(mine.get("/inbox"))
    mine.get(f"/signals/{signal_of().pk}/")
    assert '<span class="badge">' not in text(mine.get("/inbox"))


def test_a_rule_is_removed_by_its_owner_only(site, member):
    mine, other = member("lin"), member("wang")
    mine.post("/inbox", {"do": "add", "priority": "2"})
    rule = Rule.objects.get()

    other.post("/inbox", {"do": "remove", "rule": rule.pk})
    assert Rule.objects.exists()
    mine.post("/inbox", {"do": "remove", "rule": rule.pk})
    assert not Rule.objects.exists()


def test_mail_goes_to_those_who_asked_and_holds_no_person(counts, member, detect):
    client = member("lin")
    User.objects.filter(username="lin").update(email="lin@example.org")
    client.post("/inbox", {"do": "add", "priority": "4", "email": "1", "disease": "诺如病毒"})
    with override_settings(EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend"):
        mail.outbox = []
        detect()

    assert [letter.to for letter in mail.outbox] == [["lin@example.org"]]
    assert NORO in mail.outbox[0].subject
    assert "70" not in mail.outbox[0].body


def test_exports_hide_small_counts_and_spreadsheet_formulas(detected, member):
    Signal.objects.filter(name=NORO).update(observed=3, disease="=cmd()")

    lines = text(member().get("/signals.csv")).splitlines()

    row = next(line for line in lines if "=cmd" in line)
    assert "'=cmd()" in row
    assert ",1–4," in row
    assert ",3," not in row.replace(f",{signal_of().priority},", ",")
    assert Line.objects.filter(verb="signals.exported").exists()


@pytest.mark.parametrize(
    ("kind", "start"), [("html", b"<!doctype"), ("pdf", b"%PDF"), ("docx", b"PK")]
)
def test_the_bulletin_comes_in_each_format(detected, member, kind, start):
    answer = member().get(f"/bulletin.{kind}")

    assert answer.status_code == 200
    assert answer.content.startswith(start)


def test_script_in_names_and_notes_stays_text(detected, member):
    evil = "<script>alert(1)</script>"
    client, signal = member(role="administrator"), signal_of()
    Signal.objects.filter(pk=signal.pk).update(name=evil, disease=evil, district=evil)
    step(client, signal, to="note", note=evil)
    for path in ("/", f"/signals/{signal.pk}/", "/map", "/figures", "/inbox"):
        assert "<script" not in text(client.get(path)), path
    assert "<script" not in text(client.get("/", {"q": evil, "actor": evil}))


def test_a_form_without_its_token_changes_nothing(detected, member):
    member("lin")
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="lin"))

    answer = step(client, signal_of())

    assert answer.status_code == 403
    assert signal_of().version == 1


def test_guessing_passwords_is_slowed_and_recorded(site, member):
    member("lin")
    client = Client()
    for _ in range(8):
        answer = client.post("/login", {"username": "lin", "password": "wrong"})
        assert answer.status_code == 401

    locked = client.post("/login", {"username": "lin", "password": PASSWORD})

    assert locked.status_code == 429
    assert Line.objects.filter(verb="login.failed", actor="lin").count() == 8


def test_the_login_leads_back_inside_and_never_outside(site, member):
    member("lin")
    for wish, found in (("/map", "/map"), ("https://elsewhere.example", "/"), ("//x.example", "/")):
        answer = Client().post("/login", {"username": "lin", "password": PASSWORD, "next": wish})
        assert answer.url == found


def test_one_detection_runs_at_a_time(counts, member):
    run = services.begin_run(at=AT, by="x")
    client = member()

    answer = client.post("/refresh")

    assert answer.url == f"/runs/{run.pk}/"
    assert client.get(answer.url)["Refresh"] == "2"
    assert Run.objects.count() == 1


def test_runs_that_a_killed_server_left_are_closed(site):
    services.begin_run(at=AT, by="x")
    services.end_broken_runs(at=AT)

    assert Run.objects.get().state == "failed"


def test_the_last_administrator_stays(site, member):
    client = member("root", role="administrator")
    only = Member.objects.get()

    answer = client.post("/users", {"member": only.pk, "role": "viewer", "active": "1"})

    assert answer.status_code == 422
    only.refresh_from_db()
    assert only.role == "administrator"


def test_an_administrator_gives_roles_and_districts(site, member):
    client = member("root", role="administrator")
    member("lin", role="viewer")
    lin = Member.objects.get(user__username="lin")

    client.post("/users", {"member": lin.pk, "role": "investigator", "active": "1",
                           "districts": "昆山市、太仓市", "email": "l@example.org"})  # fmt: skip

    lin.refresh_from_db()
    assert (lin.role, lin.districts) == ("investigator", ["昆山市", "太仓市"])
    assert Line.objects.filter(verb="user.changed", subject="lin").exists()


def test_the_quality_page_lists_each_reason(detected, site, member):
    finding = {"code": "x", "kind": "rejected", "file": "a.csv", "count": 3, "rows": [4, 9],
               "detail": "", "zh": "报告日期在将来", "en": "in the future"}  # fmt: skip
    quality = {"rows_read": 10, "rows_kept": 7, "rows_rejected": 3, "findings": [finding]}
    (site.folder / "quality.json").write_text(json.dumps(quality), encoding="utf-8")

    page = text(member().get("/quality"))

    assert "报告日期在将来" in page
    assert "<dd>10</dd>" in page


def test_the_silent_detector_stands_in_the_evaluation(detected, site, member):
    figure = {"value": 0.97, "interval": [0.96, 0.98]}
    content = {"detectors": {"silent": {"overall": {"accuracy": figure}}}}
    (site.folder / "backtest.json").write_text(json.dumps(content))

    assert "从不报警" in text(member().get("/figures"))


def test_a_list_of_many_signals_has_pages(detected, member):
    one = signal_of()
    for number in range(60):
        one.pk, one.week_number, one.key = None, number, f"k{number}"
        one.save(force_insert=True)

    page = text(member().get("/?page=2&disease=诺如病毒"))

    assert "2 / 3" in page
    assert len(re.findall(r'<a href="/signals/\d+/">', page)) == 25


def test_simulated_data_are_marked_on_every_page(detected, member):
    client = member()
    settings.LIUDU_SITE = attrs.evolve(settings.LIUDU_SITE, simulated=True)

    for path in ("/", "/map", "/login", "/bulletin.html"):
        assert "模拟数据" in text(client.get(path, follow=True)), path


def test_an_imported_line_list_becomes_signals_with_names_and_cases(site, member, detect):
    rows = ["卡片编号,报告日期,发病日期,诊断日期,病种,现住址编码,现住址,年龄,性别,病例分类"]
    for week in range(80):
        monday = date(2026, 11, 9) - timedelta(weeks=79 - week)
        for case in range(8 + week % 3 + (40 if week == 79 else 0)):
            cells = (f"K{week:03d}{case:03d}", monday, monday, monday, "手足口病", "320583000000",
                     "江苏省苏州市昆山市", "6岁", "女", "确诊病例")  # fmt: skip
            rows.append(",".join(str(cell) for cell in cells))
    source = site.folder / "cards.csv"
    source.write_text("\n".join(rows) + "\n", encoding="utf-8")
    imported = site.folder / "import"
    arguments = ["import", str(source), "--out", str(imported), "--at", "2026-11-20"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    for file in imported.iterdir():
        file.rename(site.folder / file.name)
    (site.folder / "tiles.yaml").write_bytes((SHIPPED / "suzhou.yaml").read_bytes())

    run = detect()

    assert (run.state, run.week, run.raised) == ("done", "2026-W46", 1), run.message_en
    signal = Signal.objects.get()
    assert "昆山市" in signal.name
    client = member()
    assert "昆山市" in text(client.get("/map"))
    shown = text(
        client.post(f"/signals/{signal.pk}/cases", {"week": "2026-W46", "purpose": "verify"})
    )
    assert f"{signal.observed} 例" in shown
    assert "<td>6</td>" in shown
    assert "确诊" in shown


@pytest.mark.parametrize("content", ["districts: [", "districts: {昆山市: {at: [1]}}"])
def test_a_grid_that_cannot_be_read_is_said_and_stops_nothing_else(detected, site, member, content):
    (site.folder / "tiles.yaml").write_text(content, encoding="utf-8")
    client = member()

    assert client.get("/").status_code == 200
    answer = client.get("/map")
    assert answer.status_code == 422
    assert "tiles.yaml" in text(answer)


def test_a_configuration_that_cannot_be_read_fails_the_detection_in_a_sentence(
    counts, site, detect
):
    (site.folder / "config.yaml").write_text("budget: {rule: guess}")

    run = detect()

    assert run.state == "failed"
    assert "guess" in run.message_zh
