"""What this platform has paid is a fact that the next delivery counts."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Final

import attrs
from django.db.models import Sum

from liudu.platform.actors import Actor
from liudu.platform.audit.services import record
from liudu.platform.clock import CITY_ZONE
from liudu.platform.funding.decisions import encoded_value, plain_value, yearly_counts
from liudu.platform.funding.effects import document_of, effects_of_payment
from liudu.platform.funding.models import FactRow, Grant, GrantEvent, PaymentOrder, Subject
from liudu.platform.funding.packs import pack_of
from liudu.platform.funding.queries import live_facts, number_on
from liudu.rules import Fact, How, Pack, PaymentEffect

PLATFORM: Final = "本平台"
UNKNOWN: Final = {"zh": "未知", "en": "unknown"}


def count_payment(*, by: Actor, at: datetime, order: PaymentOrder) -> list[FactRow]:
    """Keep in the facts what a settled order changes; return the new rows.

    Money is added to the facts that the policy's limits count (their `paid`), and subtracted
    when it comes back. What the rule's `on_payment` names changes once something of the grant
    is paid, and back once nothing of it is left. Where nobody knew what was before, a sum stays
    unknown, and the grant's history says so. It runs in the transaction that settles the order,
    so that an order counts once.
    """
    grant = order.grant
    subject = Subject.objects.select_for_update(of=("self",)).get(pk=grant.subject_id)
    counting = _Counting(order=order, subject=subject, pack=pack_of(grant.batch.pack), at=at, by=by)
    counting.count_money()
    after = settled_fen(grant)
    before = after - counting.sign * order.amount_fen
    if before <= 0 < after:
        counting.apply(effects_of_payment(grant.determination))
    elif after <= 0 < before:
        counting.take_back(effects_of_payment(grant.determination))
    return counting.written()


def settled_fen(grant: Grant) -> int:
    """Return what the treasury has carried out of a grant: paid and added, less taken back."""
    settled = PaymentOrder.objects.filter(grant=grant, state=PaymentOrder.State.SETTLED)
    sums = dict(settled.order_by().values_list("kind").annotate(sum=Sum("amount_fen")))
    back = sums.pop(PaymentOrder.Kind.RECOVERY, 0)
    return int(sum(sums.values()) - back)


@attrs.frozen(kw_only=True)
class _Change:
    """A fact before and after; None is unknown."""

    fact: Fact
    before: int | None
    after: int | None

    def say(self, language: str) -> str:
        zh = language == "zh"
        label = self.fact.label.zh if zh else self.fact.label.say("en")
        shown = [
            UNKNOWN[language] if one is None else self.fact.show(one, "zh" if zh else "en")
            for one in (self.before, self.after)
        ]
        if self.after is not None:
            return f"{label} {shown[0]} → {shown[1]}"
        if zh:
            return f"{label} {shown[0]}（无法累计：请部门补报付款之后的数）"
        return f"{label} {shown[0]} (cannot be counted: send what it is after this payment)"


@attrs.define(kw_only=True)
class _Counting:
    order: PaymentOrder
    subject: Subject
    pack: Pack
    at: datetime
    by: Actor
    live: dict[str, FactRow] = attrs.field(init=False)
    fresh: dict[str, tuple[_Change, date | None]] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.live = {row.name: row for row in live_facts([self.subject])}

    @property
    def sign(self) -> int:
        """Whether the order adds to what was paid, or takes from it."""
        return -1 if self.order.kind == PaymentOrder.Kind.RECOVERY else 1

    @property
    def today(self) -> date:
        return self.at.astimezone(CITY_ZONE).date()

    def known(self, fact: Fact) -> int | None:
        """Return what may be counted on from: what the next delivery would read today."""
        row = self.live.get(fact.name)
        if row is None:
            return None
        return number_on(self.pack, fact, row, on=self.today, trusted_only=True)

    def count_money(self) -> None:
        """Add the order to the facts in which the policy's limits count."""
        yearly = yearly_counts(self.pack)
        for name in facts_of_limits(self.pack, self.order.grant.rule):
            fact = self.pack.facts[name]
            end = date(self.today.year, 12, 31) if name in yearly else self.valid_to(name)
            self.add(fact, self.sign * self.order.amount_fen, valid_to=end)

    def apply(self, effects: Iterable[PaymentEffect]) -> None:
        """Keep what the payment changes."""
        for one in effects:
            if one.how is How.BECOMES:
                self.put(one.fact, one.number)
            else:
                self.add(one.fact, one.number, valid_to=self.valid_to(one.fact.name))

    def take_back(self, effects: Iterable[PaymentEffect]) -> None:
        """Undo what the payment changed; what somebody has told anew since then stays."""
        for one in effects:
            if one.how is How.ADDS:
                number = None if one.number is None else -one.number
                self.add(one.fact, number, valid_to=self.valid_to(one.fact.name))
            elif self.is_ours(one.fact.name):
                row = self.live[one.fact.name].supersedes
                number = encoded_value(one.fact, kind=row.kind, value=row.value) if row else None
                self.put(one.fact, number)

    def is_ours(self, name: str) -> bool:
        """Whether the fact that stands now was written by an order of this grant."""
        row = self.live.get(name)
        ours = {document_of(one) for one in self.order.grant.orders.all()}
        return row is not None and row.origin == FactRow.Origin.PLATFORM and row.document in ours

    def valid_to(self, name: str) -> date | None:
        """Return until when the sum holds: as long as what it is added to."""
        row = self.live.get(name)
        return row.valid_to if row and row.valid_to and row.valid_to >= self.today else None

    def add(self, fact: Fact, number: int | None, *, valid_to: date | None) -> None:
        before = self.known(fact)
        self.put(fact, None if before is None or number is None else before + number, valid_to)

    def put(self, fact: Fact, number: int | None, valid_to: date | None = None) -> None:
        """Keep a new number; one that the fact cannot hold is unknown, never another number."""
        fits = number is not None and fact.minimum <= number <= fact.maximum
        change = _Change(fact=fact, before=self.known(fact), after=number if fits else None)
        self.fresh[fact.name] = (change, valid_to)

    def written(self) -> list[FactRow]:
        """Write the rows, the line in the grant's history and the audit's lines."""
        rows = [self.row(change, valid_to) for change, valid_to in self.fresh.values()]
        for row in rows:
            row.save()
        if rows:
            said = {
                language: joint.join(change.say(language) for change, _ in self.fresh.values())
                for language, joint in (("zh", "；"), ("en", "; "))
            }
            GrantEvent.objects.create(
                grant=self.order.grant,
                at=self.at,
                by=self.by.name,
                kind="counted",
                zh=f"付款后记作：{said['zh']}"[:300],
                en=f"Counted after the payment: {said['en']}"[:300],
            )
        for row in rows:
            self.tell(row)
        return rows

    def row(self, change: _Change, valid_to: date | None) -> FactRow:
        fact, after = change.fact, change.after
        return FactRow(
            subject=self.subject,
            name=fact.name,
            kind=str(fact.type.kind),
            value="" if after is None else plain_value(fact, after),
            origin=FactRow.Origin.PLATFORM,
            bureau=PLATFORM,
            document=document_of(self.order),
            observed_date=self.today,
            valid_from=self.today,
            valid_to=valid_to,
            entered_at=self.at,
            entered_by=self.by.name,
            supersedes=self.live.get(fact.name),
        )

    def tell(self, row: FactRow) -> None:
        record(
            at=self.at,
            by=self.by,
            verb="funding.fact.entered",
            subject_kind="subject",
            subject_key=self.subject.key,
            subject_name=self.subject.name,
            fact=row.name,
            origin=str(row.origin),
            order=self.order.key,
        )


def facts_of_limits(pack: Pack, rule: str) -> list[str]:
    """Return the facts in which a policy's limits count what a rule has paid, each once."""
    limits = (one for one in pack.budgets.values() if one.per != "programme")
    found = (one.paid for one in limits if rule in one.rules and one.paid)
    return list(dict.fromkeys(found))
