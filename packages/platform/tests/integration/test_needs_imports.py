"""Lists that come in: taken row by row, reported, never doubled, picked up after a fault."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from spreadsheets import GOOD, workbook

from liudu.platform.actors import Role
from liudu.platform.audit.models import Line
from liudu.platform.needs import imports
from liudu.platform.needs.imports import (
    ATTEMPTS_MAX,
    CHUNK_ROWS,
    LEASE,
    ListTooLargeError,
    NotStalledError,
    SameListError,
    file_of,
    receive_list,
    resume_list,
    resume_stalled,
    work_through,
)
from liudu.platform.needs.models import ImportRow, ImportRun, Need
from liudu.platform.needs.sheets import OldFormatError

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]


@pytest.fixture
def owner(organisation):
    return organisation("明州光电")


@pytest.fixture
def clerk(owner, person, actor):
    return actor(person("clerk@example.org", of=owner, roles=[Role.NEED_OWNER]), of=owner)


@pytest.fixture
def bureau(organisation, person, actor):
    body = organisation("苏州市工信局", kind="bureau")
    return actor(person("officer@example.org", of=body, roles=[Role.OFFICER]), of=body)


@pytest.fixture
def city(sector, district):
    """A sector and a district."""
    return sector, district


@pytest.fixture
def home(tmp_path, settings):
    """A folder of this test's own for files that wait."""
    settings.PRIVATE = tmp_path / "private"
    return tmp_path


@pytest.fixture
def bring(clerk, city, at, home, django_capture_on_commit_callbacks):
    """Send a file of rows and read it; return the import as it stands then."""

    def send(*rows, by=clerk, read=True, path=None, name="清单.xlsx", **more):
        path = path or workbook(home / "list.xlsx", *rows)
        run = receive_list(
            by=by,
            at=at,
            file_name=name,
            chunks=[path.read_bytes()],
            for_others=by.has(Role.OFFICER),
            **more,
        )
        if read:
            with django_capture_on_commit_callbacks(execute=True):
                work_through(run.key, now=lambda: at)
        run.refresh_from_db()
        return run

    return send


def states(run):
    return list(run.rows.values_list("state", flat=True))


def codes(row):
    return [reason["code"] for reason in row.reasons]


def numbered(count):
    return [(f"场景 {number}", "制造", None, "", "", 80, "2027-01-01") for number in range(count)]


def test_a_good_row_becomes_a_draft_of_the_owner(bring, owner, sector, district):
    run = bring(GOOD)
    need = Need.objects.get()
    assert (run.state, run.taken_count, run.row_count) == ("done", 1, 1)
    assert (need.title, need.owner, need.status) == ("偏光片缺陷检测", owner, "draft")
    assert (need.sector, need.district) == (sector, district)
    assert (need.budget_fen_max, str(need.due_date)) == (80_000_000, "2026-12-31")
    assert run.rows.get().need == need
    assert not file_of(run).exists()


def test_every_import_is_told_in_the_audit(bring):
    run = bring(GOOD)
    verbs = Line.objects.filter(subject_key=run.key).order_by("number")
    assert [line.verb for line in verbs] == [
        "needs.list.received", "needs.list.imported", "needs.list.ended",
    ]  # fmt: skip


def test_a_bad_row_stays_out_and_says_where_and_why(bring):
    run = bring(GOOD, ("乙", "智造业", None, "", "", "很多", "尽快"))
    bad = run.rows.get(state="refused")
    assert {reason["address"] for reason in bad.reasons} == {"B3", "F3", "G3"}
    assert Need.objects.count() == 1


def test_duplicates_inside_the_file_are_taken_once(bring):
    run = bring(GOOD, ("偏光片 缺陷检测", *GOOD[1:]), ("别的", *GOOD[1:]))
    assert states(run) == ["taken", "duplicate", "taken"]
    assert "A2" in run.rows.get(state="duplicate").reasons[0]["zh"]


def test_needs_that_are_here_are_not_doubled_by_a_repaired_file(bring, tmp_path):
    bring(GOOD, ("乙", "智造业", *GOOD[2:]))
    repaired = bring(GOOD, ("乙", "制造", *GOOD[2:]))
    assert states(repaired) == ["duplicate", "taken"]
    assert codes(repaired.rows.first()) == ["TwiceHere"]
    assert Need.objects.count() == 2


def test_the_same_file_twice_is_told_and_nothing_is_doubled(bring, tmp_path):
    path = workbook(tmp_path / "a.xlsx", GOOD)
    first = bring(path=path)
    with pytest.raises(SameListError, match="1 needs taken") as told:
        bring(path=path, name="again.xlsx")
    assert told.value.run_key == first.key
    ImportRun.objects.update(state=ImportRun.State.RUNNING)
    with pytest.raises(SameListError, match="being imported already"):
        bring(path=path, name="again.xlsx")
    assert Need.objects.count() == ImportRun.objects.count() == 1
    assert list(file_of(first).parent.iterdir()) == []


