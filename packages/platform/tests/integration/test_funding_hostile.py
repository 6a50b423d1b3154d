"""Hostile tables, names and officers: each is right, or refused in words; nothing is lost."""

import csv
import io
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from liudu.platform.actors import SYSTEM
from liudu.platform.audit.models import Line
from liudu.platform.funding import queries, services
from liudu.platform.funding.models import FactImport, FactRow, PackVersion, PaymentOrder, Subject
from liudu.platform.funding.pages.facts import FILE_BYTES_MAX
from liudu.platform.funding.services.exports import harmless
from liudu.platform.funding.services.facts import (
    ColumnsError,
    TableTooLongError,
    UnreadableTableError,
)
from liudu.platform.funding.services.policies import store_pack
from liudu.rules import read_pack

pytestmark = [pytest.mark.everywhere]
CITY = Path(__file__).parents[4] / "cities" / "suzhou" / "policies"
RENT = "suzhou-graduate-rent"
TEXT = (CITY / "graduate-rent.yaml").read_text(encoding="utf-8")


@pytest.fixture
def policies(db, at):
    services.load_policies(by=SYSTEM, at=at, folder=CITY / "graduate-rent.yaml")


@pytest.fixture
def take(at):
    """Import a table, given as text or bytes."""

    def make(content, *, kind="person", at=at):
        if isinstance(content, str):
            content = content.encode()
        return services.import_facts(
            by=SYSTEM, at=at, file_name="表.csv", content=content, kind=kind, bureau="市人社局"
        )

    return make


def known(name):
    """Return by subject what is known of a fact."""
    rows = FactRow.objects.filter(name=name, superseded_by__isnull=True)
    return dict(rows.values_list("subject__ref", "value"))


@pytest.mark.usefixtures("policies")
@pytest.mark.parametrize(
    ("content", "error", "said"),
    [
        ("subject,degree\nP1,博士\n".encode("utf-16"), UnreadableTableError, "UTF-8"),
        ("subject,degree\nP1,博士\n".encode("utf-16-le"), UnreadableTableError, "UTF-8"),
        ("subject,degree\nP1,博士\n".encode()[:-2], UnreadableTableError, "cut off"),
        (b"subject,months_paid\nP1,\x006\n", UnreadableTableError, "UTF-8"),
        (b"PK\x03\x04 a workbook", UnreadableTableError, "workbook"),
        ("subject,degree\n", ColumnsError, "no row"),
        ("subject,degree\n,\n,\n", ColumnsError, "no row"),
        ("", ColumnsError, "subject"),
        ("\n\n", ColumnsError, "subject"),
        ("subject,degree, degree\nP1,博士,硕士\n", ColumnsError, "twice: degree"),
        ("subject;degree\nP1;博士\n", ColumnsError, "subject"),
        ('subject,degree\nP1,"博', UnreadableTableError, "line"),
        ("subject\n" + "".join(f"P{i}\n" for i in range(100_001)), TableTooLongError, "100000"),
    ],
)
def test_a_table_that_cannot_be_taken_is_refused_as_a_whole(take, content, error, said):
    with pytest.raises(error) as refused:
        take(content)
    assert said in refused.value.say("en")
    assert "表.csv" in refused.value.say("zh")
    assert not Subject.objects.exists()
    assert not FactImport.objects.exists()


@pytest.mark.usefixtures("policies")
@pytest.mark.parametrize(
    ("column", "cell", "value"),
    [
        ("owns_home", "是", "true"),
        ("owns_home", "TRUE", "true"),
        ("owns_home", "No", "false"),
        ("owns_home", "0", "false"),
        ("owns_home", "Y", None),
        ("owns_home", "2", None),
        ("months_paid", "１２", "12"),
        ("months_paid", "120", "120"),
        ("months_paid", "121", None),
        ("months_paid", "-1", None),
        ("months_paid", "1.5", None),
        ("months_paid", "1e1", None),
        ("months_paid", "六", None),
        ("rent_paid", '"9,000.50"', "900050"),
        ("rent_paid", '"9,0"', None),
        ("rent_paid", "¥9000", None),
        ("rent_paid", "0.001", None),
        ("rent_paid", "1000000", "100000000"),
        ("rent_paid", "1000000.01", None),
        ("graduated_date", "2025-06-30", "2025-06-30"),
        ("graduated_date", "45838", None),
        ("graduated_date", "2025-02-30", None),
        ("graduated_date", "1959-12-31", None),
        ("degree", "博士 ", "博士"),
        ("degree", "博士后", None),
        ("degree", "=HYPERLINK(1)", None),
    ],
)
def test_a_cell_is_read_exactly_or_its_row_is_left_out_and_said(take, column, cell, value):
    run = take(f"subject,{column}\nP1,{cell}\n")
    assert known(column).get("P1") == value
    assert (run.row_count, run.taken_count) == (1, int(value is not None))
    told = [(one["line"], one["subject"], one["column"]) for one in run.problems]
    assert told == ([] if value is not None else [(2, "P1", column)])


