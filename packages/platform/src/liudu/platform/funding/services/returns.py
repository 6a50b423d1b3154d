"""What the treasury could not carry out: returned, sent again as a new attempt, or closed."""

from datetime import datetime
from typing import Final

from django.db import transaction

from liudu.contract import Refusal
from liudu.platform.actors import Actor
from liudu.platform.funding.decisions import deed_again
from liudu.platform.funding.models import Grant, PaymentOrder, PaymentReturn
from liudu.platform.funding.services.delivery import (
    ReasonNeededError,
    WrongStateError,
    drop_orders,
    lock_grant,
    move,
)
from liudu.platform.funding.services.paid import settled_fen
from liudu.platform.words import Words

REASON_LENGTH: Final = 200
KINDS: Final = {
    PaymentOrder.Kind.PAYMENT: Words("付款", "payment"),
    PaymentOrder.Kind.SUPPLEMENT: Words("补发", "supplement"),
    PaymentOrder.Kind.RECOVERY: Words("追回", "recovery"),
}
UNPAID: Final = (PaymentOrder.State.RETURNED, PaymentOrder.State.CLOSED)
State = PaymentOrder.State


class NotThisAttemptError(Refusal):
    """Something is said of an attempt that is not the order's present one."""

    status = 409
    en = "This order is at attempt {found} by now, not at {seen}: look at it again first."
    zh = "这笔指令现为第 {found} 次办理，与您看到的第 {seen} 次不同：请刷新后核对再办。"


class AccountFirstError(Refusal):
    """A payment is to be sent again before its payee has confirmed an account."""

    en = "A returned payment is ordered again once its payee has confirmed an account."
    zh = "退回的付款须先由收款人重新确认账户，再生成付款指令。"


class OthersOnTheirWayError(Refusal):
    """A grant is to be closed while money of it is paid or on its way."""

    status = 409
    en = "Other orders of this grant are with the treasury or were carried out: end them first."
    zh = "这笔资金还有其他指令在财政办理或已办结，请先办完，再终止。"


def locked_order(order: PaymentOrder) -> PaymentOrder:
    """Lock an order and its grant, the grant first as everywhere; return the order."""
    Grant.objects.select_for_update().get(pk=order.grant_id)
    orders = PaymentOrder.objects.select_for_update(of=("self",))
    return orders.select_related(
        "grant__batch__pack", "grant__determination__pack", "grant__determination__subject"
    ).get(pk=order.pk)


def require_attempt(order: PaymentOrder, seen: int | None) -> None:
    """Raise `NotThisAttemptError` unless what was seen of an order is its present attempt."""
    if seen is not None and seen != order.attempt:
        raise NotThisAttemptError(found=order.attempt, seen=seen)


def require_state(order: PaymentOrder, wanted: str) -> None:
    """Raise `WrongStateError` unless an order is in a state."""
    if order.state != wanted:
        raise WrongStateError(found=str(order.get_state_display()), wanted=str(State(wanted).label))


@transaction.atomic
def return_order(
    *,
    by: Actor,
    at: datetime,
    order: PaymentOrder,
    reason: str,
    reference: str = "",
    attempt: int | None = None,
) -> PaymentOrder:
    """Keep that the treasury could not carry an order out; the same attempt twice is once.

    A payment's grant goes back to its subject, who reads why and confirms an account. Nothing
    is counted. A recovery or supplement waits until `send_order_again`.

    Parameters
    ----------
    attempt
        The one that came back; None is the present one.

    Raises
    ------
    ReasonNeededError, NotThisAttemptError, WrongStateError

    """
    said = reason.strip()[:REASON_LENGTH]
    if not said:
        raise ReasonNeededError
    locked = locked_order(order)
    if locked.returns.filter(attempt=attempt or locked.attempt).exists():
        return locked
    require_attempt(locked, attempt)
    require_state(locked, State.EXPORTED)
    grant = locked.grant
    PaymentReturn.objects.create(
        order=locked,
        export=locked.export,
        attempt=locked.attempt,
        idempotency_key=locked.idempotency_key,
        amount_fen=locked.amount_fen,
        account=f"{grant.account_bank} {grant.account_masked}".strip(),
        reason=said,
        reference=reference.strip()[:80],
        returned_at=at,
        returned_by=by.name,
    )
    locked.state, locked.returned_at, locked.return_reason = State.RETURNED, at, said
    locked.save(update_fields=["state", "returned_at", "return_reason"])
    _send_back(locked, said, by=by, at=at)
    return locked


