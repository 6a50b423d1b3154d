"""What waits for whom: each thing that stands still, since when, and who can move it.

Every kind is one query that stops at `SHOWN` rows and a count that stops at `COUNT_MAX`.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import attrs
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse

from liudu.platform import clock
from liudu.platform.actors import Actor, Role
from liudu.platform.needs.models import ImportRow, ImportRun, Need
from liudu.platform.supply.models import Invitation, Offer, Version
from liudu.platform.trials.models import Seal, Trial
from liudu.platform.words import Words

SHOWN: Final = 5
COUNT_MAX: Final = 99
ALONE_AFTER: Final = timedelta(days=14)  # a posted need that nobody has answered
REPORT_SHOWN_FOR: Final = timedelta(days=14)


@attrs.frozen(kw_only=True)
class Line:
    """One thing that waits.

    Attributes
    ----------
    subject
        What it is called.
    since
        Since when it waits.
    who
        Who must act.
    href
        Where they do it.

    """

    subject: str
    since: datetime | None
    who: str
    href: str


@attrs.frozen(kw_only=True)
class Group:
    """Things of one kind.

    Attributes
    ----------
    count
        At most `COUNT_MAX`; `more` says that there are more.
    lines
        The oldest, at most `SHOWN`.
    href
        The list of all, empty where these are all.

    """

    code: str
    title: Words
    count: int
    more: bool
    lines: Sequence[Line]
    href: str = ""


@attrs.frozen(kw_only=True)
class Kind:
    """A kind of thing that waits: its rows, oldest first, and how one of them is told."""

    code: str
    title: Words
    rows: Callable[[datetime], QuerySet[Any]]
    line: Callable[[Any], Line]
    href: str = ""

    def group(self, *, at: datetime) -> Group | None:
        """Return the group, or None where nothing waits."""
        rows = self.rows(at)
        lines = [self.line(row) for row in rows[:SHOWN]]
        if not lines:
            return None
        count = len(lines)
        if count == SHOWN:
            count = rows.order_by()[: COUNT_MAX + 1].count()
        return Group(
            code=self.code,
            title=self.title,
            count=min(count, COUNT_MAX),
            more=count > COUNT_MAX,
            lines=lines,
            href=self.href if count > len(lines) else "",
        )


@attrs.frozen(kw_only=True)
class Waiting:
    """What waits for the actor, and what the actor waits for."""

    mine: Sequence[Group]
    others: Sequence[Group]


def waiting(actor: Actor, *, at: datetime) -> Waiting:
    """Return what waits for an actor, and, for the office, what waits for whom in the city."""
    mine: list[Group] = []
    others: list[Group] = []
    for kind, is_mine in _kinds(actor):
        group = kind.group(at=at)
        if group:
            (mine if is_mine else others).append(group)
    return Waiting(mine=mine, others=others)


def _kinds(actor: Actor) -> Iterator[tuple[Kind, bool]]:
    """Yield each kind that concerns an actor, with whether it is theirs to move."""
    office = actor.has(Role.OFFICER, Role.OPERATOR)
    own = actor.organisation_key
    if own and actor.has(Role.NEED_OWNER, Role.OFFICER):
        yield drafts(own), True
        yield imports(own), True
        yield from ((kind, True) for kind in (offers(own), unsealed(own), untried(own), past(own)))
    if own and actor.has(Role.NEED_OWNER) and not office:
        yield trials_at_work(Q(need__owner__key=own)), False
        yield unreleased(Q(need__owner__key=own)), False
    if own and actor.has(Role.VENDOR):
        yield from ((kind, True) for kind in (versions(own), invitations(own)))
        yield offers_made(own), False
        yield untried(vendor=own), False
        if not actor.has(Role.NEED_OWNER):
            yield trials_at_work(Q(vendor__organisation__key=own)), False
    if office:
        yield unreleased(Q()), actor.has(Role.OFFICER)
        yield alone(), actor.has(Role.OFFICER)
        theirs = (offers(but=own), unsealed(but=own), untried(but=own), past(but=own))
        for kind in (*theirs, invitations(), trials_at_work(Q()), versions()):
            yield kind, False


def drafts(own: str) -> Kind:
    """Return drafts that nobody has finished."""
    return Kind(
        code="drafts",
        title=Words("待补全的需求草稿", "Drafts to complete"),
        rows=lambda _at: (
            Need.objects.filter(owner__key=own, status=Need.Status.DRAFT)
            .select_related("owner")
            .order_by("updated_at")
        ),
        line=lambda need: Line(
            subject=str(need),
            since=need.updated_at,
            who=str(need.owner),
            href=reverse("needs:check", args=[need.key]),
        ),
        href=f"{reverse('needs:list')}?status=draft",
    )


def imports(own: str) -> Kind:
    """Return lists of which something was not taken, or that stand still."""

    def rows(at: datetime) -> QuerySet[ImportRun]:
        refused = ImportRow.objects.filter(run=OuterRef("pk"), state=ImportRow.State.REFUSED)
        late = Q(state=ImportRun.State.RUNNING, lease_until__lt=at)
        told = Q(state=ImportRun.State.DONE) & Exists(refused)
        recent = Q(created_at__gte=at - REPORT_SHOWN_FOR)
        runs = ImportRun.objects.filter(owner__key=own).select_related("owner")
        return runs.filter(late | (recent & told)).order_by("created_at")

    return Kind(
        code="imports",
        title=Words("清单有未导入的行", "Lists with rows that were not taken"),
        rows=rows,
        line=lambda run: Line(
            subject=run.file_name,
            since=run.ended_at or run.created_at,
            who=str(run.owner),
            href=reverse("needs:import_run", args=[run.key]) + "?state=refused",
        ),
        href=reverse("needs:import"),
    )


def offers(own: str = "", *, but: str = "") -> Kind:
    """Return offers that their owners have not answered."""

    def rows(_at: datetime) -> QuerySet[Offer]:
        found = Offer.objects.filter(state=Offer.State.OFFERED)
        found = found.filter(need__owner__key=own) if own else found.exclude(need__owner__key=but)
        related = ("need__owner", "version__solution", "vendor__organisation")
        return found.select_related(*related).order_by("offered_at")

    return Kind(
        code="offers",
        title=Words("待需求方答复的方案", "Offers to answer"),
        rows=rows,
        line=lambda offer: Line(
            subject=f"{offer.version.solution} → {offer.need}",
            since=offer.offered_at,
            who=str(offer.need.owner),
            href=reverse("needs:detail", args=[offer.need.key]),
        ),
        href=f"{reverse('needs:list')}?stage=matched" + (f"&owner={own}" if own else ""),
    )


def offers_made(own: str) -> Kind:
    """Return offers that a vendor made and that wait for their owners."""
    related = ("need__owner", "version__solution")
    return Kind(
        code="offers_made",
        title=Words("等需求方答复的我方方案", "Our offers, waiting for their owners"),
        rows=lambda _at: (
            Offer.objects.filter(vendor__organisation__key=own, state=Offer.State.OFFERED)
            .select_related(*related)
            .order_by("offered_at")
        ),
        line=lambda offer: Line(
            subject=f"{offer.version.solution} → {offer.need}",
            since=offer.offered_at,
            who=str(offer.need.owner),
            href=reverse("needs:detail", args=[offer.need.key]),
        ),
    )


def unsealed(own: str = "", *, but: str = "") -> Kind:
    """Return needs that have an offer and no sealed data to try it on."""

    def rows(_at: datetime) -> QuerySet[Need]:
        sealed = Seal.objects.filter(need=OuterRef("pk"), state=Seal.State.SEALED)
        needs = Need.objects.filter(status=Need.Status.PUBLISHED, stage=Need.Stage.MATCHED)
        needs = needs.filter(owner__key=own) if own else needs.exclude(owner__key=but)
        return needs.filter(~Exists(sealed)).select_related("owner").order_by("stage_at")

    return Kind(
        code="unsealed",
        title=Words("待封存试验数据", "Data to seal"),
        rows=rows,
        line=lambda need: Line(
            subject=str(need),
            since=need.stage_at,
            who=str(need.owner),
            href=reverse("trials:seal", args=[need.key]) if own else _detail(need),
        ),
        href=f"{reverse('needs:list')}?stage=matched" + (f"&owner={own}" if own else ""),
    )


def untried(own: str = "", *, but: str = "", vendor: str = "") -> Kind:
    """Return offers that were admitted to a trial which nobody has started."""

    def rows(at: datetime) -> QuerySet[Offer]:
        open_needs = Need.objects.filter(
            pk=OuterRef("need"),
            status=Need.Status.PUBLISHED,
            stage__in=(Need.Stage.MATCHED, Need.Stage.TRIAL),
        )
        open_needs = open_needs.filter(owner__key=own) if own else open_needs
        conforms = Version.objects.filter(pk=OuterRef("version"), state=Version.State.CONFORMS)
        # By conditions and not by joins, and as a range: SQLite would start from the versions.
        found = Offer.objects.filter(
            Exists(open_needs.exclude(owner__key=but) if but else open_needs),
            Exists(conforms),
            untried_since__lte=at,
        )
        if vendor:
            found = found.filter(vendor__organisation__key=vendor)
        related = ("need__owner", "version__solution", "vendor__organisation")
        return found.select_related(*related).order_by("untried_since")

    return Kind(
        code="untried",
        title=Words("已准入、待启动试验的方案", "Offers admitted, trial to start"),
        rows=rows,
        line=lambda offer: Line(
            subject=f"{offer.version.solution} → {offer.need}",
            since=offer.untried_since,
            who=str(offer.need.owner),
            href=_detail(offer.need),
        ),
    )


def past(own: str = "", *, but: str = "") -> Kind:
    """Return needs whose day has passed before they were accepted."""
    late = (Need.Stage.POSTED, Need.Stage.MATCHED, Need.Stage.TRIAL)

    def rows(at: datetime) -> QuerySet[Need]:
        day = at.astimezone(clock.CITY_ZONE).date()
        needs = Need.objects.filter(status=Need.Status.PUBLISHED, stage__in=late, due_date__lt=day)
        needs = needs.filter(owner__key=own) if own else needs.exclude(owner__key=but)
        return needs.select_related("owner").order_by("due_date")

    return Kind(
        code="past",
        title=Words("已过期望日期的需求", "Needs past their date"),
        rows=rows,
        line=lambda need: Line(
            subject=str(need),
            since=datetime.combine(need.due_date, datetime.min.time(), clock.CITY_ZONE),
            who=str(need.owner),
            href=_detail(need),
        ),
        href=f"{reverse('needs:list')}?due=past" + (f"&owner={own}" if own else ""),
    )


def alone() -> Kind:
    """Return needs that were posted long ago and have had no offer."""
    return Kind(
        code="alone",
        title=Words(
            "发布两周仍无人对接，可邀请供方", "Posted two weeks ago, no offer yet: invite vendors"
        ),
        rows=lambda at: (
            Need.objects.filter(
                status=Need.Status.PUBLISHED, stage=Need.Stage.POSTED, stage_at__lt=at - ALONE_AFTER
            )
            .select_related("owner")
            .order_by("stage_at")
        ),
        line=lambda need: Line(
            subject=str(need),
            since=need.stage_at,
            who=str(Words("场景办", "The office")),
            href=reverse("supply:invite", args=[need.key]),
        ),
        href=f"{reverse('needs:list')}?stage=posted",
    )


def trials_at_work(which: Q) -> Kind:
    """Return trials that are queued or running."""
    states = (Trial.State.QUEUED, Trial.State.RUNNING)
    return Kind(
        code="trials",
        title=Words("排队或运行中的试验", "Trials queued or running"),
        rows=lambda _at: (
            Trial.objects.filter(which, state__in=states)
            .select_related("need", "version__solution")
            .order_by("queued_at")
        ),
        line=lambda trial: Line(
            subject=f"{trial.version.solution} → {trial.need}",
            since=trial.started_at or trial.queued_at,
            who=str(Words("平台", "The platform")),
            href=_trial(trial),
        ),
        href=reverse("trials:list"),
    )


def unreleased(which: Q) -> Kind:
    """Return trials that are decided and whose result nobody has released."""
    return Kind(
        code="unreleased",
        title=Words("已出结论、待公布的试验", "Trials decided, to be released"),
        rows=lambda _at: (
            Trial.objects.filter(which, state=Trial.State.DECIDED, released_at__isnull=True)
            .select_related("need", "version__solution")
            .order_by("ended_at")
        ),
        line=lambda trial: Line(
            subject=f"{trial.version.solution} → {trial.need}",
            since=trial.ended_at,
            who=str(Words("场景办", "The office")),
            href=_trial(trial),
        ),
        href=reverse("trials:list"),
    )


def versions(own: str = "") -> Kind:
    """Return solutions whose newest version does not conform."""

    def rows(_at: datetime) -> QuerySet[Version]:
        newer = Version.objects.filter(solution=OuterRef("solution"), number__gt=OuterRef("number"))
        found = Version.objects.filter(~Exists(newer), state=Version.State.REFUSED)
        found = found.filter(solution__vendor__organisation__key=own) if own else found
        return found.select_related("solution__vendor__organisation").order_by("checked_at")

    return Kind(
        code="versions",
        title=Words("不符合规范的方案版本", "Versions that do not conform"),
        rows=rows,
        line=lambda version: Line(
            subject=str(version),
            since=version.checked_at or version.uploaded_at,
            who=str(version.solution.vendor.organisation),
            href=reverse("supply:version", args=[version.solution.key, version.number]),
        ),
    )


def invitations(own: str = "") -> Kind:
    """Return invitations that vendors have not answered."""

    def rows(_at: datetime) -> QuerySet[Invitation]:
        found = Invitation.objects.filter(
            answered_at__isnull=True, need__status=Need.Status.PUBLISHED
        )
        found = found.filter(vendor__organisation__key=own) if own else found
        return found.select_related("need", "vendor__organisation").order_by(
            "answered_at", "invited_at"
        )

    return Kind(
        code="invitations",
        title=Words("待供方答复的邀请", "Invitations to answer"),
        rows=rows,
        line=lambda invitation: Line(
            subject=str(invitation.need),
            since=invitation.invited_at,
            who=str(invitation.vendor.organisation),
            href=_detail(invitation.need),
        ),
    )


def _detail(need: Need) -> str:
    return reverse("needs:detail", args=[need.key])


def _trial(trial: Trial) -> str:
    return reverse("trials:trial", args=[trial.key])
