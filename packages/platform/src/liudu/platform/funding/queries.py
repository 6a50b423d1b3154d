"""Reads of policies, facts, determinations and grants."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache, reduce
from operator import or_
from typing import Any

import attrs
from django.db.models import Count, Q, QuerySet, Sum

from liudu.platform.actors import Actor, Role
from liudu.platform.audit.models import Line
from liudu.platform.audit.queries import lines_of
from liudu.platform.funding.beside import Rules, absent_policies, kept_beside
from liudu.platform.funding.decisions import (
    Question,
    application_facts,
    clause_digest,
    encoded_value,
    has_applied,
    in_the_way,
    open_parameters,
    periods_meet,
    questions,
    yearly_counts,
)
from liudu.platform.funding.models import (
    Application,
    Batch,
    ClauseCheck,
    Determination,
    FactRow,
    Grant,
    PackVersion,
    PaymentOrder,
    Subject,
)
from liudu.platform.funding.packs import pack_of, program_of, settings_of
from liudu.platform.identity.models import Organisation
from liudu.rules import Determination as Said
from liudu.rules import (
    Fact,
    FactTable,
    Kind,
    OrderContradictionError,
    Pack,
    Parameter,
    Program,
    StackContradictionError,
    Status,
    UsedFact,
    encoded_row,
    explain,
    explain_together,
)

OFFICES = (Role.OFFICER, Role.AUDITOR)
SEE_ALL = OFFICES
SUBJECT_OF_KIND = {
    Organisation.Kind.COMPANY: Subject.Kind.ENTERPRISE,
    Organisation.Kind.OPC: Subject.Kind.ENTERPRISE,
    Organisation.Kind.PUBLIC_BODY: Subject.Kind.ENTERPRISE,
}


def versions_on(on: date) -> list[PackVersion]:
    """Return of every policy the version that holds on a day, without their texts."""
    newest = PackVersion.objects.order_by("-pk").values_list("key", flat=True).first()
    return list(_versions_on(on, newest))


@lru_cache(maxsize=64)
def _versions_on(on: date, newest: str | None) -> tuple[PackVersion, ...]:
    # Versions are written for good, so the newest says whether anything is new.
    del newest
    held = PackVersion.objects.filter(
        Q(valid_from=None) | Q(valid_from__lte=on), Q(valid_to=None) | Q(valid_to__gte=on)
    )
    found: dict[str, PackVersion] = {}
    for version in held.defer("text").order_by("code", "-number"):
        found.setdefault(version.code, version)
    return tuple(found.values())


def version_of(code: str, *, on: date) -> PackVersion:
    """Return the version of a policy on a day, else its newest; raises `DoesNotExist`."""
    held = [one for one in versions_on(on) if one.code == code]
    return held[0] if held else PackVersion.objects.filter(code=code).defer("text")[:1].get()


def checked_rules(version: PackVersion) -> dict[str, ClauseCheck]:
    """Return by rule who compared its clause, as it reads now, with the official text."""
    checks = {
        (one.rule, one.clause_digest): one for one in ClauseCheck.objects.filter(code=version.code)
    }
    found: dict[str, ClauseCheck] = {}
    for name, rule in pack_of(version).rules.items():
        check = checks.get((name, clause_digest(rule)))
        if check is not None:
            found[name] = check
    return found


def open_in(version: PackVersion, *, on: date) -> tuple[Parameter, ...]:
    """Return the parameters that the office must still set."""
    return open_parameters(pack_of(version), on, settings_of(version))


def subject_of_organisation(organisation: Organisation) -> Subject | None:
    """Return the subject that an organisation is, if anything is known of it."""
    return Subject.objects.filter(organisation=organisation).first()


def subjects_of(actor: Actor) -> list[Subject]:
    """Return whose matters an actor may look after: the organisation, its projects, oneself."""
    if not actor.known:
        return []
    mine = Q(user__key=actor.key) if actor.kind == "person" else Q(pk=None)
    if actor.organisation_key:
        key = actor.organisation_key
        mine |= Q(organisation__key=key) | Q(owner__key=key)
    return list(Subject.objects.filter(mine).select_related("organisation", "user").order_by("pk"))


def visible_determinations(actor: Actor) -> QuerySet[Determination]:
    """Return the determinations that an actor may see."""
    rows = Determination.objects.select_related("subject", "pack")
    return rows if actor.has(*SEE_ALL) else rows.filter(subject__in=subjects_of(actor))


def visible_grants(actor: Actor) -> QuerySet[Grant]:
    """Return the grants that an actor may see."""
    rows = Grant.objects.select_related("subject", "batch", "determination", "batch__pack")
    return rows if actor.has(*SEE_ALL) else rows.filter(subject__in=subjects_of(actor))


def looks_at(subject: Subject) -> QuerySet[Line]:
    """Return who opened what is known of a subject, the newest first."""
    return lines_of("subject", subject.key).filter(verb="funding.subject.looked_at")


def account_before(grant: Grant) -> Grant | None:
    """Return the latest other grant of the same subject that has an account to be paid on."""
    others = Grant.objects.filter(subject=grant.subject_id).exclude(pk=grant.pk)
    failed = (Grant.State.NOTIFIED, Grant.State.CLOSED)  # with an account: a payment came back
    found = others.exclude(account_number="").exclude(state__in=failed)
    return found.order_by("-changed_at", "-pk").first()


DEAD = (
    Grant.State.REFUSED,
    Grant.State.OPTED_OUT,
    Grant.State.NO_BUDGET,
    Grant.State.CLOSED,
)


def rival_grants(subjects: Sequence[int], rivals: Rules, *, period: str) -> dict[int, list[Grant]]:
    """Return by subject the grants that it has from rules that are not paid besides.

    Those count that are for the same time and were not refused, given up, or paid and given
    back whole.
    """
    if not rivals or not subjects:
        return {}
    wanted = reduce(or_, (Q(code=code, rule=rule) for code, rule in sorted(rivals)))
    rows = Grant.objects.filter(wanted, subject__in=subjects).exclude(state__in=DEAD)
    found: dict[int, list[Grant]] = defaultdict(list)
    kinds = PaymentOrder.Kind
    sums = rows.annotate(added=_settled(kinds.SUPPLEMENT), returned=_settled(kinds.RECOVERY))
    for grant in sums.order_by("pk"):
        left = grant.amount_fen + (grant.added or 0) - (grant.returned or 0)
        if left > 0 and periods_meet(grant.period, period):
            found[grant.subject_id].append(grant)
    return dict(found)


def _settled(kind: str) -> Sum:
    settled = Q(orders__kind=kind, orders__state=PaymentOrder.State.SETTLED)
    return Sum("orders__amount_fen", filter=settled)


def rivals_of(grant: Grant) -> list[Grant]:
    """Return the other grants of the same subject of which only one is to be paid."""
    rivals = kept_beside(grant.batch.beside).rivals
    found = rival_grants([grant.subject_id], rivals, period=grant.period)
    keys = [one.pk for one in found.get(grant.subject_id, []) if one.pk != grant.pk]
    rows = Grant.objects.filter(pk__in=keys).select_related("batch__pack").order_by("pk")
    return list(rows) if keys else []


def live_facts(subjects: Sequence[Subject] | Sequence[int]) -> QuerySet[FactRow]:
    """Return the facts of some subjects that nothing newer supersedes."""
    return FactRow.objects.filter(subject__in=subjects, superseded_by__isnull=True)


def fact_catalogue(kind: str, *, on: date) -> dict[str, list[Fact]]:
    """Return by name the facts that the policies of a day ask of a kind of subject."""
    found: dict[str, list[Fact]] = defaultdict(list)
    for version in versions_on(on):
        program = program_of(version, on=on, subject=kind)
        for name in program.facts:
            found[name].append(program.pack.facts[name])
    return dict(found)


def holds(row: FactRow, fact: Fact, *, on: date, trusted_only: bool) -> bool:
    """Return whether a kept fact may be used on a day.

    What its subject said is used for a payment (`trusted_only`) only where the policy lets the
    subject be asked; otherwise it only tells the subject what it would mean.
    """
    if trusted_only and row.origin == FactRow.Origin.DECLARED and fact.question is None:
        return False
    if row.valid_from > on or (row.valid_to is not None and row.valid_to < on):
        return False
    days = fact.valid_days
    fresh = days is None or row.observed_date + timedelta(days=days) >= on
    return fresh and row.observed_date <= on


def known_numbers(
    pack: Pack, rows: Iterable[FactRow], *, on: date, trusted_only: bool
) -> dict[str, tuple[int, FactRow]]:
    """Return by name what a pack knows from kept facts, encoded, beside the row it came from."""
    known: dict[str, tuple[int, FactRow]] = {}
    for row in rows:
        fact = pack.facts.get(row.name)
        if fact is not None:
            number = number_on(pack, fact, row, on=on, trusted_only=trusted_only)
            if number is not None:
                known[row.name] = (number, row)
    return known


def number_on(pack: Pack, fact: Fact, row: FactRow, *, on: date, trusted_only: bool) -> int | None:
    """Return what a kept fact is on a day, in a pack's encoding; None if it may not be used.

    What counts the payments of one year is 0 in the next: nobody has told of it yet, and this
    platform has paid nothing.
    """
    if row.origin in CLAIMS and not _is_claim_of(pack, row):
        return None
    number = encoded_value(fact, kind=row.kind, value=row.value)
    if (
        number is not None
        and row.observed_date.year < on.year
        and row.name in yearly_counts(pack)
        and row.origin != FactRow.Origin.DECLARED
    ):
        return max(fact.minimum, 0)
    return number if holds(row, fact, on=on, trusted_only=trusted_only) else None


CLAIMS = (FactRow.Origin.APPLIED, FactRow.Origin.DECLARED)


def _is_claim_of(pack: Pack, row: FactRow) -> bool:
    """Return whether what a subject did or said here counts for a pack.

    An application is for a rule of one pack; another pack may call another claim the same. That
    one has applied is not said, but done.
    """
    applied_for = row.name in application_facts(pack)
    if row.origin == FactRow.Origin.APPLIED:
        return applied_for and row.document.startswith(f"{pack.name}/")
    return not applied_for


def table_of(pack: Pack, known: Mapping[str, int], *, subject: str) -> FactTable:
    """Return the table of one subject from encoded values."""
    return encoded_row(pack.facts, known, subject=subject)


@attrs.frozen(kw_only=True)
class Benefit:
    """What one rule says of one subject today, beside the policy and the facts it used.

    Attributes
    ----------
    declared
        The facts among those used that only the subject itself has said and that a bureau
        must still confirm before anything is paid.

    """

    version: PackVersion
    said: Said
    declared: tuple[str, ...]
    rows: Mapping[str, FactRow]
    checked: bool
    application: Application | None = None

    @property
    def may_be_applied_for(self) -> bool:
        """Whether an application is taken: no condition that is known to fail stands in the way."""
        taken = self.said.rule.takes_applications(self.said.on)
        return taken and not has_applied(self.said) and not in_the_way(self.said)

    @property
    def is_open_to_apply(self) -> bool:
        """Whether it can be applied for, or an application waits that can be withdrawn."""
        made = self.application
        waits = made is not None and made.state == Application.State.WAITING
        return waits or self.may_be_applied_for

    @property
    def to_check(self) -> tuple[UsedFact, ...]:
        """The facts that a bureau has yet to tell before anything is paid."""
        told = {name for name, row in self.rows.items() if row.origin != FactRow.Origin.DECLARED}
        waiting = (one for one in self.said.facts if one.name not in told)
        return tuple(one for one in waiting if one.name != self.said.rule.applied_for)

    @property
    def rank(self) -> tuple[int, int]:
        """The place among the cards: due first, then near, then open; larger amounts first."""
        return _rank(self.said)


@attrs.frozen(kw_only=True)
class Answer:
    """What a subject can get, and what to ask next."""

    benefits: tuple[Benefit, ...]
    questions: tuple[Question, ...]


def benefits_of(
    subject: Subject | None, *, kind: str, on: date, rows: Sequence[FactRow] | None = None
) -> tuple[Benefit, ...]:
    """Return what every policy of a day says of a subject, the best first."""
    return _answer(subject, kind=kind, on=on, rows=rows, ask=False).benefits


def said_of(subject: Subject, *, on: date) -> list[Said]:
    """Return what every rule of a day says of a subject, as `benefits_of`, without the rest."""
    columns = ("name", "kind", "value", "origin", "document", "valid_from", "valid_to")
    rows = live_facts([subject]).values_list(*columns, "observed_date", named=True)
    tables = [
        (program, table)
        for _, _, program, table in _tables(subject.key, rows, kind=subject.kind, on=on)
    ]
    found = [said for told in told_together(tables) for said in told]
    return sorted(found, key=_rank)


def told_together(
    asked: Sequence[tuple[Program, FactTable]],
) -> tuple[tuple[Said, ...], ...]:
    """Return what every policy of a day says of one subject, groups settled over all of them.

    Where the groups of two policies contradict each other, each is told alone and what they
    share stays open.
    """
    absent = absent_policies([program for program, _ in asked])
    try:
        return explain_together(asked, absent=absent)
    except (StackContradictionError, OrderContradictionError):
        return tuple(explain(program, table) for program, table in asked)


def _tables(
    key: str, rows: Iterable[FactRow], *, kind: str, on: date
) -> Iterator[tuple[PackVersion, Mapping[str, tuple[int, FactRow]], Program, FactTable]]:
    """Yield each policy with rules for a kind of subject, and what it knows of this one."""
    rows = list(rows)
    for version in versions_on(on):
        program = program_of(version, on=on, subject=kind)
        if program.rules:
            known = known_numbers(program.pack, rows, on=on, trusted_only=False)
            numbers = {name: one[0] for name, one in known.items()}
            yield version, known, program, table_of(program.pack, numbers, subject=key)


def _rank(said: Said) -> tuple[int, int]:
    order = {Status.ELIGIBLE: 0, Status.UNKNOWN: 2, Status.INELIGIBLE: 3}
    place = 1 if said.near else order[said.status]
    return place, -(said.amount_fen or said.would_bring_fen or 0)


def answer_for(
    subject: Subject | None, *, kind: str, on: date, skip: frozenset[str] = frozenset()
) -> Answer:
    """Return what a subject can get and the questions that decide most."""
    return _answer(subject, kind=kind, on=on, rows=None, ask=True, skip=skip)


def _answer(
    subject: Subject | None,
    *,
    kind: str,
    on: date,
    rows: Sequence[FactRow] | None,
    ask: bool,
    skip: frozenset[str] = frozenset(),
) -> Answer:
    if rows is None:
        rows = list(live_facts([subject])) if subject else []
    key = subject.key if subject else "-"
    found: list[Benefit] = []
    checks = set(ClauseCheck.objects.values_list("code", "rule", "clause_digest"))
    tables = list(_tables(key, rows, kind=kind, on=on))
    applied_for = {name for _, _, program, _ in tables for name in application_facts(program.pack)}
    made = applications_of(subject) if subject and applied_for else {}
    asked = [(program, table) for _, _, program, table in tables]
    for (version, known, _, _), told in zip(tables, told_together(asked), strict=True):
        for said in told:
            digest = clause_digest(said.rule)
            found.append(
                attrs.evolve(
                    _benefit(
                        version,
                        said,
                        known,
                        checked=(version.code, said.rule.name, digest) in checks,
                    ),
                    application=made.get((version.code, said.rule.name)),
                )
            )
    found.sort(key=lambda one: one.rank)
    return Answer(
        benefits=tuple(found),
        questions=tuple(questions(asked, skip=skip | applied_for)) if ask else (),
    )


def applications_of(subject: Subject) -> dict[tuple[str, str], Application]:
    """Return by policy and rule the latest application of a subject that it did not withdraw."""
    rows = Application.objects.filter(subject=subject).exclude(state=Application.State.WITHDRAWN)
    return {(one.code, one.rule): one for one in rows.order_by("pk")}


def waiting_applications(code: str = "") -> dict[tuple[str, str], int]:
    """Return by policy and rule how many applications wait for a delivery."""
    rows = Application.objects.filter(state=Application.State.WAITING)
    rows = rows.filter(code=code) if code else rows
    found = rows.order_by().values_list("code", "rule").annotate(count=Count("pk"))
    return {(policy, rule): count for policy, rule, count in found}


def facts_applied_for(kind: str, *, on: date) -> frozenset[str]:
    """Return the facts that only an application for a benefit of the day makes true."""
    packs = (pack_of(version) for version in versions_on(on))
    rules = (rule for pack in packs for rule in pack.rules.values())
    return frozenset(one.applied_for for one in rules if one.applied_for and one.subject == kind)


def _benefit(
    version: PackVersion, said: Said, known: Mapping[str, tuple[int, FactRow]], *, checked: bool
) -> Benefit:
    used = {fact.name: known[fact.name][1] for fact in said.facts if fact.name in known}
    facts = pack_of(version).facts
    declared = tuple(
        facts[name].label.zh
        for name, row in used.items()
        if row.origin == FactRow.Origin.DECLARED and facts[name].question is None
    )
    return Benefit(version=version, said=said, declared=declared, rows=used, checked=checked)


@attrs.frozen(kw_only=True)
class Recomputed:
    """A determination computed again from the stored text and the stored facts."""

    said: Said
    same: bool
    differences: tuple[str, ...]


def recompute(determination: Determination) -> Recomputed:
    """Return what the stored pack says today of the stored facts; it must be the same."""
    kind = determination.subject.kind
    program = program_of(determination.pack, on=determination.on_date, subject=kind)
    known = {name: one["number"] for name, one in determination.facts.items()}
    table = table_of(program.pack, known, subject=determination.subject.key)
    asked = [(program, table), *_tables_beside(determination)]
    absent = (determination.beside or {}).get("absent", ())
    only = (program.pack.name, determination.rule)
    said = explain_together(asked, absent=absent, only=only)[0][0]
    pairs = {
        "identity": (determination.identity, said.id),
        "status": (determination.status, said.status.value),
        "amount_fen": (determination.amount_fen, said.amount_fen),
        "payable_fen": (determination.payable_fen, said.payable_fen),
    }
    differences = tuple(name for name, (then, now) in pairs.items() if then != now)
    return Recomputed(said=said, same=not differences, differences=differences)


def _tables_beside(determination: Determination) -> Iterator[tuple[Program, FactTable]]:
    """Yield the other policies of the rule's group with the facts that were stored of them."""
    subject = determination.subject
    for version, facts in beside_determination(determination):
        program = program_of(version, on=determination.on_date, subject=subject.kind)
        numbers = {name: fact["number"] for name, fact in facts.items()}
        yield program, table_of(program.pack, numbers, subject=subject.key)


def beside_determination(
    determination: Determination,
) -> list[tuple[PackVersion, Mapping[str, Mapping[str, Any]]]]:
    """Return the other policies of the rule's group, each with the facts that were stored."""
    policies = (determination.beside or {}).get("policies", {})
    keys = [one["key"] for one in policies.values()]
    versions = PackVersion.objects.defer("text").in_bulk(keys, field_name="key") if keys else {}
    return [(versions[one["key"]], one["facts"]) for one in policies.values()]


def batches() -> QuerySet[Batch]:
    """Return all deliveries, newest first."""
    return Batch.objects.select_related("pack")


def date_facts(program: Program) -> list[Fact]:
    """Return the days that a policy knows of its subjects: orders in which to serve them."""
    facts = program.pack.facts
    return [facts[name] for name in program.facts if facts[name].type.kind is Kind.DATE]
