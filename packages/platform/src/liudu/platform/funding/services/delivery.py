"""Delivery without an application: match, notify, confirm, pay, publish, archive.

Every step is a transaction of its own and may be taken again: after a crash the next try goes on
where the last one stopped, and a grant stands once for a subject, a rule and a period because the
database says so.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import attrs
import numpy as np
from django.db import transaction

from liudu.contract import Refusal
from liudu.platform.actors import Actor
from liudu.platform.audit.services import record
from liudu.platform.funding.beside import Beside, beside_of, kept_beside, programs_beside
from liudu.platform.funding.decisions import is_sampled, period_of
from liudu.platform.funding.models import (
    Batch,
    Determination,
    FactRow,
    Grant,
    GrantEvent,
    PackVersion,
    PaymentOrder,
    Subject,
)
from liudu.platform.funding.packs import pack_of, program_of
from liudu.platform.funding.queries import known_numbers, live_facts, rival_grants, versions_on
from liudu.platform.funding.services.applications import live_of, take_applications
from liudu.platform.funding.services.budgets import locked_with_its_kin, serve_budgets
from liudu.rules import (
    Column,
    FactTable,
    Payable,
    Program,
    Rule,
    Run,
    explain_together,
    near_amounts,
    run,
    settle_together,
)

CHUNK: Final = 1000
ACCOUNT_DIGITS_MIN: Final = 8
Known = dict[str, tuple[int, FactRow]]


class NotAutomaticError(Refusal):
    """A delivery is wanted of a rule that pays no money, or does not say how one comes to it."""

    en = "{rule} is neither delivered without an application nor applied for here: its pack needs an amount, and `automatic: true` or `applied_for`."  # noqa: E501
    zh = "{rule} 既不是免申即享，也不能在本平台申领：政策包须写明金额，以及 automatic: true 或 applied_for。"  # noqa: E501


class NoSuchRuleError(Refusal):
    """The policy has no such rule in force on the day."""

    en = "{code} has no rule {rule} in force on {on}."
    zh = "{code} 在 {on} 没有有效的规则 {rule}。"


class WrongStageError(Refusal):
    """A step is taken too early or too late."""

    status = 409
    en = "{batch} is at “{found}”; this step needs “{wanted}”."
    zh = "{batch} 现处于“{found}”，这一步须在“{wanted}”时进行。"


class WrongStateError(Refusal):
    """A grant is not where this step begins; somebody may have been quicker."""

    status = 409
    en = "This grant is “{found}” now, and the step needs “{wanted}”: reload the page."
    zh = "这笔资金现为“{found}”，这一步须为“{wanted}”：请刷新页面。"


class BadAccountError(Refusal):
    """An account that cannot be one."""

    en = "The account needs a holder, a bank and a number of 8 to 32 digits."
    zh = "请填写户名、开户银行和 8 至 32 位的账号。"


class ReasonNeededError(Refusal):
    """A decision without its reason."""

    en = "Write the reason: the subject reads it."
    zh = "请写明理由：当事人会看到。"


@transaction.atomic
def open_batch(
    *,
    by: Actor,
    at: datetime,
    version: PackVersion,
    rule: str,
    on: date,
    sample_share: float = 0.02,
    review_above_fen: int | None = None,
    simulated: bool = False,
) -> Batch:
    """Open the delivery of a rule for the period of a day, or return the one that is open.

    Parameters
    ----------
    sample_share
        Which share of the grants a person looks at before they are notified, by chance.
    review_above_fen
        Larger grants are always looked at.

    Raises
    ------
    NoSuchRuleError, NotAutomaticError, NotPaidThisMonthError

    """
    program = program_of(version, on=on)
    if rule not in program.rules:
        raise NoSuchRuleError(code=version.code, rule=rule, on=on)
    found = program.rules[rule]
    if not (found.rule.automatic or found.rule.applied_for) or found.amount is None:
        raise NotAutomaticError(rule=rule)
    beside = beside_of(version, rule, on=on, kind=found.rule.subject, held=versions_on(on))
    batch, made = Batch.objects.get_or_create(
        code=version.code,
        rule=rule,
        period=period_of(found.rule, on),
        simulated=simulated,
        defaults={
            "pack": version,
            "on_date": on,
            "sample_share": min(max(sample_share, 0.0), 1.0),
            "sample_seed": secrets.randbits(48),
            "review_above_fen": review_above_fen,
            "beside": beside.kept(),
            "opened_at": at,
            "opened_by": by.name,
        },
    )
    if made:
        numbers = {one.code: one.number for one in beside.versions}
        _tell(
            batch,
            at=at,
            by=by,
            verb="opened",
            pack=version.number,
            seed=batch.sample_seed,
            **({"beside": numbers} if numbers else {}),
        )
    return batch


def _tell(batch: Batch, *, at: datetime, by: Actor, verb: str, **detail: object) -> None:
    record(
        at=at,
        by=by,
        verb=f"funding.batch.{verb}",
        subject_kind="batch",
        subject_key=batch.key,
        subject_name=str(batch),
        **detail,
    )


def match_batch(
    *, by: Actor, at: datetime, batch: Batch, until: Callable[[], datetime] | None = None
) -> Batch:
    """Compare the whole city with the rule; a batch that was cut short goes on.

    The batch keeps the version of its pack and of the policies that share a group with its
    rule, whatever is loaded while it runs: who of them pays is decided over all. Each thousand
    subjects are a transaction: their determinations, their grants and how far it came.

    Parameters
    ----------
    until
        Asked with every chunk: until when a worker that is silent is thought to live.

    """
    kind = pack_of(batch.pack).rules[batch.rule].subject
    program = program_of(batch.pack, on=batch.on_date, subject=kind)
    matching = _Matching(batch=batch, program=program, kind=kind, at=at, by=by, until=until)
    for tables in matching.chunks():
        matching.write(tables)
    return _finish_matching(batch, program, at=at, by=by)


Tables = tuple[FactTable, ...]


@attrs.define
class _Matching:
    """The comparison of one delivery, a chunk of the city at a time.

    `programs` are the delivery's own policy and those beside it; `known` holds by policy what
    it knows of each subject of the chunk, in their order.
    """

    batch: Batch
    program: Program
    kind: str
    at: datetime
    by: Actor
    until: Callable[[], datetime] | None = None
    beside: Beside = attrs.field(init=False)
    programs: tuple[Program, ...] = attrs.field(init=False)
    subjects: list[Subject] = attrs.field(factory=list)
    known: tuple[list[Known], ...] = ()

    def __attrs_post_init__(self) -> None:
        self.beside = kept_beside(self.batch.beside)
        self.programs = (self.program, *programs_beside(self.beside, self.batch))

    @property
    def key(self) -> tuple[str, str]:
        """The policy and the rule that are delivered."""
        return self.program.pack.name, self.batch.rule

    def chunks(self) -> Iterator[Tables]:
        """Yield the facts of the next subjects, as each policy reads them, until none is left."""
        done = Batch.objects.values_list("matched_pk", flat=True).get(pk=self.batch.pk)
        while True:
            rows = Subject.objects.filter(
                kind=self.kind, simulated=self.batch.simulated, pk__gt=done
            )
            self.subjects = list(rows.order_by("pk")[:CHUNK])
            if not self.subjects:
                return
            done = self.subjects[-1].pk
            yield self.tables()

    def tables(self) -> Tables:
        facts: dict[int, list[FactRow]] = {one.pk: [] for one in self.subjects}
        names = {name for program in self.programs for name in program.facts}
        for row in live_facts(self.subjects).filter(name__in=names):
            facts[row.subject_id].append(row)
        on = self.batch.on_date
        self.known = tuple(
            [
                known_numbers(program.pack, facts[one.pk], on=on, trusted_only=True)
                for one in self.subjects
            ]
            for program in self.programs
        )
        return tuple(
            table_of_many(program, self.subjects, known)
            for program, known in zip(self.programs, self.known, strict=True)
        )

    @transaction.atomic
    def write(self, tables: Tables) -> None:
        """Write a chunk, unless another run of this batch has written it meanwhile."""
        locked = Batch.objects.select_for_update().get(pk=self.batch.pk)
        last = self.subjects[-1].pk
        if locked.stage != Batch.Stage.MATCHING or locked.matched_pk >= last:
            return
        pairs = zip(self.programs, tables, strict=True)
        runs = [run(program, table) for program, table in pairs]
        settled = settle_together(runs, programmes=False, absent=self.beside.absent)
        paid = settled.settlements[self.key[0]].payable[self.batch.rule]
        self._grant(tables, self._still_applied(_due(paid)))
        locked.matched_pk = last
        locked.matching_until = self.until() if self.until else None
        _count(locked, runs[0], paid)
        locked.save()

    def _grant(self, tables: Tables, due: Sequence[tuple[int, int]]) -> None:
        rows = [self._determination(tables, row) for row, _ in due]
        Determination.objects.bulk_create(rows, ignore_conflicts=True, batch_size=200)
        subjects = [self.subjects[row] for row, _ in due]
        kept = {
            (one.subject_id, one.identity): one
            for one in Determination.objects.filter(
                subject__in=subjects, rule=self.batch.rule
            ).defer("facts", "beside")
        }
        rivals = self._rivals([one.pk for one in subjects])
        grants = [
            self._one_grant(row, kept[said.subject_id, said.identity], amount, rivals)
            for said, (row, amount) in zip(rows, due, strict=True)
        ]
        Grant.objects.bulk_create(grants, ignore_conflicts=True, batch_size=200)
        if self.rule.applied_for:
            take_applications(self.batch, subjects, at=self.at)

    @property
    def rule(self) -> Rule:
        """The rule that is delivered."""
        return self.program.pack.rules[self.batch.rule]

    def _still_applied(self, due: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Leave out whose application was withdrawn since the facts were read."""
        name = self.rule.applied_for
        if not name:
            return due
        rows = {row: self.known[0][row][name][1].pk for row, _ in due}
        live = live_of([self.subjects[row].pk for row in rows], set(rows.values()))
        return [(row, amount) for row, amount in due if rows[row] in live]

    def _rivals(self, subjects: Sequence[int]) -> dict[int, list[Grant]]:
        """Return by subject the grants of which only one is to be paid.

        The subjects are locked: a delivery of the other rule that runs at the same time sees
        these grants, or these see its.
        """
        if not self.beside.rivals:
            return {}
        rows = Subject.objects.select_for_update().filter(pk__in=subjects)
        list(rows.order_by("pk").values_list("pk", flat=True))
        return rival_grants(subjects, self.beside.rivals, period=self.batch.period)

    def _determination(self, tables: Tables, row: int) -> Determination:
        asked = list(zip(self.programs, tables, strict=True))
        told = explain_together(asked, row, absent=self.beside.absent, only=self.key)
        said = told[0][0]
        return Determination(
            identity=said.id,
            subject=self.subjects[row],
            pack=self.batch.pack,
            rule=self.batch.rule,
            on_date=self.batch.on_date,
            status=said.status.value,
            amount_fen=said.amount_fen,
            payable_fen=said.payable_fen,
            facts=kept_facts(self.program, self.known[0][row]),
            beside=self._beside(row),
            reason_zh=said.reason("zh"),
            reason_en=said.reason("en"),
            made_at=self.at,
            made_by=self.by.name,
        )

    def _beside(self, row: int) -> dict[str, object] | None:
        """Return what a determination keeps of the policies beside its own."""
        if not self.beside.versions and not self.beside.absent:
            return None
        others = zip(self.beside.versions, self.programs[1:], self.known[1:], strict=True)
        return {
            "policies": {
                version.code: {"key": version.key, "facts": kept_facts(program, known[row])}
                for version, program, known in others
            },
            "absent": sorted(self.beside.absent),
        }

    def _one_grant(
        self, row: int, said: Determination, amount_fen: int, rivals: Mapping[int, list[Grant]]
    ) -> Grant:
        subject = self.subjects[row]
        why = "group" if subject.pk in rivals else self._sampled_for(row, amount_fen)
        return Grant(
            batch=self.batch,
            subject=subject,
            determination=said,
            code=self.batch.code,
            rule=self.batch.rule,
            period=self.batch.period,
            amount_fen=amount_fen,
            state=Grant.State.REVIEW if why else Grant.State.MATCHED,
            sampled_for=why,
            changed_at=self.at,
        )

    def _sampled_for(self, row: int, amount_fen: int) -> str:
        above = self.batch.review_above_fen
        if above is not None and amount_fen > above:
            return "amount"
        if any(
            one.origin == FactRow.Origin.DECLARED
            for known in self.known
            for _, one in known[row].values()
        ):
            return "declared"
        seed, share = self.batch.sample_seed, self.batch.sample_share
        key = self.subjects[row].key
        return "random" if is_sampled(seed=seed, subject_key=key, share=share) else ""


