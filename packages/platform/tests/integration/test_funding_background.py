"""Large cities are matched by workers that may die; letters go out; payments become facts."""

from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from django.core import mail
from django_tasks_db.models import DBTaskResult

from liudu.platform.actors import SYSTEM, Actor
from liudu.platform.funding import letters, queries, services
from liudu.platform.funding.models import Batch, FactRow, Grant, PaymentOrder
from liudu.platform.funding.services import delivery, matching
from liudu.platform.funding.services.budgets import BudgetNotSetError
from liudu.platform.funding.services.matching import SILENT_MAX, go_on_matching
from liudu.platform.funding.services.payments import NetChangedError

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]

CITY = Path(__file__).parents[4] / "cities" / "suzhou" / "policies"
RENT = "suzhou-graduate-rent"
PEOPLE = 5
OFFICER = Actor(kind="person", key="U1", name="officer", organisation_key="O1")
ADDRESS = "https://liudu.example/"
HEADER = (
    "subject,degree,first_claim_paid,insured_this_quarter,owns_home,civil_servant,"
    "works_in_ai_or_quantum,months_paid,rent_paid\n"
)


@pytest.fixture
def opened(at):
    services.load_policies(by=SYSTEM, at=at, folder=CITY / "graduate-rent.yaml")
    rows = "".join(f"P{i},博士,是,是,否,否,是,6,9000\n" for i in range(PEOPLE))
    services.import_facts(
        by=SYSTEM,
        at=at,
        file_name="facts.csv",
        content=(HEADER + rows).encode(),
        kind="person",
        bureau="市人社局",
    )
    version = queries.version_of(RENT, on=at.date())
    return services.open_batch(
        by=SYSTEM, at=at, version=version, rule="rent-renewal", on=at.date(), sample_share=0.0
    )


@pytest.fixture
def large(monkeypatch):
    monkeypatch.setattr(matching, "AT_ONCE_MAX", 3)
    monkeypatch.setattr(delivery, "CHUNK", 2)


def waiting():
    return DBTaskResult.objects.filter(task_path__endswith="match_later").count()


def test_a_small_city_is_matched_at_once(at, opened):
    assert services.ask_matching(by=OFFICER, at=at, batch=opened).stage == Batch.Stage.MATCHED
    assert not waiting()


@pytest.mark.usefixtures("large")
def test_a_large_city_is_left_to_one_worker_however_often_it_is_asked_for(at, opened):
    for _ in range(3):
        batch = services.ask_matching(by=OFFICER, at=at, batch=opened)
        assert batch.stage == Batch.Stage.MATCHING
    assert waiting() == 1
    go_on_matching(batch_key=opened.key, now=lambda: at)
    opened.refresh_from_db()
    assert (opened.stage, opened.eligible_count) == (Batch.Stage.MATCHED, PEOPLE)
    assert opened.matching_until is None


@pytest.mark.usefixtures("large")
def test_what_a_dead_worker_left_is_gone_on_with_and_nobody_counts_twice(at, opened):
    services.ask_matching(by=OFFICER, at=at, batch=opened)
    real, calls = delivery.settle_together, []

    def dying(*args, **more):
        calls.append(1)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return real(*args, **more)

    with patch.object(delivery, "settle_together", dying), pytest.raises(KeyboardInterrupt):
        go_on_matching(batch_key=opened.key, now=lambda: at)
    opened.refresh_from_db()
    assert 0 < opened.subject_count < PEOPLE
    assert services.resume_matching(at=at) == 0
    late = at + SILENT_MAX + timedelta(seconds=1)
    assert services.resume_matching(at=late) == 1
    assert services.resume_matching(at=late) == 0
    go_on_matching(batch_key=opened.key, now=lambda: late)
    opened.refresh_from_db()
    assert opened.stage == Batch.Stage.MATCHED
    assert opened.subject_count == opened.grants.count() == PEOPLE


@pytest.mark.usefixtures("large")
def test_why_matching_ended_is_kept_for_the_page(at, opened):
    services.ask_matching(by=OFFICER, at=at, batch=opened)
    refusal = BudgetNotSetError(budget="rent")
    with patch.object(delivery, "_finish_matching", side_effect=refusal):
        go_on_matching(batch_key=opened.key, now=lambda: at)
    opened.refresh_from_db()
    assert "rent" in opened.matching_problem["en"]
    assert opened.matching_until is None
    services.ask_matching(by=OFFICER, at=at, batch=opened)
    go_on_matching(batch_key=opened.key, now=lambda: at)
    opened.refresh_from_db()
    assert (opened.stage, opened.matching_problem) == (Batch.Stage.MATCHED, None)


