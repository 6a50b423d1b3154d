"""Matching a large city in the background: asked for once, gone on with whoever dies."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import attrs
from django.db import transaction

from liudu.contract import Refusal
from liudu.platform.actors import Actor
from liudu.platform.funding.models import Batch, Subject
from liudu.platform.funding.packs import pack_of
from liudu.platform.funding.services.delivery import match_batch

AT_ONCE_MAX: Final = 2000  # subjects; about a second of a request
SILENT_MAX: Final = timedelta(minutes=2)


def ask_matching(*, by: Actor, at: datetime, batch: Batch) -> Batch:
    """Match a small city at once and leave a large one to a worker; asked twice is once.

    What a living worker is at is not asked for again.
    """
    if subjects_to_match(batch) <= AT_ONCE_MAX:
        return match_batch(by=by, at=at, batch=batch)
    with transaction.atomic():
        locked = Batch.objects.select_for_update().get(pk=batch.pk)
        if locked.stage != Batch.Stage.MATCHING or _is_worked_on(locked, at=at):
            return locked
        locked.matching_by, locked.matching_problem = _kept(by), None
        locked.matching_until = at + SILENT_MAX
        locked.save(update_fields=["matching_by", "matching_problem", "matching_until"])
        _enqueue(locked)
    return locked


def subjects_to_match(batch: Batch) -> int:
    """Return how many subjects a delivery compares with its rule."""
    kind = pack_of(batch.pack).rules[batch.rule].subject
    return Subject.objects.filter(kind=kind, simulated=batch.simulated).count()


def go_on_matching(*, batch_key: str, now: Callable[[], datetime]) -> None:
    """Match what is left of a delivery, as a worker; a refusal is kept for the page."""
    batch = Batch.objects.select_related("pack").filter(key=batch_key).first()
    if batch is None or batch.stage != Batch.Stage.MATCHING or batch.matching_by is None:
        return
    by = Actor(**batch.matching_by)
    try:
        match_batch(by=by, at=now(), batch=batch, until=lambda: now() + SILENT_MAX)
    except Refusal as error:
        Batch.objects.filter(pk=batch.pk).update(
            matching_until=None,
            matching_problem={"zh": error.say("zh"), "en": error.say("en")},
        )


def resume_matching(*, at: datetime) -> int:
    """Enqueue again what dead workers left; return how many."""
    silent = Batch.objects.filter(stage=Batch.Stage.MATCHING, matching_until__lt=at)
    count = 0
    for key in silent.values_list("pk", flat=True):
        with transaction.atomic():
            batch = Batch.objects.select_for_update().get(pk=key)
            if batch.stage == Batch.Stage.MATCHING and not _is_worked_on(batch, at=at):
                batch.matching_until = at + SILENT_MAX
                batch.save(update_fields=["matching_until"])
                _enqueue(batch)
                count += 1
    return count


def _is_worked_on(batch: Batch, *, at: datetime) -> bool:
    return batch.matching_until is not None and batch.matching_until >= at


def _kept(by: Actor) -> dict[str, Any]:
    names = ("kind", "key", "name", "organisation_key", "organisation_name")
    return attrs.asdict(by, filter=lambda field, _: field.name in names)


def _enqueue(batch: Batch) -> None:
    from liudu.platform.funding.tasks import match_later  # noqa: PLC0415 - it calls this module

    match_later.enqueue(batch.key)