def _due(paid: Payable) -> list[tuple[int, int]]:
    """Return to whom a rule finally pays something, by row, and how much."""
    return [
        (int(row), int(amount))
        for row, amount, waits in zip(paid.rows, paid.amount_fen, paid.open, strict=True)
        if amount > 0 and not waits
    ]


def _count(batch: Batch, result: Run, paid: Payable) -> None:
    """Add a chunk to what a delivery counts."""
    status, near = result.status(batch.rule), near_amounts(result, batch.rule)
    batch.subject_count += len(result.table)
    batch.eligible_count += int((status == 1).sum())
    batch.unknown_count += int((status == -1).sum())
    batch.open_count += int(paid.open.sum())
    batch.near_count += len(near.rows)
    batch.near_fen += near.total_fen
    batch.near_unknown_count += near.unknown_count


def table_of_many(
    program: Program, subjects: Sequence[Subject], known: Sequence[Known]
) -> FactTable:
    """Return the facts of many subjects as the rules read them."""
    count = len(subjects)
    columns: dict[str, Column] = {}
    for name in program.facts:
        fact = program.pack.facts[name]
        kind = np.bool_ if fact.type.kind == "bool" else np.int64
        numbers: Any = np.zeros(count, kind)
        unknown = np.ones(count, np.bool_)
        for index, one in enumerate(known):
            if name in one:
                numbers[index], unknown[index] = one[name][0], False
        columns[name] = Column(numbers, unknown if bool(unknown.any()) else None)
    return FactTable.of(program.pack.facts, columns, subjects=[one.key for one in subjects])