@pytest.fixture
def notified(at, opened, person):
    def make():
        subject = services.subject_for_user(at=at, user=person("graduate@example.com"))
        for name, text in {
            "first_claim_paid": "是", "degree": "博士", "insured_this_quarter": "是",
            "owns_home": "否", "civil_servant": "否", "works_in_ai_or_quantum": "是",
            "months_paid": "6", "rent_paid": "9000",
        }.items():  # fmt: skip
            services.enter_fact(by=SYSTEM, at=at, subject=subject, name=name, text=text)
        batch = services.match_batch(by=SYSTEM, at=at, batch=opened)
        services.notify_batch(by=SYSTEM, at=at, batch=batch)
        return batch.grants.get(subject=subject)

    return make


def test_a_letter_goes_to_whom_an_address_is_known_of_and_only_once(at, notified):
    grant = notified()
    sent = [
        letters.send_notices(batch_key=grant.batch.key, address=ADDRESS, at=at) for _ in range(2)
    ]
    assert sent == [1, 0]
    (letter,) = mail.outbox
    assert letter.to == ["graduate@example.com"]
    assert f"{ADDRESS}funding/grants/{grant.key}/" in letter.body
    assert "无需申请" in letter.body
    assert "You are due" in letter.body
    assert "4500" not in letter.body.replace(",", "")


def test_whose_payment_came_back_gets_one_more_letter_that_says_why(at, notified):
    grant, later = notified(), at + timedelta(days=9)
    letters.send_notices(batch_key=grant.batch.key, address=ADDRESS, at=at)
    account = {"holder": "甲", "bank": "苏州银行", "number": "6222000011112222"}
    services.confirm_account(by=SYSTEM, at=at, grant=grant, **account)
    services.order_payments(by=SYSTEM, at=at, batch=grant.batch)
    services.export_orders(by=SYSTEM, at=at)
    services.return_order(by=SYSTEM, at=later, order=grant.orders.get(), reason="账号已销户")
    sent = [
        letters.send_notices(batch_key=grant.batch.key, address=ADDRESS, at=later) for _ in range(2)
    ]
    assert sent == [1, 0]
    assert "账号已销户" in mail.outbox[-1].body
    assert "came back" in mail.outbox[-1].body
    assert "无需申请" not in mail.outbox[-1].body.replace("无需重新申请", "")


def test_mail_that_does_not_go_out_stops_nothing_and_is_tried_again(at, notified):
    grant = notified()
    send = {"batch_key": grant.batch.key, "address": ADDRESS, "at": at}
    with patch.object(letters, "send_mail", side_effect=ConnectionRefusedError):
        assert letters.send_notices(**send) == 0
    grant.refresh_from_db()
    assert grant.state == Grant.State.NOTIFIED
    assert letters.send_notices(**send) == 1


def settle(at, grant, kind):
    services.export_orders(by=SYSTEM, at=at)
    order = PaymentOrder.objects.get(grant=grant, kind=kind)
    for _ in range(2):
        services.settle_order(by=SYSTEM, at=at, order=order, reference="T1")


def test_what_was_paid_and_taken_back_counts_at_the_next_delivery(at, notified):
    grant = notified()
    services.confirm_account(
        by=SYSTEM, at=at, grant=grant, holder="李雷", bank="苏州银行", number="6222000011112222"
    )
    services.order_payments(by=SYSTEM, at=at, batch=grant.batch)
    settle(at, grant, "payment")
    paid = queries.live_facts([grant.subject]).get(name="rent_paid")
    assert (paid.value, paid.origin) == (str(900_000 + 450_000), FactRow.Origin.PLATFORM)
    assert paid.document.startswith("liudu:payment:")
    form = {"amount_fen": 150_000, "reason": "多发一个月", "seen_fen": 450_000}
    services.recover_grant(by=SYSTEM, at=at, grant=grant, **form)
    with pytest.raises(NetChangedError):  # the same form, sent twice
        services.recover_grant(by=SYSTEM, at=at, grant=grant, **form)
    settle(at, grant, "recovery")
    paid = queries.live_facts([grant.subject]).get(name="rent_paid")
    assert paid.value == str(900_000 + 300_000)
    assert FactRow.objects.filter(subject=grant.subject, name="rent_paid").count() == 3
