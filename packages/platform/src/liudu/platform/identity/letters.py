"""Letters that go out by mail, in both languages at once: who gets one has no account yet."""

import logging
from smtplib import SMTPException

from django.core.mail import send_mail
from django.template.loader import render_to_string

from liudu.platform.identity.models import Invitation
from liudu.platform.identity.roles import roles_said

LOG = logging.getLogger(__name__)


def send_invitation(invitation: Invitation, *, link: str) -> bool:
    """Return whether the letter went out; the invitation stands either way."""
    name = invitation.organisation.name.replace("\n", " ")
    context = {"invitation": invitation, "link": link, "roles": roles_said(invitation.roles)}
    try:
        send_mail(
            subject=f"邀请您加入 {name} · Invitation to join {name}",
            message=render_to_string("identity/invitation_letter.txt", context),
            from_email=None,
            recipient_list=[invitation.email],
        )
    except (OSError, SMTPException) as error:
        LOG.warning("the invitation %s could not be mailed: %s", invitation.key, error)
        return False
    return True