def kept_facts(program: Program, known: Known) -> dict[str, object]:
    """Return the facts as a determination keeps them: enough to compute it again for ever."""
    return {
        name: {
            "number": number,
            "value": program.pack.facts[name].show(number),
            "bureau": row.bureau,
            "document": row.document,
            "date": row.observed_date.isoformat(),
            "origin": row.origin,
            "row": row.pk,
        }
        for name, (number, row) in known.items()
        if name in program.facts
    }


@transaction.atomic
def _finish_matching(batch: Batch, program: Program, *, at: datetime, by: Actor) -> Batch:
    locked = locked_with_its_kin(batch)
    if locked.stage != Batch.Stage.MATCHING:
        return locked
    locked.turned_away_count = serve_budgets(locked, program, at=at)
    locked.stage, locked.matching_until = Batch.Stage.MATCHED, None
    locked.save()
    _tell(
        locked,
        at=at,
        by=by,
        verb="matched",
        subjects=locked.subject_count,
        eligible=locked.eligible_count,
        unknown=locked.unknown_count,
        turned_away=locked.turned_away_count,
    )
    return locked


@transaction.atomic
def notify_batch(*, by: Actor, at: datetime, batch: Batch) -> Batch:
    """Tell everybody who is due something; who is being reviewed is told afterwards."""
    locked = _at_stage(batch, Batch.Stage.MATCHED, done=Batch.Stage.NOTIFIED)
    if locked.stage != Batch.Stage.MATCHED:
        return locked
    grants = list(locked.grants.filter(state=Grant.State.MATCHED))
    for grant in grants:
        grant.state, grant.notified_at, grant.changed_at = Grant.State.NOTIFIED, at, at
    Grant.objects.bulk_update(grants, ["state", "notified_at", "changed_at"], batch_size=200)
    GrantEvent.objects.bulk_create(
        [
            event_of(
                grant,
                at=at,
                by=by,
                kind="notified",
                zh="已通知：请确认收款账户，或选择放弃",
                en="Notified: confirm the account, or opt out",
            )
            for grant in grants
        ],
        batch_size=500,
    )
    locked.stage = Batch.Stage.NOTIFIED
    locked.save(update_fields=["stage"])
    _tell(locked, at=at, by=by, verb="notified", grants=len(grants))
    return locked


