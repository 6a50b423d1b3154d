"""No grant is paid twice, wherever the program stops and whoever presses at once."""

import threading
import time
from pathlib import Path
from unittest.mock import patch

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from liudu.platform.actors import SYSTEM
from liudu.platform.funding import queries, services
from liudu.platform.funding.models import Batch, FactRow, Grant, PaymentOrder
from liudu.platform.funding.services import delivery, paid, payments, returns

pytestmark = [pytest.mark.everywhere]

CITY = Path(__file__).parents[4] / "cities" / "suzhou" / "policies"
HEADER = (
    "subject,degree,first_claim_paid,insured_this_quarter,owns_home,civil_servant,"
    "works_in_ai_or_quantum,months_paid,rent_paid\n"
)
PEOPLE = 5
DUE_FEN = 450_000


class Crash(Exception):  # noqa: N818 - no error of ours
    """The machine stops here."""


class CrashingAudit:
    """The audit line is the last thing in a transaction: to fail there is to lose all of it."""

    def __init__(self, real, crashes):
        self.real, self.crashes = real, iter(crashes)

    def __call__(self, **line):
        if next(self.crashes, False):
            raise Crash
        return self.real(**line)


def opened(at):
    services.load_policies(by=SYSTEM, at=at, folder=CITY / "graduate-rent.yaml")
    rows = "".join(f"P{i},博士,是,是,否,否,是,6,0\n" for i in range(PEOPLE))
    services.import_facts(
        by=SYSTEM,
        at=at,
        file_name="facts.csv",
        content=(HEADER + rows).encode(),
        kind="person",
        bureau="市人社局",
    )
    version = queries.version_of("suzhou-graduate-rent", on=at.date())
    return services.open_batch(
        by=SYSTEM, at=at, version=version, rule="rent-renewal", on=at.date(), sample_share=0.0
    )


def confirm_all(*, by, at, batch):
    for grant in Grant.objects.filter(batch=batch, state=Grant.State.NOTIFIED):
        services.confirm_account(
            by=by, at=at, grant=grant, holder="甲", bank="苏州银行", number="6222000011112222"
        )


def settle_all(*, by, at, batch):
    services.export_orders(by=by, at=at)
    for order in PaymentOrder.objects.filter(grant__batch=batch, state="exported"):
        services.settle_order(by=by, at=at, order=order, reference="T")


STEPS = (
    services.match_batch,
    services.notify_batch,
    confirm_all,
    lambda *, by, at, batch: services.order_payments(by=by, at=at, batch=batch),
    settle_all,
    services.publish_batch,
    services.archive_batch,
)


def return_some(*, by, at, batch):
    """Have the treasury return two of the payments, each for its first attempt."""
    services.export_orders(by=by, at=at)
    for order in PaymentOrder.objects.filter(grant__batch=batch).order_by("pk")[:2]:
        services.return_order(by=by, at=at, order=order, reason="账号已销户", attempt=1)


def order_all(*, by, at, batch):
    services.order_payments(by=by, at=at, batch=batch)


WITH_RETURNS = (*STEPS[:4], return_some, confirm_all, order_all, *STEPS[4:])


def take(step, at, batch):
    """Take a step again until it is done, as somebody would after every restart."""
    while True:
        try:
            return step(by=SYSTEM, at=at, batch=Batch.objects.get(pk=batch.pk))
        except Crash:
            assert_never_twice()


def assert_never_twice():
    orders = PaymentOrder.objects.filter(kind="payment")
    assert orders.count() == orders.values("grant__subject").distinct().count()
    assert Grant.objects.count() == Grant.objects.values("subject").distinct().count()


def assert_paid_once_of(batch):
    assert_never_twice()
    orders = PaymentOrder.objects.filter(grant__batch=batch)
    assert orders.count() == PEOPLE
    assert orders.aggregate(sum=Sum("amount_fen"))["sum"] == PEOPLE * DUE_FEN
    assert set(orders.values_list("state", "grant__state")) == {("settled", "paid")}
    counted = FactRow.objects.filter(origin="platform")
    assert counted.count() == 2 * PEOPLE


def assert_paid_once(batch):
    assert_paid_once_of(batch)
    counted = FactRow.objects.filter(origin="platform", superseded_by=None)
    assert sorted(counted.values_list("name", "value")) == sorted(
        [("months_paid", "9"), ("rent_paid", str(DUE_FEN))] * PEOPLE
    )


