"""Benefits that must be applied for: an application is a fact, and waits for a delivery."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from django.db import transaction

from liudu.contract import Refusal
from liudu.platform.actors import Actor
from liudu.platform.audit.services import record
from liudu.platform.clock import CITY_ZONE
from liudu.platform.funding.decisions import in_the_way
from liudu.platform.funding.models import (
    Application,
    Batch,
    FactRow,
    Grant,
    GrantEvent,
    PackVersion,
    Subject,
)
from liudu.platform.funding.packs import program_of
from liudu.platform.funding.queries import (
    DEAD,
    known_numbers,
    live_facts,
    table_of,
    versions_on,
)
from liudu.rules import Fact, Program, Rule, explain

PLATFORM: Final = "本平台"
TRUE: Final = "true"


class NotTakenNowError(Refusal):
    """An application for what needs none, is not in force, or whose window is closed."""

    status = 409
    en = "{rule} takes no applications on {on}: look at the policy for when it does."
    zh = "{rule} 在 {on} 不受理申领：受理时间请看政策。"


class NotDueError(Refusal):
    """A condition does not hold, as far as is known."""

    en = "{title_en} cannot be applied for: “{condition_en}” does not hold.{advice_en} If what is known is wrong, have the bureau correct it first."  # noqa: E501
    zh = "还不能申领{title_zh}：不符合“{condition_zh}”。{advice_zh}如所依据的事实有误，请先由掌握部门更正。"  # noqa: E501


class AppliedElsewhereError(Refusal):
    """The application was made already, at a bureau or for another benefit."""

    status = 409
    en = "{label_en}: on record with {bureau} since {since}; nothing needs to be done."
    zh = "{label_zh}：{bureau}已有登记（{since}），无需再申领。"


class GrantedAlreadyError(Refusal):
    """An application is to be withdrawn after something was granted for it."""

    status = 409
    en = "{rule} is granted for {period} already: opt out of the grant instead."
    zh = "{rule} 的 {period} 期已经发放到您名下：如不需要，请在该笔资金上选择放弃。"


@transaction.atomic
def apply_for(
    *, by: Actor, at: datetime, subject: Subject, version: PackVersion, rule: str
) -> Application:
    """Apply for a benefit, which makes the fact true that its rule asks for; twice is once.

    Facts that nobody has told yet do not stand in the way: the bureaus tell them before a
    delivery. The next one finds the subject if all conditions hold then.

    Raises
    ------
    NotTakenNowError
        The rule is not in force, its window is closed, or it is not applied for.
    NotDueError
        A condition is known not to hold; its sentence and what can be done are named.
    AppliedElsewhereError
        A bureau has the application already.

    """
    today = at.astimezone(CITY_ZONE).date()
    if version.pk not in {one.pk for one in versions_on(today)}:
        raise NotTakenNowError(rule=rule, on=today)
    program = program_of(version, on=today, subject=subject.kind)
    found = program.rules.get(rule)
    if found is None or not found.rule.takes_applications(today):
        raise NotTakenNowError(rule=rule, on=today)
    locked = Subject.objects.select_for_update(of=("self",)).get(pk=subject.pk)
    rows = {row.name: row for row in live_facts([locked])}
    known = known_numbers(program.pack, rows.values(), on=today, trusted_only=False)
    fact = program.pack.facts[found.rule.applied_for]
    before = rows.get(fact.name)
    if before is not None and known.get(fact.name, (0, before))[0]:
        return _made_before(locked, version.code, rule, fact, before)
    _require_nothing_in_the_way(program, found.rule, {name: one[0] for name, one in known.items()})
    return _made(locked, version, rule, fact, before, by=by, at=at)


def _made_before(
    subject: Subject, code: str, rule: str, fact: Fact, before: FactRow
) -> Application:
    """Return the application that stands; raises where it was not made here for this rule."""
    mine = Application.objects.filter(subject=subject, code=code, rule=rule)
    for one in mine.exclude(state=Application.State.WITHDRAWN):
        if before.document == one.reference:
            return one
    raise AppliedElsewhereError(
        label_en=fact.label.say("en"),
        label_zh=fact.label.zh,
        bureau=before.bureau or PLATFORM,
        since=before.observed_date,
    )


def _require_nothing_in_the_way(program: Program, rule: Rule, known: dict[str, int]) -> None:
    table = table_of(program.pack, known, subject="-")
    said = next(one for one in explain(program, table) if one.rule.name == rule.name)
    wrong = in_the_way(said)
    if wrong:
        first = wrong[0]
        advice = first.advice
        raise NotDueError(
            title_en=rule.title.say("en"),
            title_zh=rule.title.zh,
            condition_en=first.say.say("en"),
            condition_zh=first.say.zh,
            advice_en=f" What helps: {advice.say('en')}." if advice else "",
            advice_zh=f"可以：{advice.zh}。" if advice else "",
        )


def _made(
    subject: Subject,
    version: PackVersion,
    rule: str,
    fact: Fact,
    before: FactRow | None,
    *,
    by: Actor,
    at: datetime,
) -> Application:
    # One that ran out, by the fact's validity, without a delivery gives way to the new one.
    waiting = Application.objects.filter(subject=subject, code=version.code, rule=rule)
    waiting.filter(state=Application.State.WAITING).update(
        state=Application.State.WITHDRAWN, changed_at=at
    )
    made = Application.objects.create(
        subject=subject,
        pack=version,
        code=version.code,
        rule=rule,
        applied_at=at,
        applied_by=by.name,
        changed_at=at,
    )
    _write(made, fact.name, str(fact.type.kind), TRUE, before, by=by, at=at)
    _audit(made, verb="funding.application.made", by=by, at=at)
    return made


def _write(
    application: Application,
    name: str,
    kind: str,
    value: str,
    before: FactRow | None,
    *,
    by: Actor,
    at: datetime,
) -> None:
    today = at.astimezone(CITY_ZONE).date()
    FactRow.objects.create(
        subject=application.subject,
        name=name,
        kind=kind,
        value=value,
        origin=FactRow.Origin.APPLIED,
        bureau=PLATFORM,
        document=application.reference,
        observed_date=today,
        valid_from=today,
        entered_at=at,
        entered_by=by.name,
        supersedes=before,
    )


def _audit(application: Application, *, verb: str, by: Actor, at: datetime) -> None:
    record(
        at=at,
        by=by,
        verb=verb,
        subject_kind="subject",
        subject_key=application.subject.key,
        subject_name=application.subject.name,
        application=application.reference,
    )


@transaction.atomic
def withdraw_application(*, by: Actor, at: datetime, application: Application) -> Application:
    """Take an application back before anything is granted for it; twice is once.

    The fact is unknown again, unless a bureau has told it meanwhile.

    Raises
    ------
    GrantedAlreadyError
        A delivery took it; what was refused or opted out of does not count.

    """
    subject = Subject.objects.select_for_update(of=("self",)).get(pk=application.subject_id)
    mine = Application.objects.select_for_update(of=("self",)).get(pk=application.pk)
    if mine.state == Application.State.WITHDRAWN:
        return mine
    if mine.state == Application.State.TAKEN:
        grants = Grant.objects.filter(subject=subject, code=mine.code, rule=mine.rule)
        granted = grants.exclude(state__in=DEAD).first()
        if granted is not None:
            raise GrantedAlreadyError(rule=mine.rule, period=granted.period)
    ours = live_facts([subject]).filter(
        document=mine.reference, origin=FactRow.Origin.APPLIED, value=TRUE
    )
    for row in ours:
        _write(mine, row.name, row.kind, "", row, by=by, at=at)
    mine.state, mine.changed_at = Application.State.WITHDRAWN, at
    mine.save(update_fields=["state", "changed_at"])
    _audit(mine, verb="funding.application.withdrawn", by=by, at=at)
    return mine


def live_of(subjects: Collection[int], rows: Collection[int]) -> set[int]:
    """Return which facts of some subjects still stand, in the transaction at hand.

    The subjects are locked: who withdraws waits, or has withdrawn already.
    """
    locked = Subject.objects.select_for_update().filter(pk__in=subjects)
    list(locked.order_by("pk").values_list("pk", flat=True))
    return set(live_facts(list(subjects)).filter(pk__in=rows).values_list("pk", flat=True))


def take_applications(batch: Batch, subjects: Sequence[Subject], *, at: datetime) -> None:
    """Note of the applications of some subjects that a delivery grants what they asked for."""
    waiting = Application.objects.filter(
        subject__in=subjects, code=batch.code, rule=batch.rule, state=Application.State.WAITING
    )
    grants = {one.subject_id: one for one in batch.grants.filter(subject__in=subjects)}
    taken = [one for one in waiting if one.subject_id in grants]
    GrantEvent.objects.bulk_create(
        [
            GrantEvent(
                grant=grants[one.subject_id],
                at=one.applied_at,
                by=one.applied_by,
                kind="applied",
                zh="已在本平台申领",
                en="Applied for on this platform",
            )
            for one in taken
        ],
        batch_size=500,
    )
    keys = [one.pk for one in taken]
    Application.objects.filter(pk__in=keys).update(state=Application.State.TAKEN, changed_at=at)