def _at_stage(batch: Batch, wanted: str, *, done: str) -> Batch:
    """Lock a batch; a step that was taken already is no mistake, any other stage is."""
    locked = Batch.objects.select_for_update().get(pk=batch.pk)
    if locked.stage not in (wanted, done):
        raise WrongStageError(
            batch=str(locked),
            found=str(locked.get_stage_display()),
            wanted=str(Batch.Stage(wanted).label),
        )
    return locked


def event_of(grant: Grant, *, at: datetime, by: Actor, kind: str, zh: str, en: str) -> GrantEvent:
    """Return a line of a grant's history."""
    return GrantEvent(grant=grant, at=at, by=by.name, kind=kind, zh=zh[:300], en=en[:300])


def lock_grant(grant: Grant, *states: str) -> Grant:
    """Lock a grant that must be in one of some states; raises `WrongStateError`."""
    locked = Grant.objects.select_for_update().get(pk=grant.pk)
    if locked.state not in states:
        raise WrongStateError(
            found=str(locked.get_state_display()),
            wanted=" / ".join(str(Grant.State(one).label) for one in states),
        )
    return locked


def move(
    grant: Grant, to: str, *, by: Actor, at: datetime, kind: str, zh: str, en: str, **detail: object
) -> Grant:
    """Move a locked grant on, with its event and its audit line."""
    grant.state, grant.changed_at = to, at
    grant.save()
    event_of(grant, at=at, by=by, kind=kind, zh=zh, en=en).save()
    record(
        at=at,
        by=by,
        verb=f"funding.grant.{kind}",
        subject_kind="grant",
        subject_key=grant.key,
        subject_name=f"{grant.code}/{grant.rule} {grant.period}",
        **detail,
    )
    return grant


