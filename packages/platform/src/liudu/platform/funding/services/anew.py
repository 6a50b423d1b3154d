"""Before a payment is ordered: whether what it was determined from still stands.

Between the matching and the order another payment to the same subject may have been carried out,
or may be on its way: two quarters that are ordered at once must not both be paid from the months
that were left before either.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db.models import Max

from liudu.platform.actors import Actor
from liudu.platform.audit.services import record
from liudu.platform.clock import CITY_ZONE
from liudu.platform.funding.effects import effects_of_payment
from liudu.platform.funding.models import Determination, FactRow, Grant, PaymentOrder, Subject
from liudu.platform.funding.packs import pack_of, program_of
from liudu.platform.funding.queries import DEAD, live_facts, number_on, recompute
from liudu.platform.funding.services.delivery import drop_orders, event_of, kept_facts, move
from liudu.platform.funding.services.paid import facts_of_limits
from liudu.rules import Fact, Status

Facts = Mapping[str, Any]
PAYS: Final = (PaymentOrder.Kind.PAYMENT, PaymentOrder.Kind.SUPPLEMENT)
ENDED: Final = (PaymentOrder.State.SETTLED, PaymentOrder.State.CLOSED)


def orderable(grants: Sequence[Grant], *, by: Actor, at: datetime) -> list[Grant]:
    """Return which of some locked, confirmed grants may be ordered now.

    Where another payment has been carried out since a grant was determined, it is determined
    anew from what was known and what the payment changed: what is less is paid less, what is
    nothing is refused, what became unknown waits. Where one is on its way, the grant waits,
    unless it would be the same after it.
    """
    subjects = sorted({grant.subject_id for grant in grants})
    # Two deliveries that are ordered at once see each other's orders: one waits for the other.
    list(Subject.objects.select_for_update().filter(pk__in=subjects).order_by("pk").values("pk"))
    coming, counted = _on_their_way(subjects), _counted(subjects)
    found = []
    for grant in grants:
        read = _facts_read(grant)
        mine = counted.get(grant.subject_id, {})
        facts = _facts_now(grant, {name: one for name, one in mine.items() if name in read}, at=at)
        if facts is not None and not _is_still_due(grant, facts, by=by, at=at):
            continue
        orders = [
            one
            for one in coming.get(grant.subject_id, ())
            if _goes_before(one, grant) and read & _changed_by(one)
        ]
        if orders and not _is_due_after(grant, facts or grant.determination.facts, orders):
            zh, en = "等前一笔付款办结后再付", "Waits until an earlier payment is carried out"
            _wait(grant, by=by, at=at, zh=zh, en=en)
            continue
        found.append(grant)
    return found


def _on_their_way(subjects: Sequence[int]) -> dict[int, list[PaymentOrder]]:
    """Return by subject the payments that the treasury has not carried out."""
    orders = PaymentOrder.objects.filter(grant__subject__in=subjects, kind__in=PAYS)
    orders = (
        orders.exclude(state__in=ENDED)
        .exclude(grant__state__in=DEAD)
        .select_related(
            "grant__batch__pack", "grant__determination__pack", "grant__determination__subject"
        )
    )
    found: dict[int, list[PaymentOrder]] = defaultdict(list)
    for order in orders:
        found[order.grant.subject_id].append(order)
    return found


def _goes_before(order: PaymentOrder, grant: Grant) -> bool:
    """Return whether a grant may wait for an order: not for its own, which came back to it.

    Of two that came back the earlier goes first, or each would wait for the other.
    """
    if order.state != PaymentOrder.State.RETURNED:
        return order.grant_id != grant.pk
    return order.grant_id < grant.pk


def _changed_by(order: PaymentOrder) -> frozenset[str]:
    pack, rule = pack_of(order.grant.batch.pack), order.grant.rule
    effects = {one.fact for one in pack.rules[rule].on_payment}
    return frozenset(effects | set(facts_of_limits(pack, rule)))


def _is_due_after(grant: Grant, facts: Facts, orders: Sequence[PaymentOrder]) -> bool:
    """Return whether a grant is the same once some orders are carried out."""
    if any(order.grant.code != grant.code for order in orders):
        return False  # another policy may write the same fact otherwise
    after = dict(facts)
    for order in orders:
        for fact, number in _after(order, after):
            if number is None or not fact.minimum <= number <= fact.maximum:
                return False
            after[fact.name] = {"number": number}
    now, then = _draft(grant, facts), _draft(grant, after)
    return (
        then.status == now.status
        and then.payable_fen is not None
        and then.payable_fen >= (now.payable_fen or 0)
        and effects_of_payment(then) == effects_of_payment(now)
    )


def _after(order: PaymentOrder, facts: Facts) -> Iterator[tuple[Fact, int | None]]:
    """Yield the facts that an order changes, and their numbers then; None is unknown."""
    pack, rule = pack_of(order.grant.batch.pack), order.grant.rule
    before = {name: kept["number"] for name, kept in facts.items()}
    for name in facts_of_limits(pack, rule):
        known = before.get(name)
        yield pack.facts[name], None if known is None else known + order.amount_fen
    if order.kind == PaymentOrder.Kind.PAYMENT:
        for effect in effects_of_payment(order.grant.determination):
            yield effect.fact, effect.after(before.get(effect.fact.name))


def _counted(subjects: Sequence[int]) -> dict[int, dict[str, tuple[int, FactRow]]]:
    """Return by subject and fact the last row that a payment wrote, and what stands now.

    A bureau's later table may stand over what the payment wrote; the payment is in it.
    """
    written = FactRow.objects.filter(subject__in=subjects, origin=FactRow.Origin.PLATFORM)
    latest = {
        (subject, name): row
        for subject, name, row in written.order_by()
        .values_list("subject_id", "name")
        .annotate(row=Max("pk"))
    }
    live = live_facts(subjects).filter(name__in={name for _, name in latest}) if latest else ()
    found: dict[int, dict[str, tuple[int, FactRow]]] = defaultdict(dict)
    for row in live:
        if (row.subject_id, row.name) in latest:
            found[row.subject_id][row.name] = latest[row.subject_id, row.name], row
    return found


def _facts_read(grant: Grant) -> frozenset[str]:
    said = grant.determination
    program = program_of(said.pack, on=said.on_date, subject=grant.subject.kind)
    rule = program.rules[grant.rule]
    return rule.facts | rule.facts_on_payment | set(facts_of_limits(program.pack, grant.rule))


def _wait(grant: Grant, *, by: Actor, at: datetime, zh: str, en: str) -> None:
    latest = grant.events.order_by("-pk").first()
    if latest is None or latest.zh != zh:
        event_of(grant, at=at, by=by, kind="waits", zh=zh, en=en).save()


def _facts_now(
    grant: Grant, counted: Mapping[str, tuple[int, FactRow]], *, at: datetime
) -> Facts | None:
    """Return the facts of a determination with what payments changed since; None if nothing."""
    if not counted:
        return None
    before, today = grant.determination, at.astimezone(CITY_ZONE).date()
    changed = {
        name: row
        for name, (written, row) in counted.items()
        if before.facts.get(name, {}).get("row", 0) < written
    }
    if not changed:
        return None
    program = program_of(before.pack, on=before.on_date, subject=grant.subject.kind)
    facts = {name: kept for name, kept in before.facts.items() if name not in changed}
    for name, row in changed.items():
        fact = program.pack.facts[name]
        number = number_on(program.pack, fact, row, on=today, trusted_only=True)
        if number is not None:
            facts |= kept_facts(program, {name: (number, row)})
    return facts


def _is_still_due(grant: Grant, facts: Facts, *, by: Actor, at: datetime) -> bool:
    """Determine a grant anew; return whether something of it is left to be paid."""
    before, now = grant.determination, _draft(grant, facts)
    now.made_at, now.made_by = at, by.name
    if now.status == Status.UNKNOWN or (now.amount_fen is not None and now.payable_fen is None):
        zh = "前一笔付款后，计算所需的数未知：请部门补报"
        en = "After an earlier payment a number that is needed is unknown: the bureau must tell it"
        _wait(grant, by=by, at=at, zh=zh, en=en)
        return False
    grant.determination = _kept(now)
    left_fen = now.payable_fen or 0
    if not left_fen:
        _refuse(grant, now, by=by, at=at)
    elif left_fen < (before.payable_fen or 0) and left_fen < grant.amount_fen:
        _pay_less(grant, left_fen, by=by, at=at)
    else:
        grant.save(update_fields=["determination"])
    return left_fen > 0


def _draft(grant: Grant, facts: Facts) -> Determination:
    """Return what the rule says of some facts on the day of the determination, not yet kept."""
    before = grant.determination
    now = Determination(
        subject=grant.subject,
        pack=before.pack,
        rule=before.rule,
        on_date=before.on_date,
        facts=facts,
        beside=before.beside,
    )
    said = recompute(now).said
    now.identity, now.status = said.id, said.status.value
    now.amount_fen, now.payable_fen = said.amount_fen, said.payable_fen
    now.reason_zh, now.reason_en = said.reason("zh"), said.reason("en")
    return now


def _kept(now: Determination) -> Determination:
    """Return the determination as it is kept; one that was made before is found again."""
    same = Determination.objects.filter(subject=now.subject, identity=now.identity).first()
    if same is not None:
        return same
    now.save()
    return now


def _refuse(grant: Grant, now: Determination, *, by: Actor, at: datetime) -> None:
    drop_orders(grant)
    move(
        grant,
        Grant.State.REFUSED,
        by=by,
        at=at,
        kind="refused",
        zh=f"前一笔付款后重新认定，不再发放：{now.reason_zh}",
        en=f"Determined anew after an earlier payment, nothing is due: {now.reason_en}",
    )


def _pay_less(grant: Grant, amount_fen: int, *, by: Actor, at: datetime) -> None:
    was = grant.amount_fen
    grant.amount_fen = amount_fen
    grant.save(update_fields=["determination", "amount_fen"])
    event_of(
        grant,
        at=at,
        by=by,
        kind="corrected",
        zh=f"前一笔付款后重新认定，由 {was / 100:,.2f} 元改为 {amount_fen / 100:,.2f} 元",
        en=f"Determined anew after an earlier payment: {amount_fen / 100:,.2f} yuan, "
        f"not {was / 100:,.2f}",
    ).save()
    record(
        at=at,
        by=by,
        verb="funding.grant.determined_anew",
        subject_kind="grant",
        subject_key=grant.key,
        subject_name=f"{grant.code}/{grant.rule} {grant.period}",
        before_fen=was,
        amount_fen=amount_fen,
    )
