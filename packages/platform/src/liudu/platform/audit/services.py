"""The one way into the audit.

On PostgreSQL the head's row is locked from `record` to the end of the transaction, so that
writers queue from there on: call it last, and let nothing slow follow it in the transaction.
On SQLite a transaction is alone from its start.
"""

from datetime import UTC, datetime

from django.db import transaction

from liudu.platform.actors import Actor
from liudu.platform.audit.decisions import START, canonical, digest_of
from liudu.platform.audit.models import Head, Line

NAME_LENGTH_MAX = 200


def record(
    *,
    at: datetime,
    by: Actor,
    verb: str,
    subject_kind: str,
    subject_key: str,
    subject_name: str = "",
    **detail: object,
) -> Line:
    """Append one line; called last inside the transaction of what it tells of.

    Parameters
    ----------
    verb
        Dotted, past tense: ``needs.need.published``.
    detail
        What changed. Never sealed data, labels, passwords, tokens or addresses of mail.

    Raises
    ------
    RuntimeError
        Outside a transaction: the line and the deed must stand or fall together.

    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError(f"{verb}: an audit line is written inside the transaction of its deed")
    head = _locked_head()
    fields = {
        "number": head.number + 1,
        "at": at.astimezone(UTC),
        "actor_kind": by.kind,
        "actor_key": by.key,
        "actor_name": by.name[:NAME_LENGTH_MAX],
        "organisation_key": by.organisation_key,
        "organisation_name": by.organisation_name[:NAME_LENGTH_MAX],
        "verb": verb,
        "subject_kind": subject_kind,
        "subject_key": subject_key,
        "subject_name": subject_name[:NAME_LENGTH_MAX],
    }
    content = canonical({**fields, "detail": detail})
    digest = digest_of(previous=head.digest, content=content)
    line = Line.objects.create(**fields, content=content, previous=head.digest, digest=digest)
    head.number, head.digest = line.number, digest
    head.save()
    return line


def _locked_head() -> Head:
    rows = Head.objects.select_for_update().filter(only=1)
    head = rows.first()
    if head is None:  # only before the first line of all; two writers may be first at once
        Head.objects.get_or_create(only=1, defaults={"digest": START})
        head = rows.get()
    return head