def drop_orders(grant: Grant) -> None:
    """Give up the orders of a grant that is not paid any more: those that came back or wait."""
    states = PaymentOrder.State
    grant.orders.filter(state__in=(states.WAITING, states.RETURNED)).update(state=states.CLOSED)


@transaction.atomic
def approve_grant(*, by: Actor, at: datetime, grant: Grant, note: str = "") -> Grant:
    """Let a grant of the risk sample go on."""
    locked = lock_grant(grant, Grant.State.REVIEW)
    notified = Batch.objects.values_list("stage", flat=True).get(pk=locked.batch_id) in (
        Batch.Stage.NOTIFIED,
        Batch.Stage.PUBLISHED,
    )
    locked.review_note = note[:300]
    locked.notified_at = at if notified else None
    to = Grant.State.NOTIFIED if notified else Grant.State.MATCHED
    zh = "人工复核通过" + ("；请确认收款账户" if notified else "")
    return move(locked, to, by=by, at=at, kind="reviewed", zh=zh, en="Reviewed and approved")


@transaction.atomic
def refuse_grant(*, by: Actor, at: datetime, grant: Grant, reason: str) -> Grant:
    """Refuse a grant of the risk sample; the reason is told and may be objected to."""
    if not reason.strip():
        raise ReasonNeededError
    locked = lock_grant(grant, Grant.State.REVIEW)
    locked.review_note = reason.strip()[:300]
    said = reason.strip()[:250]
    return move(
        locked,
        Grant.State.REFUSED,
        by=by,
        at=at,
        kind="refused",
        zh=f"人工复核未通过：{said}",
        en=f"Refused in review: {said}",
    )


