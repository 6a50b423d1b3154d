"""What pages read, always within the districts of the member."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Q, QuerySet

from liudu.outbreak.desk.decisions import STATES, Merit, merit
from liudu.outbreak.desk.models import Member, Run, Signal

OPEN = tuple(state for state in STATES if state != "closed")


def signals_of(member: Member) -> QuerySet[Signal]:
    """Return the signals that a member may see."""
    found = Signal.objects.select_related("owner")
    return found.filter(district__in=member.districts) if member.districts else found


def filtered(member: Member, wishes: Mapping[str, str]) -> QuerySet[Signal]:
    """Return the signals that a member asks for: state, priority, disease, district, mine, q."""
    found = signals_of(member)
    state = wishes.get("state", "open")
    if state == "open":
        found = found.filter(state__in=OPEN)
    elif state in STATES:
        found = found.filter(state=state)
    if wishes.get("priority", "").isdecimal():
        found = found.filter(priority__lte=int(wishes["priority"][:2]))
    for field in ("disease", "district"):
        if wishes.get(field):
            found = found.filter(**{field: wishes[field]})
    if wishes.get("mine"):
        found = found.filter(owner=member.user)
    if wishes.get("q"):
        found = found.filter(Q(name__icontains=wishes["q"][:100]))
    return found


def choices(member: Member) -> dict[str, list[str]]:
    """Return the diseases and districts that occur, for filters and rules."""
    found = signals_of(member)
    return {
        field: sorted(
            value
            for value in found.order_by().values_list(field, flat=True).distinct()
            if value
        )
        for field in ("disease", "district")
    }  # fmt: skip


def merit_of(member: Member) -> Merit:
    """Return response time and PPV over the signals of a member."""
    found = signals_of(member).order_by()
    pairs = list(found.values_list("raised_at", "verified_at"))
    return merit(pairs, outcomes=found.filter(state="closed").values_list("outcome", flat=True))


def by_disease(member: Member) -> list[dict[str, Any]]:
    """Return the figures of each disease, those with most signals first."""
    rows: list[dict[str, Any]] = []
    for disease in choices(member)["disease"]:
        own = signals_of(member).order_by().filter(disease=disease)
        pairs = list(own.values_list("raised_at", "verified_at"))
        outcomes = own.filter(state="closed").values_list("outcome", flat=True)
        rows.append({"disease": disease, "merit": merit(pairs, outcomes=outcomes)})
    return sorted(rows, key=lambda row: -row["merit"].raised)


def last_run() -> Run | None:
    """Return the newest detection that ended well."""
    return Run.objects.filter(state="done").first()