def _send_back(order: PaymentOrder, reason: str, *, by: Actor, at: datetime) -> None:
    grant, to, kind = order.grant, order.grant.state, KINDS[PaymentOrder.Kind(order.kind)]
    zh = f"{kind.zh}被财政退回：{reason}"
    en = f"The treasury could not carry out the {kind.en}: {reason}"
    if order.kind == PaymentOrder.Kind.PAYMENT:
        grant, to = lock_grant(grant, Grant.State.ORDERED), Grant.State.NOTIFIED
        grant.notified_at = at
        zh = f"付款未成功，被退回：{reason}。请核对并重新确认收款账户，确认后会再次付款"
        en = f"The payment came back: {reason}. Confirm your account again; then it is paid anew"
    move(
        grant, to, by=by, at=at, kind="returned", zh=zh, en=en,
        order=order.key, attempt=order.attempt,
    )  # fmt: skip


def send_again(order: PaymentOrder, *, by: Actor, at: datetime, amount_fen: int) -> None:
    """Put a locked order that came back into the outbox again, under a key of its own."""
    order.attempt += 1
    order.idempotency_key = deed_again(order.idempotency_key, attempt=order.attempt)
    order.amount_fen, order.state = amount_fen, State.WAITING
    order.ordered_at, order.ordered_by = at, by.name
    order.exported_at, order.export = None, None
    order.save()


@transaction.atomic
def send_order_again(*, by: Actor, at: datetime, order: PaymentOrder, attempt: int) -> PaymentOrder:
    """Put a recovery or supplement that came back into the outbox again; twice is once.

    Parameters
    ----------
    attempt
        The one that came back.

    Raises
    ------
    AccountFirstError, NotThisAttemptError, WrongStateError

    """
    locked = locked_order(order)
    if locked.kind == PaymentOrder.Kind.PAYMENT:
        raise AccountFirstError
    if locked.attempt == attempt + 1:
        return locked
    require_attempt(locked, attempt)
    require_state(locked, State.RETURNED)
    kind = KINDS[PaymentOrder.Kind(locked.kind)]
    send_again(locked, by=by, at=at, amount_fen=locked.amount_fen)
    move(
        locked.grant,
        locked.grant.state,
        by=by,
        at=at,
        kind="sent_again",
        zh=f"{kind.zh}再次提交财政（第 {locked.attempt} 次）",
        en=f"The {kind.en} goes to the treasury again (attempt {locked.attempt})",
        order=locked.key,
        attempt=locked.attempt,
    )
    return locked


@transaction.atomic
def close_order(*, by: Actor, at: datetime, order: PaymentOrder, reason: str) -> PaymentOrder:
    """Give an order up that came back, for good; twice is once.

    A payment's grant ends with it: its budget is free, later grants wait for it no more, and
    its subject reads why and may object.

    Raises
    ------
    ReasonNeededError, WrongStateError, OthersOnTheirWayError

    """
    said = reason.strip()[:REASON_LENGTH]
    if not said:
        raise ReasonNeededError
    locked = locked_order(order)
    if locked.state == State.CLOSED:
        return locked
    require_state(locked, State.RETURNED)
    grant, to, kind = locked.grant, locked.grant.state, KINDS[PaymentOrder.Kind(locked.kind)]
    zh = f"{kind.zh}不再办理：{said}"
    en = f"The {kind.en} is given up after it came back: {said}"
    if locked.kind == PaymentOrder.Kind.PAYMENT:
        grant, to = lock_grant(grant, Grant.State.NOTIFIED), Grant.State.CLOSED
        _require_alone(locked)
        drop_orders(grant)
        zh = f"付款退回后未能办理，已终止发放：{said}。如不同意，可以提出异议"
        en = f"Closed unpaid after the payment came back: {said}. You may object"
    locked.state = State.CLOSED
    locked.save(update_fields=["state"])
    move(grant, to, by=by, at=at, kind="closed", zh=zh, en=en, order=locked.key)
    return locked


def _require_alone(order: PaymentOrder) -> None:
    others = PaymentOrder.objects.filter(grant=order.grant_id).exclude(pk=order.pk)
    if others.filter(state=State.EXPORTED).exists() or settled_fen(order.grant):
        raise OthersOnTheirWayError