def test_another_organisation_may_send_the_same_file(bring, bureau, tmp_path):
    path = workbook(tmp_path / "a.xlsx", GOOD)
    bring(path=path)
    assert bring(path=path, by=bureau).taken_count == 1


def test_a_refused_file_may_come_again(bring, tmp_path, settings):
    path = workbook(tmp_path / "a.xlsx", *numbered(3))
    settings.LIST_ROWS_MAX = 2
    refused = bring(path=path)
    assert refused.state == "refused"
    assert "2 行" in refused.reason_zh
    settings.LIST_ROWS_MAX = 20
    assert bring(path=path).taken_count == 3


def test_merged_owners_and_sectors_count_for_all_their_rows(bring, tmp_path):
    path = workbook(
        tmp_path / "m.xlsx",
        ("甲", "制造", None),
        ("乙", None, None),
        ("丙", None, None),
        change=lambda sheet: sheet.merge_cells("B2:B4"),
    )
    assert bring(path=path).taken_count == 3
    assert {need.sector.code for need in Need.objects.all()} == {"manufacturing"}


def _hide(sheet):
    sheet.row_dimensions[3].hidden = True
    old = sheet.parent.create_sheet("旧")
    old.append(("场景名称", "所属领域"))
    old.append(("旧的", "制造"))
    old.sheet_state = "hidden"


def test_hidden_rows_and_sheets_are_passed_over_and_said(bring, tmp_path):
    path = workbook(tmp_path / "h.xlsx", GOOD, ("藏", "制造"), change=_hide)
    run = bring(path=path)
    assert states(run) == ["taken", "skipped"]
    assert [note["code"] for note in run.notes] == ["HiddenSheet"]


def test_hidden_rows_and_sheets_are_taken_where_that_was_chosen(bring, tmp_path):
    path = workbook(tmp_path / "h.xlsx", GOOD, ("藏", "制造"), change=_hide)
    bring(path=path)
    run = bring(path=path, take_hidden=True)
    assert states(run) == ["duplicate", "taken", "taken"]
    assert run.rows.last().address == "旧!A2"


def test_formulas_without_a_value_are_refused_with_their_address(bring):
    run = bring(GOOD, ("乙", "制造", None, "", "", "=40*2", "2027-01-01"))
    assert states(run) == ["taken", "refused"]
    assert run.rows.last().reasons[0]["address"] == "F3"


def test_a_file_without_headings_is_refused_with_the_way_out(bring, tmp_path):
    path = workbook(tmp_path / "n.xlsx", ("甲", "乙"), headings=("一", "二"))
    run = bring(path=path)
    assert run.state == "refused"
    assert "表头" in run.reason_zh
    assert not file_of(run).exists()


def test_what_is_no_table_is_refused_at_once(clerk, at):
    with pytest.raises(OldFormatError):
        receive_list(
            by=clerk,
            at=at,
            file_name="list.xlsx",
            chunks=[bytes.fromhex("d0cf11e0a1b11ae1") + "Workbook".encode("utf-16-le")],
        )
    assert not ImportRun.objects.exists()


def test_a_file_that_is_too_large_leaves_nothing_behind(clerk, at, monkeypatch):
    monkeypatch.setattr(imports, "LIST_BYTES_MAX", 1 << 20)
    with pytest.raises(ListTooLargeError):
        receive_list(by=clerk, at=at, file_name="a.csv", chunks=[b"x" * (1 << 19)] * 3)
    assert not ImportRun.objects.exists()


def test_personal_columns_are_neither_taken_nor_kept(bring, tmp_path):
    path = workbook(
        tmp_path / "p.xlsx",
        ("甲", "制造", "张三", "13900000000", "急"),
        headings=("场景名称", "所属领域", "联系人", "电话", "备注"),
    )
    run = bring(path=path)
    kept = str(list(run.rows.values_list("cells", "reasons"))) + str(run.notes)
    assert "张三" not in kept
    assert "1390000" not in kept
    assert {note["code"] for note in run.notes} == {"UnknownColumns", "PersonalColumns"}


def test_an_owner_cannot_list_what_others_want(bring):
    run = bring(GOOD, ("别家的", "制造", "某某公司"), ("自家的", "制造", "明州光电"))
    assert states(run) == ["taken", "refused", "taken"]
    assert codes(run.rows.get(state="refused")) == ["OtherOwner"]


def test_a_bureau_hands_drafts_to_owners_who_are_here_and_keeps_the_rest(bring, bureau, owner):
    run = bring(("甲", "制造", "明州光电"), ("乙", "制造", "未注册公司"), by=bureau)
    here, kept = Need.objects.order_by("pk")
    assert here.owner == owner
    assert kept.owner.key == bureau.organisation_key
    assert kept.contact_unit == "未注册公司"
    assert codes(run.rows.last()) == ["OwnerNotHere"]


def test_an_owner_who_already_has_the_need_is_not_given_it_again(bring, bureau):
    bring(("甲", "制造"))
    run = bring(("甲", "制造", "明州光电"), ("甲", "制造", None), by=bureau)
    assert states(run) == ["duplicate", "taken"]


