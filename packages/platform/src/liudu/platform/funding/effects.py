"""What payments change in the facts: what a rule says of it, and what was written."""

from collections.abc import Sequence
from typing import Final

from liudu.platform.funding.models import Determination, FactRow, Grant, PaymentOrder
from liudu.platform.funding.packs import program_of
from liudu.rules import PaymentEffect, effects_of, encoded_row

DOCUMENT_LENGTH: Final = 160  # of FactRow.document


def effects_of_payment(determination: Determination) -> tuple[PaymentEffect, ...]:
    """Return which facts a payment on a determination changes; none unless it is eligible.

    They are computed from the version, the day and the facts that the determination keeps, so
    they are the same whenever they are asked for.
    """
    if determination.status != Determination.Status.ELIGIBLE:
        return ()
    program = program_of(
        determination.pack, on=determination.on_date, subject=determination.subject.kind
    )
    known = {name: one["number"] for name, one in determination.facts.items()}
    table = encoded_row(program.pack.facts, known, subject=determination.subject.key)
    return effects_of(program, program.rules[determination.rule], table)


def document_of(order: PaymentOrder) -> str:
    """Return what a fact names as its document that was written when an order was settled."""
    return order.idempotency_key[:DOCUMENT_LENGTH]


def facts_counted(grants: Sequence[Grant]) -> list[FactRow]:
    """Return the facts that the settled orders of some grants have written, oldest first."""
    orders = PaymentOrder.objects.filter(
        grant__in=grants, state=PaymentOrder.State.SETTLED
    ).values_list("idempotency_key", flat=True)
    documents = [key[:DOCUMENT_LENGTH] for key in orders]
    if not documents:
        return []
    rows = FactRow.objects.filter(
        subject__in={grant.subject_id for grant in grants},
        origin=FactRow.Origin.PLATFORM,
        document__in=documents,
    )
    return list(rows.select_related("supersedes").order_by("pk"))