@pytest.mark.usefixtures("policies")
def test_a_tenth_of_the_cells_missing_says_nothing_about_those(take):
    rows = "".join(
        f"P{i},{'' if i % 10 == 0 else 6},{'' if i % 10 == 5 else '否'}\n" for i in range(50)
    )
    run = take(f"subject,months_paid,owns_home\n{rows}")
    assert (run.taken_count, run.fact_count, run.problem_count) == (50, 90, 0)
    assert len(known("months_paid")) == len(known("owns_home")) == 45


@pytest.mark.usefixtures("policies")
def test_a_subject_twice_is_taken_once_if_alike_and_not_at_all_if_not(take):
    run = take("subject,months_paid\nP1,6\nP1,6\nP2,6\nP2,9\nP3,3\n")
    assert known("months_paid") == {"P1": "6", "P3": "3"}
    assert [(one["line"], one["subject"]) for one in run.problems] == [
        (3, "P1"),
        (4, "P2"),
        (5, "P2"),
    ]


@pytest.mark.usefixtures("policies")
def test_a_table_of_the_wrong_kind_is_told_where_a_number_is_known_otherwise(take):
    take("subject,name\n91320594MA1MA1MA1X,明州光电\n", kind="enterprise")
    run = take("subject,months_paid\n91320594MA1MA1MA1X,6\nP1,6\n")
    assert known("months_paid") == {"P1": "6"}
    assert "enterprise" in run.problems[0]["en"]
    assert not Subject.objects.filter(kind="person", ref="91320594MA1MA1MA1X").exists()


@pytest.mark.usefixtures("policies")
def test_an_older_table_that_comes_later_does_not_replace_the_newer(take):
    column = "subject,months_paid,months_paid.observed\n"
    take(f"{column}P1,9,2026-11-01\n")
    run = take(f"{column}P1,6,2026-08-01\nP2,6,2026-08-01\n")
    assert known("months_paid") == {"P1": "9", "P2": "6"}
    assert "2026-11-01" in run.problems[0]["zh"]
    later = take(f"{column}P1,12,2026-11-18\nP2,6,2027-01-01\n")
    assert known("months_paid") == {"P1": "12", "P2": "6"}
    assert later.problems[0]["line"] == 3  # observed in the future


@pytest.mark.usefixtures("policies")
def test_what_a_subject_says_gives_way_to_an_older_word_of_a_bureau(take, at, person):
    subject = services.subject_for_user(at=at, user=person("a@example.com"))
    services.declare_fact(by=SYSTEM, at=at, subject=subject, name="months_paid", text="0")
    take(f"subject,months_paid,months_paid.observed\n{subject.ref},24,2026-08-01\n")
    assert known("months_paid") == {subject.ref: "24"}


@pytest.mark.django_db
def test_an_upload_beyond_the_limit_is_refused_with_the_limit(signed_in, person, organisation):
    bureau = organisation("工信局", kind="bureau")
    browser = signed_in(person("o@example.com", of=bureau, roles=["officer"]))
    file = SimpleUploadedFile("大表.csv", b"subject\n" + b"P" * FILE_BYTES_MAX, "text/csv")
    answer = browser.post(
        "/funding/imports/", {"file": file, "bureau": "市人社局", "kind": "person"}
    )
    assert answer.status_code == 422
    assert "30 MiB" in answer.text
    assert not FactImport.objects.exists()


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("＝1+1", "'＝1+1"),
        (" ＋1", "' ＋1"),
        ("-1", "'-1"),
        ("@SUM", "'@SUM"),
        ("\t=1", "'=1"),
        ("甲\u202e乙\u200b", "甲乙"),
        ('甲, "乙"', '甲, "乙"'),
        ("甲=乙", "甲=乙"),
    ],
)
def test_no_name_becomes_a_formula_and_each_reads_as_it_is_stored(name, cell):
    assert harmless(name) == cell


@pytest.fixture
def ordered(at, policies):
    """Order one payment to an account with leading zeros and a name full of traps."""
    rows = "P1,博士,是,是,否,否,是,6,9000\n"
    services.import_facts(
        by=SYSTEM, at=at, file_name="f.csv", kind="person", bureau="市人社局",
        content=(
            "subject,degree,first_claim_paid,insured_this_quarter,owns_home,civil_servant,"
            f"works_in_ai_or_quantum,months_paid,rent_paid\n{rows}"
        ).encode(),
    )  # fmt: skip
    version = queries.version_of(RENT, on=at.date())
    batch = services.open_batch(
        by=SYSTEM, at=at, version=version, rule="rent-renewal", on=at.date(), sample_share=0.0
    )
    batch = services.match_batch(by=SYSTEM, at=at, batch=batch)
    batch = services.notify_batch(by=SYSTEM, at=at, batch=batch)
    services.confirm_account(
        by=SYSTEM, at=at, grant=batch.grants.get(), holder='＝甲,"乙"\n丙', bank="苏州银行",
        number="0062 2200 0011 1122",
    )  # fmt: skip
    services.order_payments(by=SYSTEM, at=at, batch=batch)
    return PaymentOrder.objects.get()