@transaction.atomic
def confirm_account(
    *, by: Actor, at: datetime, grant: Grant, holder: str, bank: str, number: str
) -> Grant:
    """Keep the account that a subject wants to be paid on; it may be changed until the order.

    Where a supplement came back it is changed after that too, and the grant stays where it is.

    Raises
    ------
    BadAccountError, WrongStateError

    """
    digits = "".join(number.split())
    fits = digits.isascii() and digits.isdigit() and ACCOUNT_DIGITS_MIN <= len(digits) <= 32  # noqa: PLR2004
    if not (fits and holder.strip() and bank.strip()):
        raise BadAccountError
    open_states = (Grant.State.NOTIFIED, Grant.State.CONFIRMED)
    later = (Grant.State.ORDERED, Grant.State.PAID) if supplement_came_back(grant) else ()
    locked = lock_grant(grant, *open_states, *later)
    locked.account_holder = holder.strip()[:120]
    locked.account_bank, locked.account_number = bank.strip()[:120], digits
    return move(
        locked,
        locked.state if locked.state in later else Grant.State.CONFIRMED,
        by=by,
        at=at,
        kind="confirmed",
        zh=f"已确认收款账户（尾号 {digits[-4:]}）",
        en=f"Account confirmed (ending in {digits[-4:]})",
    )


def supplement_came_back(grant: Grant) -> bool:
    """Return whether a supplement of a grant came back and waits to be sent again."""
    kind, state = PaymentOrder.Kind.SUPPLEMENT, PaymentOrder.State.RETURNED
    return grant.orders.filter(kind=kind, state=state).exists()


@transaction.atomic
def opt_out(*, by: Actor, at: datetime, grant: Grant) -> Grant:
    """Give a grant up; until it is ordered."""
    locked = lock_grant(grant, Grant.State.NOTIFIED, Grant.State.CONFIRMED)
    drop_orders(locked)
    return move(
        locked,
        Grant.State.OPTED_OUT,
        by=by,
        at=at,
        kind="opted_out",
        zh="本人（单位）选择放弃",
        en="Opted out",
    )


@transaction.atomic
def publish_batch(*, by: Actor, at: datetime, batch: Batch) -> Batch:
    """Publish who gets what, persons with masked names; objections are taken from now on."""
    locked = _at_stage(batch, Batch.Stage.NOTIFIED, done=Batch.Stage.PUBLISHED)
    if locked.stage == Batch.Stage.NOTIFIED:
        locked.stage, locked.published_at = Batch.Stage.PUBLISHED, at
        locked.save(update_fields=["stage", "published_at"])
        _tell(locked, at=at, by=by, verb="published")
    return locked


class OpenMattersError(Refusal):
    """A delivery is to be archived while something in it is not settled."""

    status = 409
    en = "{count} matters are open (reviews, unpaid or returned orders, objections): settle them first."  # noqa: E501
    zh = "还有 {count} 项未办结（复核、未付款或被退回的指令、异议）：请先办结。"


@transaction.atomic
def archive_batch(*, by: Actor, at: datetime, batch: Batch) -> Batch:
    """Close a delivery in which nothing is open."""
    locked = _at_stage(batch, Batch.Stage.PUBLISHED, done=Batch.Stage.ARCHIVED)
    if locked.stage == Batch.Stage.ARCHIVED:
        return locked
    waiting = locked.grants.filter(
        state__in=(Grant.State.REVIEW, Grant.State.CONFIRMED, Grant.State.ORDERED)
    ).count()
    waiting += locked.grants.filter(
        state=Grant.State.NOTIFIED, orders__state=PaymentOrder.State.RETURNED
    ).count()
    waiting += locked.grants.filter(objections__state="open").count()
    if waiting:
        raise OpenMattersError(count=waiting)
    locked.stage, locked.archived_at = Batch.Stage.ARCHIVED, at
    locked.save(update_fields=["stage", "archived_at"])
    _tell(locked, at=at, by=by, verb="archived")
    return locked
