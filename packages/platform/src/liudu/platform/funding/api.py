"""The API of this context: translate, one call, translate."""

from datetime import date
from typing import Annotated, Any, cast

import orjson
from django.http import Http404, HttpRequest, HttpResponse
from ninja import Field, Router, Schema

from liudu.contract import Language
from liudu.platform import clock
from liudu.platform.funding import queries, services
from liudu.platform.funding.models import Determination, Grant, PackVersion, Subject
from liudu.platform.funding.packs import pack_of, program_of
from liudu.platform.web.api_doors import PUBLIC, Page, PageNumber, PageSize, api_door, page_of
from liudu.platform.web.doors import actor_at, require
from liudu.platform.words import language
from liudu.rules import Determination as Said
from liudu.rules import FactTable, Program, encoded_row

router = Router()
FACTS_MAX = 300
Short = Annotated[str, Field(max_length=120)]
DAY_MIN, DAY_MAX = date(2000, 1, 1), date(2199, 12, 31)


class FactOut(Schema):
    """A fact as it was used; `value` is null where nobody knows it."""

    name: str
    label: str
    value: str | None
    bureau: str


class AtomOut(Schema):
    """One condition; `holds` is null where it is unknown."""

    say: str
    holds: bool | None
    facts: list[FactOut]
    advice: str


class SaidOut(Schema):
    """What one rule says, and why. Amounts in fen."""

    id: str
    policy: str
    version: str
    rule: str
    title: str
    clause: str
    on: date
    status: str
    amount_fen: int | None
    payable_fen: int | None
    near: bool
    would_bring_fen: int | None
    outweighed_by: str  # the rule that pays instead; ``policy/rule`` if of another policy
    reason: str
    atoms: list[AtomOut]
    missing: list[FactOut]
    open_parameters: list[str]
    steps: list[str]


class QuestionOut(Schema):
    """A fact to ask for, and how many rules its answer is expected to decide."""

    fact: str
    question: str
    decided: float


class PolicyOut(Schema):
    """A policy in the version that holds."""

    code: str
    number: int
    version: str
    title: str
    digest: str
    valid_from: date | None
    valid_to: date | None
    rules: list[str]
    open_parameters: list[str]


class SubjectOut(Schema):
    """Somebody whose matters the caller may look after."""

    key: str
    kind: str
    name: str


class FactIn(Schema):
    """What a subject says of itself; an empty value takes it back."""

    name: Short
    value: Short


class ExplainIn(Schema):
    """Facts of somebody who need not be known here, as the packs write them."""

    kind: str = Field(pattern="^(enterprise|person|project|contract)$")
    on: date | None = Field(default=None, ge=DAY_MIN, le=DAY_MAX)
    facts: dict[Short, Short] = Field(default_factory=dict, max_length=FACTS_MAX)


class GrantOut(Schema):
    """A grant; amounts in fen."""

    key: str
    policy: str
    rule: str
    period: str
    amount_fen: int
    state: str
    determination: str


class DeterminationOut(Schema):
    """A stored determination and whether it computes to the same again."""

    key: str
    identity: str
    policy: str
    number: int
    rule: str
    on: date
    status: str
    amount_fen: int | None
    payable_fen: int | None
    reason: str
    facts: dict[str, Any]
    same_again: bool


@router.get("/policies", response=list[PolicyOut], auth=api_door(PUBLIC))
def list_policies(request: HttpRequest) -> list[dict[str, object]]:
    """Return the policies in force today."""
    del request
    today = clock.today()
    return [_policy(one, today) for one in queries.versions_on(today)]


@router.get("/policies/{code}", response=PolicyOut, auth=api_door(PUBLIC))
def show_policy(request: HttpRequest, code: str) -> dict[str, object]:
    """Return a policy in the version of today."""
    del request
    today = clock.today()
    return _policy(queries.version_of(code[:60], on=today), today)


def _policy(version: PackVersion, on: date) -> dict[str, object]:
    return {
        "code": version.code,
        "number": version.number,
        "version": version.version,
        "title": version.title,
        "digest": version.digest,
        "valid_from": version.valid_from,
        "valid_to": version.valid_to,
        "rules": list(pack_of(version).rules),
        "open_parameters": [one.name for one in queries.open_in(version, on=on)],
    }


@router.get("/subjects", response=list[SubjectOut], auth=api_door("funding.view_mine"))
def list_subjects(request: HttpRequest) -> list[Subject]:
    """Return whose matters the caller may look after."""
    return queries.subjects_of(actor_at(request))


def _subject(request: HttpRequest, key: str, permission: str) -> Subject:
    subject = (
        Subject.objects.select_related("organisation", "owner", "user")
        .only("key", "kind", "name", "organisation__key", "owner__key", "user__key")
        .filter(key=key[:12])
        .first()
    )
    if subject is None:
        raise Http404
    require(actor_at(request), permission, subject, seen="funding.see_subject")
    return subject


@router.get(
    "/subjects/{key}/explanation",
    response=list[SaidOut],
    auth=api_door("funding.view_mine"),
)
def explain_subject(request: HttpRequest, key: str) -> HttpResponse:
    """Return what every rule says of a subject today, and why; the best first."""
    subject = _subject(request, key, "funding.see_subject")
    services.note_look(by=actor_at(request), at=clock.now(), subject=subject, what="explanation")
    return _as_json([_said(one) for one in queries.said_of(subject, on=clock.today())])


