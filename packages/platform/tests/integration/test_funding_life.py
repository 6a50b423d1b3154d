"""A graduate's rent from the first claim to the last month, without asking anybody between."""

from datetime import UTC, datetime

import pytest
from graduates import START, arrives, ordered, paid, recovered, settled, table

from liudu.platform.actors import SYSTEM
from liudu.platform.funding import queries, services
from liudu.platform.funding.models import Grant
from liudu.platform.funding.services.payments import net_fen

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]

MONTH_FEN = 150_000
QUARTERS = [
    datetime(year, month, 10, 2, tzinfo=UTC)
    for year in (2026, 2027, 2028, 2029)
    for month in (2, 5, 8, 11)
][1:]


def renewed(at):
    """Tell the quarter's insurance and home, and deliver the renewal; None if there is none."""
    table(at, insured_this_quarter="是", owns_home="否")
    grant = ordered(at, "rent-renewal")
    if grant is not None:
        settled(at, grant)
    return grant


def months_of(subject):
    return queries.live_facts([subject]).get(name="months_paid").value


def paid_fen(subject):
    return sum(net_fen(one) for one in Grant.objects.filter(subject=subject))


@pytest.mark.parametrize(
    ("told", "renewals", "months"),
    [
        ({}, [3] * 6, 24),
        ({"works_in_ai_or_quantum": "是"}, [3] * 10, 36),
        ({"months_paid": "1", "rent_paid": "1500"}, [3] * 5 + [2], 23),
        ({"months_paid": "17", "rent_paid": "25500"}, [1], 7),
    ],
)
def test_a_life_ends_when_its_months_are_used_up(tmp_path, told, renewals, months):
    subject = arrives(tmp_path, **told)
    assert paid(START).amount_fen == 6 * MONTH_FEN
    given = [renewed(at) for at in QUARTERS[: len(renewals) + 2]]
    assert [one and one.amount_fen // MONTH_FEN for one in given] == [*renewals, None, None]
    assert paid_fen(subject) == months * MONTH_FEN
    assert int(months_of(subject)) == months + int(told.get("months_paid", 0))
    live = {row.name: row.value for row in queries.live_facts([subject])}
    assert live["first_claim_paid"] == "true"
    assert live["rent_paid"] == str(int(told.get("rent_paid", 0)) * 100 + months * MONTH_FEN)


def test_a_first_claim_is_paid_once_though_it_is_delivered_every_quarter(tmp_path):
    subject = arrives(tmp_path)
    for at in (START, *QUARTERS[:3]):
        table(at, owns_home="否")
        grant = ordered(at, "rent-first-claim")
        if grant is not None:
            settled(at, grant)
    assert Grant.objects.filter(subject=subject).count() == 1


def test_what_is_taken_back_in_the_middle_may_be_had_later(tmp_path):
    subject = arrives(tmp_path)
    paid(START)
    second = [renewed(at) for at in QUARTERS[:2]][1]
    assert months_of(subject) == "12"
    recovered(QUARTERS[1], second, second.amount_fen)
    assert months_of(subject) == "9"
    later = [renewed(at) for at in QUARTERS[2:9]]
    assert [one and one.amount_fen // MONTH_FEN for one in later] == [3, 3, 3, 3, 3, None, None]
    assert months_of(subject) == "24"
    assert paid_fen(subject) == 24 * MONTH_FEN


def test_a_part_that_is_taken_back_gives_no_month_back(tmp_path):
    subject = arrives(tmp_path)
    paid(START)
    first = renewed(QUARTERS[0])
    recovered(QUARTERS[0], first, MONTH_FEN)
    later = [renewed(at) for at in QUARTERS[1:8]]
    assert sum(one is not None for one in later) == 5
    assert months_of(subject) == "24"
    assert paid_fen(subject) == 23 * MONTH_FEN


YEARLY = """
pack: yearly
version: "1"
title: 年度补贴
facts:
  registered: {type: bool, label: 在册, bureau: 局}
  paid_this_year: {type: money, unit: yuan, label: 本年已付, bureau: 局, max: 1000000}
rules:
  quarter:
    title: 季度补贴
    clause: 每季 2,000 元，全年不超过 5,000 元。
    bureau: 局
    subject: person
    automatic: true
    payment_months: [3, 6, 9, 12]
    when: [{atom: registered, say: 在册}]
    amount: yuan(2000)
    tests:
      - {given: {registered: true}, expect: {status: eligible, amount_yuan: 2000}}
      - {given: {registered: false}, expect: {status: ineligible}}
budgets:
  year: {title: 每人每年, rules: [quarter], limit: yuan(5000), per: subject_year, paid: paid_this_year}
"""  # noqa: E501


def test_a_years_limit_begins_anew_with_the_year(tmp_path):
    (tmp_path / "yearly.yaml").write_text(YEARLY, encoding="utf-8")
    assert not services.load_policies(by=SYSTEM, at=START, folder=tmp_path).refused
    table(START, bureau="局", registered="是", paid_this_year="0")
    found = []
    for year in (2026, 2027, 2028):
        for month in (3, 6, 9, 12):
            at = datetime(year, month, 10, 2, tzinfo=UTC)
            grant = ordered(at, "quarter", code="yearly")
            if grant is not None:
                settled(at, grant)
            found.append(grant and grant.amount_fen // 100)
    assert found == [2000, 2000, 1000, None] * 3


def test_what_is_settled_in_january_counts_for_the_new_year(tmp_path):
    (tmp_path / "yearly.yaml").write_text(YEARLY, encoding="utf-8")
    services.load_policies(by=SYSTEM, at=START, folder=tmp_path)
    table(START, bureau="局", registered="是", paid_this_year="4000")
    grant = ordered(datetime(2026, 12, 20, 2, tzinfo=UTC), "quarter", code="yearly")
    assert grant.amount_fen == 100_000
    settled(datetime(2027, 1, 8, 2, tzinfo=UTC), grant)
    row = queries.live_facts([grant.subject]).get(name="paid_this_year")
    assert (row.value, row.valid_to.isoformat()) == ("100000", "2027-12-31")


def two_quarters(folder, months_paid):
    """Order the renewals of February and May before the treasury has paid the first."""
    arrives(folder, first_claim_paid="是", months_paid=months_paid, rent_paid="0")
    first = ordered(START, "rent-renewal")
    table(QUARTERS[0], insured_this_quarter="是", owns_home="否")
    second = ordered(QUARTERS[0], "rent-renewal")
    assert (first.state, first.amount_fen) == (Grant.State.ORDERED, 3 * MONTH_FEN)
    assert second.amount_fen == 3 * MONTH_FEN
    return first, second


def order_again(grant, at):
    count = services.order_payments(by=SYSTEM, at=at, batch=grant.batch)
    grant.refresh_from_db()
    return count


@pytest.mark.parametrize(
    ("months_paid", "state", "second_months", "kinds"),
    [
        ("20", Grant.State.ORDERED, 1, ["waits", "corrected", "ordered"]),
        ("21", Grant.State.REFUSED, 3, ["waits", "refused"]),
    ],
)
def test_a_quarter_waits_for_the_one_before_and_is_determined_anew(
    tmp_path, months_paid, state, second_months, kinds
):
    first, second = two_quarters(tmp_path, months_paid)
    assert second.state == Grant.State.CONFIRMED
    assert order_again(second, QUARTERS[0]) == 0
    settled(QUARTERS[0], first)
    assert order_again(second, QUARTERS[0]) == int(state == Grant.State.ORDERED)
    assert (second.state, second.amount_fen) == (state, second_months * MONTH_FEN)
    assert [one.kind for one in second.events.all()][-len(kinds) :] == kinds
    assert queries.recompute(second.determination).same
    if state == Grant.State.ORDERED:
        settled(QUARTERS[0], second)
        assert int(months_of(second.subject)) == int(months_paid) + 3 + second_months
    assert order_again(second, QUARTERS[0]) == 0


def test_a_quarter_that_is_the_same_after_the_one_before_does_not_wait(tmp_path):
    first, second = two_quarters(tmp_path, "6")
    assert second.state == Grant.State.ORDERED
    for grant in (second, first):  # the treasury may carry them out in any order
        settled(QUARTERS[0], grant)
    assert months_of(second.subject) == "12"


def test_a_quarter_waits_while_a_number_that_it_needs_is_unknown(tmp_path):
    first, second = two_quarters(tmp_path, "20")
    services.enter_fact(
        by=SYSTEM, at=QUARTERS[0], subject=first.subject, name="months_paid", text=""
    )
    settled(QUARTERS[0], first)
    assert order_again(second, QUARTERS[0]) == 0
    assert "请部门补报" in second.events.last().zh
    table(QUARTERS[1], months_paid="23")
    assert order_again(second, QUARTERS[1]) == 1
    assert second.amount_fen == MONTH_FEN


def test_what_another_payment_leaves_of_a_years_limit_is_paid(tmp_path):
    (tmp_path / "yearly.yaml").write_text(YEARLY, encoding="utf-8")
    services.load_policies(by=SYSTEM, at=START, folder=tmp_path)
    table(START, bureau="局", registered="是", paid_this_year="2000")
    days = [datetime(2026, month, 10, 2, tzinfo=UTC) for month in (3, 6)]
    first, second = (ordered(at, "quarter", code="yearly") for at in days)
    settled(days[1], first)
    assert order_again(second, days[1]) == 1
    assert second.amount_fen == 100_000


def came_back(grant, at):
    """Have the treasury return a grant's payment."""
    services.export_orders(by=SYSTEM, at=at)
    order = grant.orders.get()
    services.return_order(by=SYSTEM, at=at, order=order, reason="账号已销户")
    grant.refresh_from_db()
    return order


def confirmed_again(grant, at):
    services.confirm_account(
        by=SYSTEM, at=at, grant=grant, holder="甲", bank="苏州银行", number="6222000099998888"
    )


@pytest.mark.parametrize("ended", ["closed", "opted_out"])
def test_a_quarter_waits_for_one_that_came_back_until_that_has_ended(tmp_path, ended):
    first, second = two_quarters(tmp_path, "20")
    at = QUARTERS[0]
    order = came_back(first, at)
    assert order_again(second, at) == 0
    if ended == "closed":
        services.close_order(by=SYSTEM, at=at, order=order, reason="联系不上")
    else:
        services.opt_out(by=SYSTEM, at=at, grant=first)
    assert order_again(second, at) == 1
    assert second.amount_fen == 3 * MONTH_FEN
    settled(at, second)
    assert months_of(second.subject) == "23"


def test_a_quarter_that_came_back_is_paid_before_the_one_after_it(tmp_path):
    first, second = two_quarters(tmp_path, "20")
    at = QUARTERS[0]
    came_back(first, at)
    confirmed_again(first, at)
    assert order_again(second, at) == 0
    assert order_again(first, at) == 1
    assert order_again(second, at) == 0
    settled(at, first)
    assert order_again(second, at) == 1
    assert second.amount_fen == MONTH_FEN


def test_of_two_quarters_that_came_back_neither_waits_for_ever(tmp_path):
    first, second = two_quarters(tmp_path, "18")
    at = QUARTERS[0]
    for grant in (first, second):
        came_back(grant, at)
        confirmed_again(grant, at)
    for grant in (second, first):
        assert order_again(grant, at) == 1
    for grant in (second, first):
        settled(at, grant)
    assert months_of(second.subject) == "24"
    assert set(second.orders.values_list("attempt", "state")) == {(2, "settled")}
