"""What a payment changes in the facts, and what a bureau or a subject may change after it."""

import pytest
from graduates import DAY, START, arrives, corrected, ordered, paid, recovered, settled, table

from liudu.platform.actors import SYSTEM
from liudu.platform.funding import queries, services
from liudu.platform.funding.effects import facts_counted
from liudu.platform.funding.models import FactRow
from liudu.platform.funding.services.facts import CountedSinceError, HeldByBureauError

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]


@pytest.fixture
def city(tmp_path):
    return lambda **told: arrives(tmp_path, **told)


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


def test_who_was_paid_reads_on_the_determination_what_was_counted(city, client, person):
    subject = city()
    subject.user = person("graduate@example.com")
    subject.save()
    client.force_login(subject.user)
    grant = ordered(START, "rent-first-claim")
    page = f"/funding/determinations/{grant.determination.key}/"
    before = client.get(page).content.decode()
    assert "已发放月数 + 6" in before
    settled(START, grant)
    after = client.get(page).content.decode()
    row = queries.live_facts([subject]).get(name="months_paid")
    assert f"who=me#fact-{row.pk}" in after
    assert f'id="fact-{row.pk}"' in client.get("/funding/facts/?who=me").content.decode()
