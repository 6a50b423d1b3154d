"""The audit: lines that are only ever added, each covering the one before."""

import json
from datetime import datetime
from typing import Any

from django.db import transaction

from liudu.outbreak.desk.models import Line
from liudu.outbreak.desk.offline import START, checked, digest_of

__all__ = ["checked", "record"]
SUBJECT_MAX = 1200


def record(*, at: datetime, actor: str, verb: str, subject: str = "", **detail: object) -> Line:
    """Append one line; called inside the transaction of what it tells of."""
    with transaction.atomic():
        last = Line.objects.order_by("-number").first()
        content: dict[str, Any] = {
            "number": last.number + 1 if last else 1,
            "at": at.isoformat(),
            "actor": actor,
            "verb": verb,
            "subject": subject[:SUBJECT_MAX],
            "detail": json.dumps(detail, ensure_ascii=False, sort_keys=True),
            "previous": last.digest if last else START,
        }
        return Line.objects.create(**content, digest=digest_of(content))