@pytest.mark.django_db
def test_a_lost_export_is_fetched_again_byte_for_byte_and_no_order_goes_twice(at, ordered):
    export = services.export_orders(by=SYSTEM, at=at)
    assert services.export_orders(by=SYSTEM, at=at) is None
    later = at + timedelta(days=400)
    first, again = (services.fetch_export(by=SYSTEM, at=later, export=export) for _ in range(2))
    assert first == again
    assert first.startswith(b"\xef\xbb\xbfidempotency_key,")
    (row,) = csv.DictReader(io.StringIO(first.decode("utf-8-sig"), newline=""))
    assert row["amount_yuan"] == "4500.00"
    assert row["account"].strip() == "0062220000111122"
    assert row["payee"] == '\'＝甲,"乙"丙'
    ordered.refresh_from_db()
    assert ordered.export == export
    assert Line.objects.filter(verb="funding.orders.fetched").count() == 2


@pytest.mark.django_db
def test_who_confirms_after_the_archive_is_still_paid(at, ordered, signed_in, person, organisation):
    batch, bureau = ordered.grant.batch, organisation("工信局", kind="bureau")
    browser = signed_in(person("o@example.com", of=bureau, roles=["officer"]))
    PaymentOrder.objects.all().delete()
    ordered.grant.state = "notified"
    ordered.grant.save()
    services.publish_batch(by=SYSTEM, at=at, batch=batch)
    services.archive_batch(by=SYSTEM, at=at, batch=batch)
    pay = f"/funding/deliveries/{batch.key}/pay/"
    assert pay not in browser.get(f"/funding/deliveries/{batch.key}/").text
    services.confirm_account(
        by=SYSTEM, at=at, grant=ordered.grant, holder="甲", bank="苏州银行", number="62220000"
    )
    assert pay in browser.get(f"/funding/deliveries/{batch.key}/").text
    assert browser.post(pay).status_code == 302
    assert PaymentOrder.objects.get().grant == ordered.grant


@pytest.mark.usefixtures("policies")
def test_a_value_and_a_text_that_were_replaced_come_back_as_new_versions(at):
    given = {"by": SYSTEM, "at": at, "code": RENT, "name": "rent_doctor", "source": "测试文件"}
    for number, text in ((2, "100"), (3, "200"), (4, "100")):
        version = services.set_parameter(**given, text=text)
        assert (version.number, version.settings["rent_doctor"]["value"]) == (number, text)
    assert services.set_parameter(**given, text="100").number == 4  # it is so already
    changed = TEXT.replace("{2025-03-27: 1500}", "{2025-03-27: 1600}", 1)
    for number, text in ((5, changed), (6, TEXT)):
        pack = read_pack(text, file="rent.yaml")
        assert store_pack(by=SYSTEM, at=at, pack=pack, text=text, reason="x").number == number
    assert queries.version_of(RENT, on=at.date()).number == 6


def at_once(*deeds):
    """Do some things at once, each on a connection of its own; return what went wrong."""
    barrier, problems = threading.Barrier(len(deeds)), []

    def run(deed):
        try:
            barrier.wait()
            deed()
        except Exception as error:  # noqa: BLE001 - told by the other thread
            problems.append(repr(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(deed,)) for deed in deeds]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return problems


@pytest.mark.django_db(transaction=True)
def test_officers_who_load_one_policy_at_once_store_it_once(at):
    def load():
        services.load_policies(by=SYSTEM, at=at, folder=CITY / "graduate-rent.yaml")

    assert at_once(load, load, load) == []
    assert PackVersion.objects.count() == 1
    assert Line.objects.filter(verb="funding.policy.loaded").count() == 1


@pytest.mark.django_db(transaction=True)
def test_officers_who_set_two_parameters_at_once_lose_neither(at, policies):
    del policies

    def setter(name, text):
        return lambda: services.set_parameter(
            by=SYSTEM, at=at, code=RENT, name=name, text=text, source="测试文件"
        )

    assert at_once(setter("rent_doctor", "100"), setter("rent_master", "200")) == []
    newest = PackVersion.objects.first()
    assert newest.number == 3
    assert {name: one["value"] for name, one in newest.settings.items()} == {
        "rent_doctor": "100",
        "rent_master": "200",
    }
