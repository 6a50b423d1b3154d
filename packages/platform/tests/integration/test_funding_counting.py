"""What a payment changes in the facts, and what a bureau or a subject may change after it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from liudu.platform.actors import SYSTEM
from liudu.platform.funding import queries, services
from liudu.platform.funding.effects import facts_counted
from liudu.platform.funding.models import FactRow, Grant, PaymentOrder, Subject
from liudu.platform.funding.services.facts import CountedSinceError, HeldByBureauError

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]

CITY = Path(__file__).parents[4] / "cities" / "suzhou" / "policies"
RENT = "suzhou-graduate-rent"
START = datetime(2026, 2, 5, 2, tzinfo=UTC)
DAY = timedelta(days=1)
FACTS = {
    "degree": "博士",
    "full_time": "是",
    "studied_abroad": "否",
    "graduated_date": "2025-06-30",
    "arrived_date": "2025-08-01",
    "first_insured_date": "2025-08-15",
    "insured_six_months_date": "2026-01-31",
    "owns_home": "否",
    "civil_servant": "否",
    "works_in_ai_or_quantum": "否",
    "insured_this_quarter": "是",
    "claimed": "是",
    "first_claim_paid": "否",
    "months_paid": "0",
    "rent_paid": "0",
}


def table(at, *, bureau="市人社局", **told):
    """Import one person's facts, as they were observed on the day."""
    row = {"subject": "P1", **{name: value for name, value in told.items() if value is not None}}
    content = ",".join(row) + "\n" + ",".join(row.values()) + "\n"
    return services.import_facts(
        by=SYSTEM, at=at, file_name="t.csv", content=content.encode(), kind="person", bureau=bureau
    )


@pytest.fixture
def city(tmp_path):
    """Load the rent policy of an office that also lets first claims be paid from here."""

    def make(**told):
        text = (CITY / "graduate-rent.yaml").read_text(encoding="utf-8")
        paid_here = text.replace("    when:\n", "    automatic: true\n    when:\n", 1)
        (tmp_path / "rent.yaml").write_text(paid_here, encoding="utf-8")
        report = services.load_policies(by=SYSTEM, at=START, folder=tmp_path)
        assert not report.refused
        table(START, **(FACTS | told))
        return Subject.objects.get(ref="P1")

    return make


def ordered(at, rule):
    """Deliver a rule's period up to the treasury; return the grant, if there is one."""
    version = queries.version_of(RENT, on=at.date())
    batch = services.open_batch(
        by=SYSTEM, at=at, version=version, rule=rule, on=at.date(), sample_share=0.0
    )
    services.match_batch(by=SYSTEM, at=at, batch=batch)
    for grant in batch.grants.filter(state=Grant.State.REVIEW):
        services.approve_grant(by=SYSTEM, at=at, grant=grant)
    batch.refresh_from_db()
    services.notify_batch(by=SYSTEM, at=at, batch=batch)
    for grant in batch.grants.filter(state=Grant.State.NOTIFIED):
        services.confirm_account(
            by=SYSTEM, at=at, grant=grant, holder="甲", bank="苏州银行", number="6222000011112222"
        )
    services.order_payments(by=SYSTEM, at=at, batch=batch)
    return batch.grants.first()


def settled(at, grant, kind="payment"):
    services.export_orders(by=SYSTEM, at=at)
    order = PaymentOrder.objects.filter(grant=grant, kind=kind).latest("pk")
    services.settle_order(by=SYSTEM, at=at, order=order, reference="T1")
    return order


def paid(at, rule="rent-first-claim"):
    grant = ordered(at, rule)
    settled(at, grant)
    return grant


def recovered(at, grant, amount_fen):
    services.recover_grant(by=SYSTEM, at=at, grant=grant, amount_fen=amount_fen, reason="多发")
    settled(at, grant, "recovery")


def corrected(at, grant, amount_fen):
    objection = services.raise_objection(by=SYSTEM, at=at, grant=grant, text="金额不对")
    services.answer_objection(
        by=SYSTEM, at=at, objection=objection, upheld=True, answer="更正", amount_fen=amount_fen
    )


def known(subject):
    """Return what stands of the facts that the rent's payments change."""
    live = {row.name: row.value for row in queries.live_facts([subject])}
    return tuple(live.get(name) for name in ("first_claim_paid", "months_paid", "rent_paid"))


BEFORE = ("false", "0", "0")
AFTER = ("true", "6", "900000")


def test_a_settled_payment_changes_the_facts_that_the_policy_names(city):
    subject = city()
    grant = ordered(START, "rent-first-claim")
    assert known(subject) == BEFORE
    order = settled(START + DAY, grant)
    assert known(subject) == AFTER
    row = queries.live_facts([subject]).get(name="months_paid")
    assert (row.origin, row.document) == (FactRow.Origin.PLATFORM, order.idempotency_key)
    assert row.observed_date == (START + DAY).date()
    assert row.supersedes.value == "0"
    event = grant.events.get(kind="counted")
    assert "已发放月数 0 → 6" in event.zh
    assert "first claim already paid no → yes" in event.en


def test_what_is_settled_twice_counts_once(city):
    subject = city()
    grant = ordered(START, "rent-first-claim")
    for _ in range(3):
        settled(START + DAY, grant)
    assert known(subject) == AFTER
    assert FactRow.objects.filter(origin=FactRow.Origin.PLATFORM).count() == 3
    assert grant.events.filter(kind="counted").count() == 1


