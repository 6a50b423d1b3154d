"""Every read of this context."""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final

import attrs
from django.conf import settings
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Lower
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from liudu.acceptance import Promise, plan
from liudu.platform.actors import Actor, Role
from liudu.platform.identity.models import Organisation
from liudu.platform.identity.queries import organisations_named
from liudu.platform.needs.models import Need
from liudu.platform.supply.models import Offer, Version
from liudu.platform.trials import decisions, tasks
from liudu.platform.trials.models import Event, Seal, Trial, Worker
from liudu.platform.words import Words

DURATIONS_LOOKED_AT: Final = 20
EVENTS_SHOWN: Final = 200
STARTABLE_SHOWN: Final = 20
PLANS_KEPT: Final = 2048
WHOLE: Final = (
    "need__owner",
    "need__sector",
    "seal",
    "version__solution",
    "vendor__organisation",
    "offer",
)
TIMED: Final = ("计速样本（件）", "pieces that are timed")
VERDICTS: Final = ("passed", "failed", "undecided")


# --- who sees which --------------------------------------------------------------------------


def whole() -> QuerySet[Trial]:
    """Return trials with all that permissions and pages ask of them."""
    return Trial.objects.select_related(*WHOLE)


def visible_to(actor: Actor) -> QuerySet[Trial]:
    """Return the trials of which the actor may know, newest first."""
    trials = whole().order_by("-queued_at", "-pk")
    if actor.has(Role.OFFICER, Role.OPERATOR, Role.AUDITOR):
        return trials
    return trials.filter(_own(actor) | _RELEASED)


# Not by a join: SQLite would then walk through all needs, or all vendors, and sort at the end.
_OF_PUBLISHED: Final = Need.objects.filter(pk=OuterRef("need"), status=Need.Status.PUBLISHED)
_RELEASED: Final = Q(Exists(_OF_PUBLISHED), released_at__isnull=False)


def _own(actor: Actor) -> Q:
    organisation_id = _organisation_id(actor)
    if organisation_id is None:
        return Q(pk__in=[])
    return _to(organisation_id) | Q(vendor_id=organisation_id)


def _to(owner_id: int) -> Q:
    return Q(need__in=Need.objects.filter(owner=owner_id))


def _organisation_id(actor: Actor) -> int | None:
    if not actor.organisation_key:
        return None
    found = Organisation.objects.filter(key=actor.organisation_key)
    return found.values_list("pk", flat=True).first()


def readable_by(actor: Actor) -> Q:
    """Return which trials show the actor their verdict; a list must not tell more than a page."""
    if actor.has(Role.OFFICER, Role.AUDITOR):
        return Q()
    readable = _RELEASED
    organisation_id = _organisation_id(actor)
    if organisation_id is not None:
        readable |= Q(vendor_id=organisation_id, released_at__isnull=False)
        if actor.has(Role.NEED_OWNER):
            readable |= _to(organisation_id)
    return readable


def listed(actor: Actor, *, asked: Mapping[str, str]) -> QuerySet[Trial]:
    """Return the trials of a list.

    Parameters
    ----------
    asked
        Of ``state``, ``verdict``, ``need`` (a key), ``vendor`` (its organisation's key), ``q``
        (words of need, solution or vendor). What is not known is passed over.

    """
    trials = visible_to(actor)
    if asked.get("state") in Trial.State.values:
        trials = trials.filter(state=asked["state"])
    if asked.get("verdict") in VERDICTS:
        trials = trials.filter(readable_by(actor), verdict=asked["verdict"])
    if asked.get("need"):
        trials = trials.filter(need__key=asked["need"][:12])
    if asked.get("vendor"):
        trials = trials.filter(vendor__organisation__key=asked["vendor"][:12])
    words = asked.get("q", "")[:80].split()[:5]
    # As sums no index fits them: SQLite walks `trials_searched` in order and stops when the page
    # is full, where it would else collect the trials of each hit, and sort them all.
    sums = {f"{name}_row": F(f"{name}_id") + 0 for name in ("need", "version", "vendor")}
    trials = trials.alias(**sums) if words else trials
    for word in words:
        trials = trials.filter(_in_words(word))
    return trials


def _in_words(word: str) -> Q:
    # Three short tables looked through once each; joins would look through them for every trial.
    small = Lower(Value(word))
    return (
        Q(need_row__in=Need.objects.filter(words__contains=small).values("pk"))
        | Q(version_row__in=Version.objects.filter(solution__words__contains=small).values("pk"))
        | Q(vendor_row__in=organisations_named(word).values("pk"))
    )


def trial_for(key: str) -> Trial:
    """Return a trial with all that permissions and pages ask of it.

    Raises
    ------
    Trial.DoesNotExist

    """
    return whole().get(key=key)


def papers_of(trial: Trial) -> TaskResultStatus | None:
    """Return how far the newest order of the PDFs of a trial's report is; None without any."""
    orders = DBTaskResult.objects.filter(
        task_path=tasks.make_papers.module_path, args_kwargs__kwargs__trial_key=trial.key
    )
    status = orders.order_by("-enqueued_at").values_list("status", flat=True).first()
    return TaskResultStatus(status) if status else None


