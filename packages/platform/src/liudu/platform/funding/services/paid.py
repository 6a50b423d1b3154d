"""What this platform has paid is a fact that the next delivery counts."""

from datetime import date, datetime
from typing import Final

from liudu.platform.actors import Actor
from liudu.platform.clock import CITY_ZONE
from liudu.platform.funding.models import FactRow, PaymentOrder, Subject
from liudu.platform.funding.packs import pack_of
from liudu.platform.funding.queries import live_facts
from liudu.rules import Fact, Pack

PLATFORM: Final = "本平台"


def count_payment(*, by: Actor, at: datetime, order: PaymentOrder) -> list[FactRow]:
    """Add a settled order to the facts that a policy's limits count (their `paid`).

    What was taken back is subtracted. Where nobody knows what was paid before, the sum stays
    unknown. It runs in the transaction that settles the order, so that an order counts once.
    """
    grant = order.grant
    pack = pack_of(grant.batch.pack)
    subject = Subject.objects.select_for_update(of=("self",)).get(pk=grant.subject_id)
    sign = -1 if order.kind == PaymentOrder.Kind.RECOVERY else 1
    today = at.astimezone(CITY_ZONE).date()
    found = []
    for name, yearly in _counted(pack, grant.rule).items():
        before = live_facts([subject]).filter(name=name).first()
        if before is None or not before.value or _is_over(before, today):
            continue
        number = int(before.value) + sign * order.amount_fen
        row = _row(pack.facts[name], number, before, order, today=today)
        row.entered_at, row.entered_by = at, by.name
        row.valid_to = date(today.year, 12, 31) if yearly else before.valid_to
        row.save()
        found.append(row)
    return found


def _counted(pack: Pack, rule: str) -> dict[str, bool]:
    """Return the facts in which a policy keeps what a rule has paid; whether for a year only."""
    limits = (one for one in pack.budgets.values() if one.per != "programme")
    return {one.paid: one.per == "subject_year" for one in limits if rule in one.rules and one.paid}


def _is_over(row: FactRow, today: date) -> bool:
    return row.valid_to is not None and row.valid_to < today


def _row(fact: Fact, number: int, before: FactRow, order: PaymentOrder, *, today: date) -> FactRow:
    return FactRow(
        subject=before.subject,
        name=fact.name,
        kind=before.kind,
        value=str(min(max(number, fact.minimum), fact.maximum)),
        origin=FactRow.Origin.PLATFORM,
        bureau=PLATFORM,
        document=order.idempotency_key[:160],
        observed_date=today,
        valid_from=min(before.valid_from, today),
        supersedes=before,
    )