class Killed(BaseException):
    """What a signal does to a worker."""


def kill_after(monkeypatch, chunk_count):
    """Let a worker die inside its next chunk, after the needs were made."""
    real, calls = imports.draft_needs, []

    def die(**given):
        made = real(**given)
        calls.append(1)
        if len(calls) > chunk_count:
            raise Killed
        return made

    monkeypatch.setattr(imports, "draft_needs", die)
    return lambda: monkeypatch.setattr(imports, "draft_needs", real)


def test_a_killed_worker_leaves_whole_chunks_and_the_next_goes_on(bring, at, monkeypatch):
    run = bring(*numbered(2 * CHUNK_ROWS + 5), read=False)
    heal = kill_after(monkeypatch, 1)
    with pytest.raises(Killed):
        work_through(run.key, now=lambda: at)
    run.refresh_from_db()
    assert (run.state, run.done_count, Need.objects.count()) == ("running", CHUNK_ROWS, CHUNK_ROWS)
    heal()
    work_through(run.key, now=lambda: at)  # the lease still holds: nobody else begins
    assert Need.objects.count() == CHUNK_ROWS
    later = at + LEASE + timedelta(seconds=1)
    assert resume_stalled(at=later) == 1
    assert resume_stalled(at=later) == 0
    work_through(run.key, now=lambda: later)
    run.refresh_from_db()
    total = 2 * CHUNK_ROWS + 5
    assert (run.state, run.taken_count, run.row_count) == ("done", total, total)
    assert Need.objects.count() == total
    assert list(run.rows.values_list("number", flat=True)) == list(range(1, total + 1))


def test_a_person_can_go_on_with_an_import_that_has_stopped(bring, at, clerk):
    run = bring(GOOD, read=False)
    with pytest.raises(NotStalledError):
        resume_list(by=clerk, at=at, run=run)
    ImportRun.objects.update(state="running", lease_until=at - timedelta(seconds=1))
    resume_list(by=clerk, at=at, run=run)
    work_through(run.key, now=lambda: at)
    assert Need.objects.count() == 1


def test_an_import_that_kills_every_worker_ends_with_a_reason(bring, at):
    run = bring(GOOD, read=False)
    ImportRun.objects.update(attempt_count=ATTEMPTS_MAX)
    work_through(run.key, now=lambda: at)
    run.refresh_from_db()
    assert run.state == "refused"
    assert str(ATTEMPTS_MAX) in run.reason_zh


def test_a_database_that_goes_away_refuses_nothing(bring, at, monkeypatch):
    run = bring(GOOD, read=False)

    def gone(**_):
        raise OperationalError("the database went away")

    monkeypatch.setattr(imports, "draft_needs", gone)
    with pytest.raises(OperationalError):
        work_through(run.key, now=lambda: at)
    run.refresh_from_db()
    assert run.state == "running"
    assert file_of(run).is_file()


def test_two_workers_at_one_list_take_each_row_once(bring, at, monkeypatch):
    run = bring(*numbered(3), read=False)
    take, calls = imports._take, []

    def overtaken(run, rows, *, at):
        if not calls:
            calls.append(1)
            work_through(run.key, now=lambda: at + 2 * LEASE)
        return take(run, rows, at=at)

    monkeypatch.setattr(imports, "_take", overtaken)
    work_through(run.key, now=lambda: at)
    run.refresh_from_db()
    assert (run.state, run.taken_count, Need.objects.count()) == ("done", 3, 3)


def test_a_csv_in_gbk_is_taken_like_any_list(bring, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("场景名称,所属领域,预算（万元）\n偏光片检测,智能制造,50-100\n", encoding="gbk")
    run = bring(path=path, name="清单.csv")
    assert Need.objects.get().budget_fen_max == 100_000_000
    assert codes(run.rows.get()) == ["ReadAs", "RangeRead"]


def test_two_lists_in_one_file_are_both_read(bring, tmp_path):
    def more(sheet):
        other = sheet.parent.create_sheet("医疗")
        other.append(("2026年清单",))
        other.append(("标题", "行业"))
        other.append(("另一个", "制造"))
        sheet.parent.create_sheet("说明").append(("请按要求填写",))

    run = bring(path=workbook(tmp_path / "t.xlsx", GOOD, change=more))
    assert list(run.rows.values_list("address", flat=True)) == ["清单!A2", "医疗!A3"]
    assert [note["code"] for note in run.notes] == ["NoHeadings"]


def test_titles_with_script_stay_text(bring):
    bring(("<script>alert(1)</script>", "制造"), ("=cmd|' /C calc'!A0x", "制造"))
    assert Need.objects.filter(title__startswith="<script>").exists()


def test_a_row_of_the_report_is_kept_for_each_row_of_the_file(bring):
    run = bring(GOOD, ("合计", None, None), ("场景名称", "所属领域"), GOOD)
    assert states(run) == ["taken", "skipped", "skipped", "duplicate"]
    assert ImportRow.objects.count() == 4