@pytest.mark.slow
@pytest.mark.django_db
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    crashes=st.lists(st.booleans(), max_size=40),
    chunk=st.integers(1, 4),
    again=st.booleans(),
    returned=st.booleans(),
)
def test_everybody_is_paid_once_wherever_it_crashes(at, crashes, chunk, again, returned):
    with transaction.atomic():
        batch = opened(at)
        audit = CrashingAudit(delivery.record, crashes)
        with (
            patch.object(delivery, "record", audit),
            patch.object(payments, "record", audit),
            patch.object(paid, "record", audit),
            patch.object(delivery, "CHUNK", chunk),
            patch.object(payments, "CHUNK", chunk),
        ):
            for step in WITH_RETURNS if returned else STEPS:
                take(step, at, batch)
                if again and step not in (services.notify_batch, services.match_batch):
                    take(services.order_payments, at, batch)
        assert_paid_once(batch)
        attempts = PaymentOrder.objects.order_by("pk").values_list("attempt", flat=True)
        assert list(attempts) == ([2, 2, 1, 1, 1] if returned else [1] * PEOPLE)
        transaction.set_rollback(True)


def pressing(at, batch, problems):
    """Press every button of the procedure, as one of two officers; told to wait, press again."""
    try:
        for step in STEPS[:5]:
            for attempt in range(400):
                try:
                    step(by=SYSTEM, at=at, batch=Batch.objects.get(pk=batch.pk))
                    break
                except (OperationalError, delivery.WrongStateError, delivery.WrongStageError):
                    time.sleep(0.002 * (attempt % 10 + 1))
            else:
                problems.append(f"never got through: {step}")
    except Exception as error:  # noqa: BLE001 - told by the other thread
        problems.append(repr(error))
    finally:
        connection.close()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_officers_who_press_at_once_pay_once(at):
    batch = opened(at)
    problems = []
    with patch.object(delivery, "CHUNK", 2), patch.object(payments, "CHUNK", 2):
        officers = [threading.Thread(target=pressing, args=(at, batch, problems)) for _ in range(2)]
        for officer in officers:
            officer.start()
        for officer in officers:
            officer.join()
    assert not problems
    assert_paid_once(batch)


def until_done(problems, deed):
    """Do something as one of two who work at once; told to wait, do it again."""
    try:
        for attempt in range(400):
            try:
                deed()
                break
            except OperationalError:
                time.sleep(0.002 * (attempt % 10 + 1))
        else:
            problems.append("never got through")
    except Exception as error:  # noqa: BLE001 - told by the other thread
        problems.append(repr(error))
    finally:
        connection.close()


def said_of_all(said, problems, refused):
    """Say something of every order, as one of two officers; what the other was first at is kept."""

    def one(order):
        try:
            said(order)
        except (delivery.WrongStateError, returns.NotThisAttemptError):
            refused.append(order.pk)

    for order in PaymentOrder.objects.order_by("pk"):
        until_done(problems, lambda order=order: one(order))


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_of_one_officer_who_settles_and_one_who_returns_one_is_refused(at):
    batch = opened(at)
    for step in STEPS[:4]:
        step(by=SYSTEM, at=at, batch=Batch.objects.get(pk=batch.pk))
    services.export_orders(by=SYSTEM, at=at)
    said = {"by": SYSTEM, "at": at, "attempt": 1}
    deeds = [
        lambda order: services.settle_order(order=order, reference="T", **said),
        lambda order: services.return_order(order=order, reason="账号已销户", **said),
    ]
    problems, refused = [], []
    officers = [
        threading.Thread(target=said_of_all, args=(deed, problems, refused)) for deed in deeds
    ]
    for officer in officers:
        officer.start()
    for officer in officers:
        officer.join()
    assert not problems
    assert sorted(refused) == sorted(PaymentOrder.objects.values_list("pk", flat=True))
    ends = set(PaymentOrder.objects.values_list("state", "grant__state"))
    assert ends <= {("settled", "paid"), ("returned", "notified")}
    settled = PaymentOrder.objects.filter(state="settled").count()
    assert FactRow.objects.filter(origin="platform").count() == 2 * settled
    for step in (confirm_all, order_all, settle_all):
        step(by=SYSTEM, at=at, batch=batch)
    assert_paid_once(batch)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_table_that_comes_while_the_treasury_pays_loses_no_count(at):
    batch = opened(at)
    for step in STEPS[:4]:
        step(by=SYSTEM, at=at, batch=Batch.objects.get(pk=batch.pk))
    table = "subject,months_paid,rent_paid\n" + "".join(f"P{i},3,100\n" for i in range(PEOPLE))
    sent = {"file_name": "t.csv", "content": table.encode(), "kind": "person", "bureau": "局"}
    deeds = [
        lambda: settle_all(by=SYSTEM, at=at, batch=batch),
        lambda: services.import_facts(by=SYSTEM, at=at, **sent),
    ]
    problems = []
    workers = [threading.Thread(target=until_done, args=(problems, deed)) for deed in deeds]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not problems
    assert_paid_once_of(batch)
    live = FactRow.objects.filter(superseded_by=None, name__in=("months_paid", "rent_paid"))
    assert set(live.values_list("origin", flat=True)) == {"platform"}
    months = set(live.filter(name="months_paid").values_list("value", flat=True))
    assert months <= {"6", "9"}  # the table came before a payment, or was refused after it