def test_part_of_it_back_changes_the_money_and_all_of_it_back_everything(city):
    subject = city()
    grant = paid(START)
    recovered(START + DAY, grant, 150_000)
    assert known(subject) == ("true", "6", "750000")
    recovered(START + 2 * DAY, grant, 750_000)
    assert known(subject) == BEFORE
    assert "6 → 0" in grant.events.filter(kind="counted").latest("pk").zh


def test_what_was_taken_back_by_mistake_and_is_paid_again_counts_again(city):
    subject = city()
    grant = paid(START)
    recovered(START + DAY, grant, 900_000)
    corrected(START + 2 * DAY, grant, 600_000)
    settled(START + 3 * DAY, grant, "supplement")
    assert known(subject) == ("true", "6", "600000")
    corrected(START + 4 * DAY, grant, 0)
    settled(START + 5 * DAY, grant, "recovery")
    assert known(subject) == BEFORE


def test_a_supplement_changes_the_money_only(city):
    subject = city()
    grant = paid(START)
    corrected(START + DAY, grant, 1_000_000)
    settled(START + 2 * DAY, grant, "supplement")
    assert known(subject) == ("true", "6", "1000000")


def test_a_recovery_that_is_carried_out_before_its_payment_counts_nothing(city):
    subject = city()
    grant = ordered(START, "rent-first-claim")
    services.recover_grant(by=SYSTEM, at=START, grant=grant, amount_fen=900_000, reason="错发")
    settled(START + DAY, grant, "recovery")
    settled(START + 2 * DAY, grant, "payment")
    assert known(subject)[:2] == BEFORE[:2]


def test_what_a_bureau_told_after_the_payment_is_not_taken_back(city):
    subject = city()
    grant = paid(START)
    table(START + 3 * DAY, first_claim_paid="是", months_paid="7")
    recovered(START + 5 * DAY, grant, 900_000)
    assert known(subject) == ("true", "1", "0")


def test_a_sum_that_nobody_knew_stays_unknown_and_the_grant_says_so(city):
    subject = city(months_paid=None)
    grant = paid(START)
    assert known(subject) == ("true", "", "900000")
    assert "已发放月数 未知（无法累计" in grant.events.get(kind="counted").zh
    early = table(START, months_paid="0")
    assert early.problem_count == 1
    table(START + DAY, months_paid="6")
    assert known(subject)[1] == "6"


def test_a_sum_that_the_fact_cannot_hold_is_unknown_and_never_another_number(city):
    subject = city(months_paid="118")
    paid(START)
    assert known(subject) == ("true", "", "900000")


@pytest.mark.parametrize("days", [-3, 0])
def test_a_table_from_before_the_payment_undoes_nothing(city, days):
    subject = city()
    paid(START + 5 * DAY)
    seen = (START + (5 + days) * DAY).date().isoformat()
    run = table(
        START + 6 * DAY,
        first_claim_paid="否",
        **{"first_claim_paid.observed": seen},
        months_paid="0",
        **{"months_paid.observed": seen},
        rent_paid="0",
        **{"rent_paid.observed": seen},
        owns_home="是",
    )
    assert known(subject) == AFTER
    assert queries.live_facts([subject]).get(name="owns_home").value == "true"
    assert (run.problem_count, run.fact_count) == (3, 1)
    problem = next(one for one in run.problems if one["column"] == "months_paid")
    assert (problem["line"], problem["subject"]) == (2, "P1")
    assert "2026-02-10 的付款" in problem["zh"]
    assert "observed after 2026-02-10" in problem["en"]


def test_a_table_from_after_the_payment_wins_and_an_older_one_still_does_not(city):
    subject = city()
    paid(START)
    table(START + 3 * DAY, months_paid="5")
    assert known(subject)[1] == "5"
    late = table(START + 4 * DAY, months_paid="0", **{"months_paid.observed": "2026-02-04"})
    assert late.problem_count == 1
    assert known(subject)[1] == "5"


def test_a_table_that_says_what_was_counted_is_no_problem(city):
    city()
    paid(START)
    run = table(START, months_paid="6", first_claim_paid="是")
    assert (run.problem_count, run.fact_count) == (0, 0)


def test_an_officer_enters_nothing_from_before_the_payment_either(city):
    subject = city()
    paid(START)
    entry = {"by": SYSTEM, "subject": subject, "name": "months_paid", "text": "3"}
    with pytest.raises(CountedSinceError, match="2026-02-05"):
        services.enter_fact(at=START + DAY, observed_date=START.date(), **entry)
    services.enter_fact(at=START + DAY, **entry)
    assert known(subject)[1] == "3"


def test_nobody_says_of_himself_what_a_bureau_or_a_payment_has_told(city):
    subject = city()
    paid(START)
    say = {"by": SYSTEM, "at": START + 50 * DAY, "subject": subject}
    for name, text in (("months_paid", "0"), ("first_claim_paid", "否"), ("owns_home", "否"),
                       ("works_in_ai_or_quantum", "是"), ("rent_paid", "")):  # fmt: skip
        with pytest.raises(HeldByBureauError):
            services.declare_fact(name=name, text=text, **say)
    assert known(subject) == AFTER
    say["at"] = START + 101 * DAY  # what the bureau told of the home has grown old
    services.declare_fact(name="owns_home", text="否", **say)
    assert queries.live_facts([subject]).get(name="owns_home").origin == FactRow.Origin.DECLARED


def test_what_a_payment_wrote_is_found_from_its_grants(city):
    city()
    grant = paid(START)
    assert {row.name for row in facts_counted([grant])} == {
        "first_claim_paid",
        "months_paid",
        "rent_paid",
    }
    assert facts_counted([]) == []
