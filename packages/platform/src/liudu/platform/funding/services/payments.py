"""Orders to the treasury: an outbox in which every deed stands once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Sum

from liudu.contract import Refusal
from liudu.platform.actors import Actor
from liudu.platform.audit.services import record
from liudu.platform.funding.decisions import deed_of
from liudu.platform.funding.models import Batch, Grant, Objection, PaymentOrder
from liudu.platform.funding.services.anew import orderable
from liudu.platform.funding.services.delivery import (
    ReasonNeededError,
    WrongStateError,
    event_of,
    lock_grant,
    move,
)
from liudu.platform.funding.services.paid import count_payment
from liudu.platform.funding.services.returns import (
    UNPAID,
    locked_order,
    require_attempt,
    require_state,
    send_again,
)

CHUNK: Final = 200
PAID_STATES: Final = (Grant.State.ORDERED, Grant.State.PAID)


class BadCorrectionError(Refusal):
    """A correction to an amount that cannot be."""

    en = "The corrected amount must be 0 or more, and differ from {amount_yuan} yuan."
    zh = "更正后的金额须不小于 0，且不同于现在的 {amount_yuan} 元。"


class NothingToRecoverError(Refusal):
    """More is to be taken back than was paid."""

    en = "Only {left_yuan} yuan of this grant were paid and not yet taken back."
    zh = "这笔资金已付而未追回的只有 {left_yuan} 元。"


class NetChangedError(Refusal):
    """Something was paid or taken back since the officer looked; perhaps by the same press."""

    status = 409
    en = "This grant stands at {now_yuan} yuan now, not at {seen_yuan}: look at its history first."
    zh = "这笔资金现为 {now_yuan} 元，与您看到的 {seen_yuan} 元不同：请先核对经过。"


def order_payments(*, by: Actor, at: datetime, batch: Batch) -> int:
    """Order the payment of every confirmed grant; return how many were ordered now.

    Two officers at once, or a second try after a crash, order nothing twice: a grant is locked,
    its state is asked again, and the database holds one payment for a grant and one order for
    an idempotency key. A grant that waits for another payment (see `orderable`) stays
    confirmed, and is ordered when the button is pressed after that.
    """
    ordered, last = 0, 0
    waiting = batch.grants.filter(state=Grant.State.CONFIRMED).order_by("pk")
    while keys := list(waiting.filter(pk__gt=last).values_list("pk", flat=True)[:CHUNK]):
        ordered += _order_chunk(keys, by=by, at=at)
        last = keys[-1]
    return ordered


@transaction.atomic
def _order_chunk(keys: Sequence[int], *, by: Actor, at: datetime) -> int:
    locked = Grant.objects.select_for_update(of=("self",)).select_related(
        "subject", "determination__pack"
    )
    rows = locked.defer(
        "determination__facts", "determination__beside", "determination__pack__text"
    )
    grants = list(rows.filter(pk__in=keys, state=Grant.State.CONFIRMED).order_by("pk"))
    ordered = 0
    for grant in orderable(grants, by=by, at=at):
        made = _send(grant, by=by, at=at)
        move(
            grant,
            Grant.State.ORDERED,
            by=by,
            at=at,
            kind="ordered",
            zh="已生成付款指令，等待财政领取",
            en="Payment ordered; waiting for the treasury",
            amount_fen=grant.amount_fen,
        )
        ordered += made
    return ordered


def _send(grant: Grant, *, by: Actor, at: datetime) -> bool:
    """Put the one payment of a locked grant into the outbox; one that came back is sent again."""
    order, made = PaymentOrder.objects.select_for_update(of=("self",)).get_or_create(
        grant=grant,
        kind=PaymentOrder.Kind.PAYMENT,
        defaults={
            "idempotency_key": _deed(grant, PaymentOrder.Kind.PAYMENT),
            **_order(grant, PaymentOrder.Kind.PAYMENT, grant.amount_fen, at=at, by=by),
        },
    )
    if not made and order.state in UNPAID:
        send_again(order, by=by, at=at, amount_fen=grant.amount_fen)
        return True
    return made


def _deed(grant: Grant, kind: str, part: str = "") -> str:
    return deed_of(
        kind=kind,
        code=grant.code,
        rule=grant.rule,
        period=grant.period,
        subject_key=grant.subject.key,
        part=part,
    )


def _order(
    grant: Grant, kind: str, amount_fen: int, *, at: datetime, by: Actor
) -> dict[str, object]:
    return {
        "grant": grant,
        "kind": kind,
        "amount_fen": amount_fen,
        "ordered_at": at,
        "ordered_by": by.name,
    }


@transaction.atomic
def settle_order(
    *,
    by: Actor,
    at: datetime,
    order: PaymentOrder,
    reference: str,
    attempt: int | None = None,
) -> PaymentOrder:
    """Keep that the treasury has carried an order out, under its number; twice is once.

    Parameters
    ----------
    attempt
        The one that was carried out; None is the present one.

    Raises
    ------
    NotThisAttemptError, WrongStateError

    """
    locked = locked_order(order)
    require_attempt(locked, attempt)
    if locked.state == PaymentOrder.State.SETTLED:
        return locked
    require_state(locked, PaymentOrder.State.EXPORTED)
    locked.state, locked.settled_at = PaymentOrder.State.SETTLED, at
    locked.reference = reference.strip()[:80]
    locked.save()
    if locked.kind == PaymentOrder.Kind.PAYMENT:
        move(
            lock_grant(locked.grant, Grant.State.ORDERED),
            Grant.State.PAID,
            by=by,
            at=at,
            kind="paid",
            zh=f"已付款（财政流水号 {locked.reference}）",
            en=f"Paid (treasury reference {locked.reference})",
            reference=locked.reference,
        )
    count_payment(by=by, at=at, order=locked)
    return locked


@transaction.atomic
def raise_objection(*, by: Actor, at: datetime, grant: Grant, text: str) -> Objection:
    """Take an objection to a grant, from its subject or from who reads the publication.

    The same words from the same person while they wait for their answer are one objection.
    """
    said = text.strip()[:1000]
    if not said:
        raise ReasonNeededError
    Grant.objects.select_for_update().get(pk=grant.pk)
    same = Objection.objects.filter(
        grant=grant, text=said, raised_by_key=by.key, state=Objection.State.OPEN
    ).first()
    if same is not None:
        return same
    objection = Objection.objects.create(
        grant=grant,
        text=said,
        raised_at=at,
        raised_by=by.name,
        raised_by_key=by.key,
    )
    event_of(
        grant, at=at, by=by, kind="objected", zh="收到异议", en="An objection was raised"
    ).save()
    record(
        at=at,
        by=by,
        verb="funding.objection.raised",
        subject_kind="grant",
        subject_key=grant.key,
        objection=objection.key,
    )
    return objection


@transaction.atomic
def answer_objection(
    *,
    by: Actor,
    at: datetime,
    objection: Objection,
    upheld: bool,
    answer: str,
    amount_fen: int | None = None,
) -> Objection:
    """Answer an objection; an upheld one may correct the grant's amount.

    Parameters
    ----------
    amount_fen
        What the grant should have been; None leaves it. The difference of a grant that is
        ordered is a supplement or a recovery, never a second payment.

    Raises
    ------
    ReasonNeededError, BadCorrectionError, WrongStateError

    """
    if not answer.strip():
        raise ReasonNeededError
    locked = Objection.objects.select_for_update().get(pk=objection.pk)
    if locked.state != Objection.State.OPEN:
        raise WrongStateError(
            found=str(locked.get_state_display()), wanted=str(Objection.State.OPEN.label)
        )
    locked.state = Objection.State.UPHELD if upheld else Objection.State.REJECTED
    locked.answer, locked.answered_at, locked.answered_by = answer.strip()[:1000], at, by.name
    locked.save()
    grant = Grant.objects.select_for_update().get(pk=locked.grant_id)
    if upheld and amount_fen is not None:
        _correct(grant, locked, amount_fen, by=by, at=at)
    if upheld and grant.state == Grant.State.CLOSED:
        grant.state = Grant.State.NOTIFIED  # its payment is sent again once it is confirmed
        grant.save(update_fields=["state"])
    said = str(locked.get_state_display())
    event_of(
        grant,
        at=at,
        by=by,
        kind="answered",
        zh=f"异议{Objection.State(locked.state).label}：{locked.answer}"[:300],
        en=f"Objection {locked.state}: {locked.answer}"[:300],
    ).save()
    record(
        at=at,
        by=by,
        verb="funding.objection.answered",
        subject_kind="grant",
        subject_key=grant.key,
        objection=locked.key,
        outcome=locked.state,
        said=said,
    )
    return locked


def _correct(
    grant: Grant, objection: Objection, amount_fen: int, *, by: Actor, at: datetime
) -> None:
    before = net_fen(grant) if grant.state in PAID_STATES else grant.amount_fen
    if amount_fen < 0 or amount_fen == before:
        raise BadCorrectionError(amount_yuan=f"{before / 100:,.2f}")
    if grant.state in PAID_STATES:
        kind = PaymentOrder.Kind.SUPPLEMENT if amount_fen > before else PaymentOrder.Kind.RECOVERY
        PaymentOrder.objects.get_or_create(
            idempotency_key=_deed(grant, kind, objection.key),
            defaults=_order(grant, kind, abs(amount_fen - before), at=at, by=by),
        )
    elif amount_fen == 0:
        grant.state = Grant.State.REFUSED
        grant.save(update_fields=["state"])
    else:
        grant.amount_fen = amount_fen
        if grant.state == Grant.State.REFUSED:
            grant.state = Grant.State.NOTIFIED
        grant.save(update_fields=["amount_fen", "state"])
    event_of(
        grant,
        at=at,
        by=by,
        kind="corrected",
        zh=f"金额由 {before / 100:,.2f} 元更正为 {amount_fen / 100:,.2f} 元",
        en=f"Corrected from {before / 100:,.2f} to {amount_fen / 100:,.2f} yuan",
    ).save()


def net_fen(grant: Grant) -> int:
    """Return what the orders of a grant come to: paid and added, less taken back.

    What came back and was given up counts for nothing.
    """
    sums = dict(
        PaymentOrder.objects.filter(grant=grant)
        .exclude(state=PaymentOrder.State.CLOSED)
        .order_by()
        .values_list("kind")
        .annotate(sum=Sum("amount_fen"))
    )
    return int(
        sums.get(PaymentOrder.Kind.PAYMENT, 0)
        + sums.get(PaymentOrder.Kind.SUPPLEMENT, 0)
        - sums.get(PaymentOrder.Kind.RECOVERY, 0)
    )


@transaction.atomic
def recover_grant(
    *,
    by: Actor,
    at: datetime,
    grant: Grant,
    amount_fen: int,
    reason: str,
    seen_fen: int | None = None,
) -> PaymentOrder:
    """Order that what was paid wrongly is taken back, never more than was paid.

    Parameters
    ----------
    seen_fen
        The net amount that the officer saw: a form that is sent twice takes back once.

    Raises
    ------
    ReasonNeededError, NothingToRecoverError, NetChangedError, WrongStateError

    """
    if not reason.strip():
        raise ReasonNeededError
    locked = lock_grant(grant, *PAID_STATES)
    left = net_fen(locked)
    if seen_fen is not None and seen_fen != left:
        raise NetChangedError(now_yuan=f"{left / 100:,.2f}", seen_yuan=f"{seen_fen / 100:,.2f}")
    if not 0 < amount_fen <= left:
        raise NothingToRecoverError(left_yuan=f"{left / 100:,.2f}")
    kind = PaymentOrder.Kind.RECOVERY
    number = locked.orders.filter(kind=kind).count() + 1
    order = PaymentOrder.objects.create(
        idempotency_key=_deed(locked, kind, f"r{number}"),
        **_order(locked, kind, amount_fen, at=at, by=by),
    )
    move(
        locked,
        locked.state,
        by=by,
        at=at,
        kind="recovered",
        zh=f"追回 {amount_fen / 100:,.2f} 元：{reason.strip()[:200]}",
        en=f"{amount_fen / 100:,.2f} yuan to be returned: {reason.strip()[:200]}",
        amount_fen=amount_fen,
    )
    return order