def events_of(trial: Trial) -> list[Event]:
    """Return what happened, the newest first."""
    return list(trial.events.order_by("-pk")[:EVENTS_SHOWN])


def startable_of(need: Need) -> list[Offer]:
    """Return the offers of a need whose trial could be queued, the oldest first."""
    used = Q(trials__state__in=(Trial.State.QUEUED, Trial.State.RUNNING)) | Q(
        trials__attempt_count__gt=0
    )
    return list(
        Offer.objects.filter(
            need=need,
            state__in=(Offer.State.OFFERED, Offer.State.ADMITTED),
            version__state=Version.State.CONFORMS,
        )
        .exclude(pk__in=Offer.objects.filter(used, need=need).values("pk"))
        .select_related("need__owner", "version__solution", "vendor__organisation")
        .order_by("offered_at", "pk")[:STARTABLE_SHOWN]
    )


def ordinal_of(trial: Trial) -> int:
    """Return the how manieth trial of this vendor on this seal it is: trying often is told."""
    return (
        Trial.objects.filter(
            seal_id=trial.seal_id, vendor_id=trial.vendor_id, attempt_count__gt=0, pk__lt=trial.pk
        ).count()
        + 1
    )


# --- the queue -------------------------------------------------------------------------------


def expectation_of(trial: Trial, *, at: datetime) -> decisions.Expectation:
    """Say when a queued trial may begin."""
    queued = Trial.objects.filter(state=Trial.State.QUEUED)
    earlier = Q(queued_at__lt=trial.queued_at) | Q(queued_at=trial.queued_at, pk__lt=trial.pk)
    return decisions.expect(
        ahead_count=queued.filter(earlier).count(),
        running_count=Trial.objects.filter(state=Trial.State.RUNNING).count(),
        worker_count=len(workers_at_work(at)),
        durations_s=_last_durations_s(),
    )


def _last_durations_s() -> list[float]:
    ended = Trial.objects.filter(state=Trial.State.DECIDED, ended_at__isnull=False)
    rows = ended.order_by("-queued_at").values_list("started_at", "ended_at")
    return [
        (ended_at - started_at).total_seconds()
        for started_at, ended_at in rows[:DURATIONS_LOOKED_AT]
        if started_at is not None and ended_at is not None
    ]


def workers_at_work(at: datetime) -> list[Worker]:
    """Return the workers that live."""
    silent_since = at - decisions.lease(settings.TRIAL_LEASE_S)
    return list(Worker.objects.filter(stopped_at__isnull=True, seen_at__gte=silent_since))


def counts_by_state() -> dict[str, int]:
    """Return how many trials there are in each state."""
    rows = Trial.objects.order_by().values_list("state").annotate(Count("pk"))
    return dict.fromkeys(Trial.State.values, 0) | dict(rows)


# --- sealed data -----------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Wanted:
    """How many pieces of a kind a promise takes at least, and how many are sealed."""

    name: Words
    unit: str
    count_min: int
    sealed_count: int | None

    @property
    def enough(self) -> bool | None:
        """Whether there are enough; None where nothing is sealed or it cannot be told."""
        return None if self.sealed_count is None else self.sealed_count >= self.count_min


def wanted_of(need: Need, *, seal: Seal | None = None) -> list[Wanted]:
    """Return how many pieces of each kind the need's promise takes, and how many its seal holds."""
    targets = seal.targets if seal is not None else need.targets
    if not targets:
        return []
    return [
        Wanted(name=name, unit=unit, count_min=count, sealed_count=_sealed_count(unit, seal=seal))
        for name, unit, count in _least(json.dumps(targets, sort_keys=True))
    ]


@lru_cache(maxsize=PLANS_KEPT)
def _least(targets: str) -> tuple[tuple[Words, str, int], ...]:
    """Return name, unit and least number of each kind of piece: a plan takes tens of ms."""
    planned = plan(Promise.from_mapping(json.loads(targets)))
    names = {one.unit: one.kind_of_piece for one in planned.targets}
    names["item"] = TIMED  # the library calls them items, which says little on a page
    return tuple(
        (Words(*names[unit]), unit, count)
        for unit, count in planned.samples_by_unit.items()
        if unit != "run"
    )


def _sealed_count(unit: str, *, seal: Seal | None) -> int | None:
    if seal is None or seal.state != Seal.State.SEALED:
        return None
    if unit in seal.counts:
        return int(seal.counts[unit])
    return seal.piece_count if unit in {"piece", "item", "all"} else None


def seals_of(need: Need) -> list[Seal]:
    """Return all that was uploaded for a need, the newest first."""
    return list(need.seals.select_related("need__owner").order_by("-created_at")[:50])


def newest_seal(need: Need) -> Seal | None:
    """Return the seal on which a trial would run now."""
    return need.seals.filter(state=Seal.State.SEALED).order_by("-sealed_at").first()


def trials_of_need(actor: Actor, need: Need, *, count_max: int = 20) -> list[Trial]:
    """Return the trials of a need that the actor may know of."""
    return list(visible_to(actor).filter(need=need)[:count_max])
