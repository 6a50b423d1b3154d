"""Policies are loaded, facts arrive, a benefit is delivered: once."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from django.db import DatabaseError, transaction

from liudu.platform.actors import SYSTEM
from liudu.platform.audit.models import Line
from liudu.platform.funding import queries, services
from liudu.platform.funding.decisions import BadSettingError
from liudu.platform.funding.models import (
    FactRow,
    Grant,
    PackVersion,
    PaymentOrder,
    Subject,
    WrittenForGoodError,
)
from liudu.platform.funding.packs import pack_of
from liudu.platform.funding.services.delivery import (
    OpenMattersError,
    WrongStageError,
    WrongStateError,
)
from liudu.platform.funding.services.facts import ColumnsError, UnreadableTableError
from liudu.platform.funding.services.payments import NothingToRecoverError
from liudu.platform.funding.services.policies import SourceNeededError

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]

CITY = Path(__file__).parents[4] / "cities" / "suzhou" / "policies"
RENT = "suzhou-graduate-rent"
DUE = {
    "first_claim_paid": "是",
    "degree": "博士",
    "insured_this_quarter": "是",
    "owns_home": "否",
    "civil_servant": "否",
    "works_in_ai_or_quantum": "是",
    "months_paid": "6",
    "rent_paid": "9000",
}


@pytest.fixture
def policies(at):
    return services.load_policies(by=SYSTEM, at=at, folder=CITY)


@pytest.fixture
def graduate(at, policies, person):
    del policies

    def make(email, **facts):
        subject = services.subject_for_user(at=at, user=person(email))
        for name, text in (DUE | facts).items():
            services.enter_fact(by=SYSTEM, at=at, subject=subject, name=name, text=text)
        return subject

    return make


@pytest.fixture
def delivery(at, policies):
    del policies

    def make(**more):
        version = queries.version_of(RENT, on=at.date())
        return services.open_batch(
            by=SYSTEM,
            at=at,
            version=version,
            rule="rent-renewal",
            on=at.date(),
            **{"sample_share": 0.0, **more},
        )

    return make


def step(name, at, batch, **more):
    batch.refresh_from_db()
    return getattr(services, name)(by=SYSTEM, at=at, batch=batch, **more)


def confirm(at, grant):
    return services.confirm_account(
        by=SYSTEM, at=at, grant=grant, holder="李雷", bank="苏州银行", number="6222 0000 1111 2222"
    )


def test_the_citys_policies_load_and_a_second_time_change_nothing(at, policies):
    assert len(policies.loaded) == 10
    assert not policies.refused
    again = services.load_policies(by=SYSTEM, at=at, folder=CITY)
    assert not again.loaded
    assert len(again.unchanged) == 10
    assert Line.objects.filter(verb="funding.policy.loaded").count() == 10


def test_a_pack_with_an_error_is_refused_with_line_and_column(at, tmp_path):
    good = (CITY / "graduate-rent.yaml").read_text(encoding="utf-8")
    (tmp_path / "bad.yaml").write_text(good.replace("not owns_home", "not owns_hme", 1), "utf-8")
    (tmp_path / "good.yaml").write_text(good, encoding="utf-8")
    report = services.load_policies(by=SYSTEM, at=at, folder=tmp_path)
    assert [one.code for one in report.loaded] == [RENT]
    assert "bad.yaml:150:19" in str(report.refused["bad.yaml"])
    assert "owns_hme" in report.refused["bad.yaml"].say("zh")


def test_a_pack_whose_own_tests_fail_is_refused(at, tmp_path):
    text = (CITY / "graduate-rent.yaml").read_text(encoding="utf-8")
    wrong = text.replace("amount_yuan: 4500}}", "amount_yuan: 4501}}", 1)
    (tmp_path / "rent.yaml").write_text(wrong, encoding="utf-8")
    report = services.load_policies(by=SYSTEM, at=at, folder=tmp_path)
    assert "expected ¥4,501, found ¥4,500" in str(report.refused["rent.yaml"])
    assert not PackVersion.objects.exists()


def test_a_stored_version_cannot_be_changed_even_past_the_models(policies):
    version = policies.loaded[0]
    with pytest.raises(WrittenForGoodError):
        version.save()
    with pytest.raises(WrittenForGoodError):
        version.delete()
    with pytest.raises(DatabaseError), transaction.atomic():
        PackVersion.objects.filter(pk=version.pk).update(text="other")


def test_an_open_parameter_is_set_with_its_source_in_a_new_version(at, policies, organisation):
    del policies
    on = at.date()
    before = queries.version_of("suzhou-ai-news", on=on)
    assert "compute_rate" in {one.name for one in queries.open_in(before, on=on)}
    subject = services.subject_for_organisation(at=at, organisation=organisation())
    services.enter_fact(by=SYSTEM, at=at, subject=subject, name="compute_spend", text="1000000")

    def said():
        found = queries.benefits_of(subject, kind="enterprise", on=on)
        return next(one.said for one in found if one.said.rule.name == "compute-year")

    assert said().status == "unknown"
    assert said().open_parameters == ("compute_rate",)
    given = {"by": SYSTEM, "at": at, "code": "suzhou-ai-news", "name": "compute_rate"}
    with pytest.raises(SourceNeededError):
        services.set_parameter(**given, text="0.2", source="")
    with pytest.raises(BadSettingError):
        services.set_parameter(**given, text="1.2", source="苏数据〔2026〕1号")
    version = services.set_parameter(**given, text="0.2", source="苏数据〔2026〕1号")
    assert version.number == before.number + 1
    assert said().amount_fen == 20_000_000
    yesterday = queries.version_of("suzhou-ai-news", on=on - timedelta(days=1))
    assert yesterday.pk == before.pk


def test_a_clause_is_checked_by_somebody_until_it_reads_differently(at, policies, tmp_path):
    del policies
    version = queries.version_of(RENT, on=at.date())
    services.check_clause(
        by=SYSTEM, at=at, version=version, rule="rent-renewal", compared_with="苏人社〔2025〕3号"
    )
    assert set(queries.checked_rules(version)) == {"rent-renewal"}
    text = (CITY / "graduate-rent.yaml").read_text(encoding="utf-8")
    (tmp_path / "rent.yaml").write_text(
        text.replace("续发免申即享，2", "续发，2"), encoding="utf-8"
    )
    services.load_policies(by=SYSTEM, at=at, folder=tmp_path)
    assert not queries.checked_rules(queries.version_of(RENT, on=at.date()))


def test_a_newer_fact_supersedes_the_older_one_which_stays(at, graduate):
    subject = graduate("a@example.com")
    services.enter_fact(by=SYSTEM, at=at, subject=subject, name="months_paid", text="9")
    live = queries.live_facts([subject]).get(name="months_paid")
    assert live.value == "9"
    assert live.supersedes.value == "6"
    with pytest.raises(DatabaseError), transaction.atomic():
        FactRow.objects.filter(pk=live.pk).update(value="36")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_a_table_of_facts_is_taken_row_by_row_whatever_it_was_saved_as(at, policies, encoding):
    del policies
    text = (
        "subject,name,degree,owns_home,months_paid,months_paid.observed\r\n"
        "P1,王一,博士,否,6,2026/11/01\r\n"
        "P2,王二,博士后,否,6,2026-11-01\r\n"
        "P1,王一,博士,否,6,2026/11/01\r\n"
        "P3,王三,硕士,也许,,\r\n"
        ",,,,,\r\n"
        "P4,王四,,否,六,2027-01-01\r\n"
        "P5,王五,本科\r\n"
    )
    run = services.import_facts(
        by=SYSTEM,
        at=at,
        file_name="facts.csv",
        content=text.encode(encoding),
        kind="person",
        bureau="市人社局",
    )
    assert (run.row_count, run.taken_count, run.fact_count) == (6, 1, 3)
    assert [(one["line"], one["column"]) for one in run.problems] == [
        (3, "degree"),
        (4, "subject"),
        (5, "owns_home"),
        (7, "months_paid"),
        (8, ""),
    ]
    observed = queries.live_facts(Subject.objects.filter(ref="P1")).get(name="months_paid")
    assert observed.observed_date == date(2026, 11, 1)


def test_the_same_table_twice_adds_no_fact(at, policies):
    del policies
    sent = {
        "by": SYSTEM,
        "at": at,
        "file_name": "facts.csv",
        "content": "subject,degree\nP1,博士\n".encode(),
        "kind": "person",
        "bureau": "学信网",
    }
    assert services.import_facts(**sent).fact_count == 1
    assert services.import_facts(**sent).fact_count == 0


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"\xff\xfe\x00\x01", UnreadableTableError),
        (b"degree\n1\n", ColumnsError),
        (b"subject,degree,degree\nP1,a,b\n", ColumnsError),
        (b"subject,wealth\nP1,9\n", ColumnsError),
        (b"", ColumnsError),
        (b'subject,degree\n"P1,x\n', UnreadableTableError),
    ],
)
def test_a_table_that_is_none_is_refused_as_a_whole(at, policies, content, error):
    del policies
    with pytest.raises(error):
        services.import_facts(
            by=SYSTEM, at=at, file_name="x.csv", content=content, kind="person", bureau="局"
        )
    assert not Subject.objects.exists()


def test_what_somebody_says_of_himself_shows_but_does_not_pay(at, graduate, delivery):
    subject = graduate("a@example.com", owns_home="")
    services.declare_fact(by=SYSTEM, at=at, subject=subject, name="owns_home", text="否")
    found = queries.benefits_of(subject, kind="person", on=at.date())
    card = next(one for one in found if one.said.rule.name == "rent-renewal")
    assert card.said.status == "eligible"
    assert card.declared
    batch = step("match_batch", at, delivery())
    assert (batch.eligible_count, batch.unknown_count) == (0, 1)


def test_the_questions_begin_with_what_decides_most(at, graduate):
    subject = graduate("a@example.com", owns_home="", months_paid="")
    answer = queries.answer_for(subject, kind="person", on=at.date())
    assert answer.questions
    scores = [one.decided for one in answer.questions]
    assert scores == sorted(scores, reverse=True)
    first = answer.questions[0].fact.name
    later = queries.answer_for(subject, kind="person", on=at.date(), skip=frozenset({first}))
    assert first not in {one.fact.name for one in later.questions}


def test_a_benefit_goes_from_match_to_archive(at, graduate, delivery):
    subject = graduate("a@example.com")
    graduate("b@example.com", owns_home="是")
    graduate("c@example.com", owns_home="")
    batch = step("match_batch", at, delivery())
    assert (batch.subject_count, batch.eligible_count, batch.unknown_count) == (3, 1, 1)
    grant = batch.grants.get()
    assert (grant.subject, grant.amount_fen, grant.period) == (subject, 450_000, "2026-11")
    with pytest.raises(WrongStageError):
        step("publish_batch", at, batch)
    step("notify_batch", at, batch)
    confirm(at, grant)
    assert step("order_payments", at, batch) == 1
    assert step("order_payments", at, batch) == 0
    step("publish_batch", at, batch)
    with pytest.raises(OpenMattersError):
        step("archive_batch", at, batch)
    table = services.export_orders(by=SYSTEM, at=at).text
    assert "4500.00" in table
    assert "liudu:payment:suzhou-graduate-rent:rent-renewal:2026-11" in table
    assert services.export_orders(by=SYSTEM, at=at) is None
    services.settle_order(by=SYSTEM, at=at, order=PaymentOrder.objects.get(), reference="T1")
    services.settle_order(by=SYSTEM, at=at, order=PaymentOrder.objects.get(), reference="T1")
    grant.refresh_from_db()
    assert grant.state == Grant.State.PAID
    assert step("archive_batch", at, batch).archived_at == at
    assert [one.kind for one in grant.events.all()] == [
        "notified",
        "confirmed",
        "ordered",
        "paid",
        "counted",
    ]


def test_a_batch_keeps_its_pack_though_another_is_loaded_meanwhile(at, graduate, delivery):
    graduate("a@example.com")
    batch = delivery()
    services.set_parameter(
        by=SYSTEM, at=at, code=RENT, name="rent_doctor", text="100", source="测试文件"
    )
    assert step("match_batch", at, batch).grants.get().amount_fen == 450_000
    assert delivery().pk == batch.pk


def test_a_determination_computes_to_the_same_again(at, graduate, delivery):
    graduate("a@example.com")
    batch = step("match_batch", at, delivery())
    services.set_parameter(
        by=SYSTEM, at=at, code=RENT, name="rent_doctor", text="100", source="测试文件"
    )
    determination = batch.grants.get().determination
    again = queries.recompute(determination)
    assert again.same
    assert again.said.amount_fen == 450_000
    with pytest.raises(WrittenForGoodError):
        determination.save()


def test_the_risk_sample_waits_for_a_person(at, graduate, delivery):
    graduate("a@example.com")
    graduate("b@example.com")
    batch = step("match_batch", at, delivery(sample_share=1.0))
    first, second = batch.grants.order_by("pk")
    assert {first.state, second.state} == {Grant.State.REVIEW}
    step("notify_batch", at, batch)
    with pytest.raises(WrongStateError):
        confirm(at, first)
    services.approve_grant(by=SYSTEM, at=at, grant=first)
    services.refuse_grant(by=SYSTEM, at=at, grant=second, reason="房产登记有误")
    confirm(at, first)
    assert step("order_payments", at, batch) == 1


def test_an_upheld_objection_pays_the_difference_never_twice(at, graduate, delivery):
    graduate("a@example.com")
    batch = step("match_batch", at, delivery())
    step("notify_batch", at, batch)
    grant = batch.grants.get()
    confirm(at, grant)
    step("order_payments", at, batch)
    objection = services.raise_objection(by=SYSTEM, at=at, grant=grant, text="应为四个月")
    answer = {"by": SYSTEM, "at": at, "objection": objection, "upheld": True, "answer": "属实"}
    services.answer_objection(**answer, amount_fen=600_000)
    with pytest.raises(WrongStateError):
        services.answer_objection(**answer, amount_fen=600_000)
    orders = dict(grant.orders.values_list("kind", "amount_fen"))
    assert orders == {"payment": 450_000, "supplement": 150_000}
    given = {"by": SYSTEM, "at": at, "grant": grant, "reason": "重复享受"}
    services.recover_grant(**given, amount_fen=600_000)
    with pytest.raises(NothingToRecoverError):
        services.recover_grant(**given, amount_fen=1)


def test_who_gives_up_is_not_paid(at, graduate, delivery):
    graduate("a@example.com")
    batch = step("match_batch", at, delivery())
    step("notify_batch", at, batch)
    services.opt_out(by=SYSTEM, at=at, grant=batch.grants.get())
    assert step("order_payments", at, batch) == 0


def test_simulated_people_are_never_in_a_real_delivery(at, policies, delivery, district, sector):
    del policies, district, sector
    made = services.simulate_subjects(by=SYSTEM, at=at, kind="person", count=60)
    assert len(made) == 60
    assert not services.simulate_subjects(by=SYSTEM, at=at, kind="person", count=60)
    assert step("match_batch", at, delivery()).subject_count == 0
    tried = step("match_batch", at, delivery(simulated=True))
    assert tried.subject_count == 60
    assert tried.eligible_count > 0


def test_a_budget_is_served_in_its_order(at, tmp_path):
    text = (CITY / "graduate-rent.yaml").read_text(encoding="utf-8")
    budget = (
        "  purse:\n    title: 预算\n    rules: [rent-renewal]\n    limit: purse\n"
        "    per: programme\n    order: [months_paid]\n"
    )
    purse = "  purse: {type: money, unit: yuan, label: 预算, values: {2025-03-27: 10000}}\n"
    text = text.replace("budgets:\n", "budgets:\n" + budget).replace(
        "definitions:\n", purse + "\ndefinitions:\n"
    )
    (tmp_path / "rent.yaml").write_text(text, encoding="utf-8")
    report = services.load_policies(by=SYSTEM, at=at, folder=tmp_path)
    assert not report.refused
    rows = "".join(f"P{i},博士,是,是,否,否,是,{9 + i * 3},0\n" for i in range(3))
    header = (
        "subject,degree,first_claim_paid,insured_this_quarter,owns_home,civil_servant,"
        "works_in_ai_or_quantum,months_paid,rent_paid\n"
    )
    services.import_facts(
        by=SYSTEM,
        at=at,
        file_name="x.csv",
        content=(header + rows).encode(),
        kind="person",
        bureau="局",
    )
    batch = services.open_batch(
        by=SYSTEM,
        at=at,
        version=report.loaded[0],
        rule="rent-renewal",
        on=at.date(),
        sample_share=0.0,
    )
    batch = services.match_batch(by=SYSTEM, at=at, batch=batch)
    states = dict(batch.grants.values_list("subject__ref", "state"))
    assert states == {"P0": "matched", "P1": "matched", "P2": "no_budget"}
    assert batch.turned_away_count == 1


def test_a_day_without_payment_is_refused(at, policies):
    del policies
    version = queries.version_of(RENT, on=at.date())
    assert pack_of(version).rules["rent-renewal"].payment_months == (2, 5, 8, 11)
    with pytest.raises(Exception, match="2、5、8、11"):
        services.open_batch(
            by=SYSTEM,
            at=datetime(2026, 12, 1, tzinfo=UTC),
            version=version,
            rule="rent-renewal",
            on=date(2026, 12, 1),
        )
