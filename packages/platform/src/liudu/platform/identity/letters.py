"""Letters that go out by mail, in both languages at once: who gets one has no account yet."""

import logging
from smtplib import SMTPException

from django.core.mail import send_mail
from django.template.loader import render_to_string

from liudu.platform.identity.models import Invitation, User
from liudu.platform.identity.roles import roles_said

LOG = logging.getLogger(__name__)


def send_factors_cleared(user: User) -> bool:
    """Tell somebody that an operator took their second factor away: it might not be their wish."""
    return _sent(
        subject="您的第二验证因素已被清除 · Your second factor was cleared",
        message=render_to_string("identity/factors_letter.txt", {"user": user}),
        to=user.email,
        about=f"the second factor of {user.key}",
    )


def send_invitation(invitation: Invitation, *, link: str) -> bool:
    """Return whether the letter went out; the invitation stands either way."""
    name = invitation.organisation.name.replace("\n", " ")
    context = {"invitation": invitation, "link": link, "roles": roles_said(invitation.roles)}
    return _sent(
        subject=f"邀请您加入 {name} · Invitation to join {name}",
        message=render_to_string("identity/invitation_letter.txt", context),
        to=invitation.email,
        about=f"the invitation {invitation.key}",
    )


def _sent(*, subject: str, message: str, to: str, about: str) -> bool:
    try:
        send_mail(subject=subject, message=message, from_email=None, recipient_list=[to])
    except (OSError, SMTPException) as error:
        LOG.warning("%s could not be mailed: %s", about, error)
        return False
    return True
