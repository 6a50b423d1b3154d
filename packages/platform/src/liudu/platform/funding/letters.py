"""Letters about benefits: that one waits, never the account it is paid on."""

import logging
from collections.abc import Sequence
from datetime import datetime
from smtplib import SMTPException
from typing import Final

from django.core.mail import send_mail
from django.db.models import Exists, OuterRef, Q
from django.template.loader import render_to_string
from django.urls import reverse

from liudu.platform.actors import SYSTEM, Role
from liudu.platform.funding.models import Batch, Grant, GrantEvent, PaymentOrder, Subject
from liudu.platform.funding.packs import pack_of
from liudu.platform.funding.services.delivery import event_of
from liudu.platform.identity.models import Membership
from liudu.rules import Rule

LOG: Final = logging.getLogger(__name__)
MAILED: Final = "mailed"


def send_notices(*, batch_key: str, address: str, at: datetime) -> int:
    """Send a letter for every grant of a delivery that waits for its account; return how many.

    A grant has one letter, whoever begins again, and another when its payment came back; whom no
    address is known of reads it on the platform. Mail that does not go out is logged and stops
    nothing.

    Parameters
    ----------
    address
        Of this platform, as people open it: ``https://liudu.example/``.

    """
    batch = Batch.objects.select_related("pack").get(key=batch_key)
    rule = pack_of(batch.pack).rules[batch.rule]
    mailed = GrantEvent.objects.filter(
        Q(at__gte=OuterRef("notified_at")) | Q(grant__notified_at=None),
        grant=OuterRef("pk"),
        kind=MAILED,
    )
    grants = (
        batch.grants.filter(~Exists(mailed), state=Grant.State.NOTIFIED)
        .select_related("subject__user", "subject__organisation")
        .order_by("pk")
    )
    return sum(_send(grant, rule, address=address, at=at) for grant in grants.iterator())


def _send(grant: Grant, rule: Rule, *, address: str, at: datetime) -> bool:
    people = _addresses(grant.subject)
    if not people:
        return False
    orders = grant.orders.filter(kind=PaymentOrder.Kind.PAYMENT, state=PaymentOrder.State.RETURNED)
    context = {
        "grant": grant,
        "rule": rule,
        "returned": orders.first(),
        "link": address.rstrip("/") + reverse("funding:grant", args=[grant.key]),
    }
    try:
        send_mail(
            subject=f"{rule.title.zh}：请确认 · {rule.title.say('en')}: please confirm",
            message=render_to_string("funding/notice_letter.txt", context),
            from_email=None,
            recipient_list=people,
        )
    except (OSError, SMTPException) as error:
        LOG.warning("the notice of grant %s could not be mailed: %s", grant.key, error)
        return False
    event_of(grant, at=at, by=SYSTEM, kind=MAILED, zh="已发邮件通知", en="Notified by mail").save()
    return True


def _addresses(subject: Subject) -> Sequence[str]:
    """Return who is written to: the person, or who answers for the organisation."""
    if subject.user is not None:
        return [subject.user.email] if subject.user.is_active else []
    if subject.organisation is None:
        return []
    answering = Membership.objects.filter(
        organisation=subject.organisation,
        role__in=(Role.NEED_OWNER, Role.VENDOR),
        user__is_active=True,
    )
    return sorted(set(answering.values_list("user__email", flat=True)))