def _as_json(content: object) -> HttpResponse:
    """Return an answer of hundreds of parts without building each of them again as a schema."""
    return HttpResponse(orjson.dumps(content), content_type="application/json; charset=utf-8")


@router.get(
    "/subjects/{key}/questions",
    response=list[QuestionOut],
    auth=api_door("funding.view_mine"),
)
def list_questions(request: HttpRequest, key: str) -> list[dict[str, object]]:
    """Return what to ask a subject, the most decisive first."""
    subject = _subject(request, key, "funding.see_subject")
    found = queries.answer_for(subject, kind=subject.kind, on=clock.today())
    return [
        {"fact": one.fact.name, "question": one.said.say(language()), "decided": one.decided}
        for one in found.questions
    ]


@router.post(
    "/subjects/{key}/facts", response={201: None}, auth=api_door("funding.answer_question")
)
def declare_fact(request: HttpRequest, key: str, told: FactIn) -> tuple[int, None]:
    """Keep what a subject says of itself."""
    subject = _subject(request, key, "funding.answer_question")
    services.declare_fact(
        by=actor_at(request), at=clock.now(), subject=subject, name=told.name, text=told.value
    )
    return 201, None


@router.post("/explain", response=list[SaidOut], auth=api_door(PUBLIC))
def explain_facts(request: HttpRequest, asked: ExplainIn) -> HttpResponse:
    """Return what every rule says of the facts that are sent; nothing is kept."""
    del request
    on = asked.on or clock.today()
    tables: list[tuple[Program, FactTable]] = []
    for version in queries.versions_on(on):
        program = program_of(version, on=on, subject=asked.kind)
        known = {
            name: program.pack.facts[name].read(text)
            for name, text in asked.facts.items()
            if name in program.facts and text.strip()
        }
        tables.append((program, encoded_row(program.pack.facts, known)))
    told = queries.told_together(tables)
    return _as_json([_said(one) for ones in told for one in ones])


def _said(one: Said) -> dict[str, object]:
    tongue = language()
    return {
        "id": one.id,
        "policy": one.pack,
        "version": one.version,
        "rule": one.rule.name,
        "title": one.rule.title.say(tongue),
        "clause": one.rule.clause,
        "on": one.on,
        "status": one.status.value,
        "amount_fen": one.amount_fen,
        "payable_fen": one.payable_fen,
        "near": one.near,
        "would_bring_fen": one.would_bring_fen,
        "outweighed_by": one.outweighed_by,
        "reason": one.reason(tongue),
        "atoms": [
            {
                "say": atom.say.say(tongue),
                "holds": atom.holds,
                "facts": [_fact(fact, tongue) for fact in atom.facts],
                "advice": atom.advice.say(tongue) if atom.advice else "",
            }
            for atom in one.atoms
        ],
        "missing": [_fact(fact, tongue) for fact in one.missing],
        "open_parameters": list(one.open_parameters),
        "steps": [step.say.say(tongue) for step in one.steps],
    }


def _fact(fact: Any, tongue: Language) -> dict[str, object]:  # noqa: ANN401 - a used fact
    return {
        "name": fact.name,
        "label": fact.label.say(tongue),
        "value": fact.said.say(tongue) if fact.said else None,
        "bureau": fact.bureau,
    }


@router.get("/grants", response=Page[GrantOut], auth=api_door("funding.view_mine"))
def list_grants(request: HttpRequest, page: PageNumber = 1, size: PageSize = 25) -> dict[str, Any]:
    """Return the grants that the caller may see, newest first."""
    found = page_of(queries.visible_grants(actor_at(request)), page=page, size=size)
    return {**found, "items": [_grant(one) for one in cast("list[Grant]", found["items"])]}


def _grant(grant: Grant) -> dict[str, object]:
    return {
        "key": grant.key,
        "policy": grant.code,
        "rule": grant.rule,
        "period": grant.period,
        "amount_fen": grant.amount_fen,
        "state": grant.state,
        "determination": grant.determination.key,
    }


@router.get("/determinations/{key}", response=DeterminationOut, auth=api_door("funding.view_mine"))
def show_determination(request: HttpRequest, key: str) -> dict[str, object]:
    """Return a determination, computed again from what was stored."""
    one = (
        Determination.objects.select_related(
            "pack", "subject__organisation", "subject__owner", "subject__user"
        )
        .filter(key=key[:12])
        .first()
    )
    if one is None:
        raise Http404
    seen = "funding.see_determination"
    actor = actor_at(request)
    require(actor, seen, one, seen=seen)
    services.note_look(by=actor, at=clock.now(), subject=one.subject, what="determination")
    return {
        "key": one.key,
        "identity": one.identity,
        "policy": one.pack.code,
        "number": one.pack.number,
        "rule": one.rule,
        "on": one.on_date,
        "status": one.status,
        "amount_fen": one.amount_fen,
        "payable_fen": one.payable_fen,
        "reason": one.reason,
        "facts": one.facts,
        "same_again": queries.recompute(one).same,
    }
