"""Who looked at somebody's facts: one line of the audit a day for each reader."""

from datetime import datetime
from typing import Final

from django.db import transaction

from liudu.platform.actors import Actor
from liudu.platform.audit.queries import lines_of
from liudu.platform.audit.services import record
from liudu.platform.clock import CITY_ZONE
from liudu.platform.funding.models import Subject
from liudu.platform.funding.permissions import is_of

LOOKED: Final = "funding.subject.looked_at"
KIND: Final = "subject"


def note_look(*, by: Actor, at: datetime, subject: Subject, what: str) -> bool:
    """Keep that somebody opened what is known of a subject; return whether a line was written.

    Once a day for each reader: the subject wants to know who and when, not how often the page
    was loaded. Who looks at oneself or one's own organisation is not noted.

    Parameters
    ----------
    what
        What was opened: ``determination``, ``grant`` or ``explanation``.

    """
    if is_of(by, subject):
        return False
    midnight = at.astimezone(CITY_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    today = lines_of(KIND, subject.key).filter(verb=LOOKED, actor_key=by.key, at__gte=midnight)
    if today.exists():
        return False
    with transaction.atomic():
        record(
            at=at,
            by=by,
            verb=LOOKED,
            subject_kind=KIND,
            subject_key=subject.key,
            subject_name=subject.name,
            what=what,
        )
    return True
