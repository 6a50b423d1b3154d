"""The members of an organisation and the letters that invite."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from liudu.contract import Refusal
from liudu.platform import clock
from liudu.platform.identity import queries, services
from liudu.platform.identity.decisions import ROLES_OF, grantable
from liudu.platform.identity.forms import InviteForm, RolesForm, refuse
from liudu.platform.identity.letters import send_invitation
from liudu.platform.identity.models import Invitation, Organisation, User
from liudu.platform.identity.pages._shared import organisation_at, user_at
from liudu.platform.web.doors import actor_at, door, may
from liudu.platform.words import both, language


@door("identity.view_members")
@require_GET
def show(request: HttpRequest, key: str) -> HttpResponse:
    """Show who belongs to an organisation, with which roles."""
    organisation = organisation_at(request, key, "identity.view_members")
    return _page(request, organisation)


@door("identity.manage_members")
@require_POST
def invite(request: HttpRequest, key: str) -> HttpResponse:
    """Send a letter; its link is shown once too, for towns whose mail does not go out."""
    organisation = organisation_at(request, key, "identity.manage_members")
    form = _invite_form(request, organisation)
    if not form.is_valid():
        return _page(request, organisation, form=form, status=422)
    try:
        invitation, secret = services.invite_member(
            by=actor_at(request),
            at=clock.now(),
            organisation=organisation,
            email=form.cleaned_data["email"],
            roles=form.chosen,
        )
    except Refusal as refusal:
        return _page(request, organisation, form=form, status=refuse(form, refusal))
    return _sent(request, organisation, invitation, secret=secret)


@door("identity.manage_members")
@require_POST
def change(request: HttpRequest, key: str, user_key: str) -> HttpResponse:
    """Set the roles of a member."""
    organisation = organisation_at(request, key, "identity.manage_members")
    member = _member(organisation, user_key)
    form = RolesForm(request.POST, roles=ROLES_OF[organisation.kind])
    if not form.is_valid():
        return _page(request, organisation, status=422)
    try:
        services.set_roles(
            by=actor_at(request),
            at=clock.now(),
            organisation=organisation,
            user=member,
            roles=form.chosen,
        )
    except Refusal as refusal:
        return _refused(request, organisation, refusal)
    messages.success(request, both("角色已更新", "The roles are changed"))
    return redirect("identity:members", organisation.key)


@door("identity.manage_members")
@require_POST
def remove(request: HttpRequest, key: str, user_key: str) -> HttpResponse:
    """End somebody's membership."""
    organisation = organisation_at(request, key, "identity.manage_members")
    member = _member(organisation, user_key)
    try:
        services.remove_member(
            by=actor_at(request), at=clock.now(), organisation=organisation, user=member
        )
    except Refusal as refusal:
        return _refused(request, organisation, refusal)
    messages.success(request, both("已移出单位", "Removed from the organisation"))
    return redirect("identity:members", organisation.key)


@door("identity.view_me")
@require_POST
def leave(request: HttpRequest, key: str) -> HttpResponse:
    """End one's own membership."""
    user = user_at(request)
    organisation = Organisation.objects.filter(key=key, memberships__user=user).first()
    if organisation is None:
        raise Http404
    try:
        services.remove_member(
            by=actor_at(request), at=clock.now(), organisation=organisation, user=user
        )
    except Refusal as refusal:
        messages.error(request, refusal.say(language()))
        return redirect("identity:me")
    messages.success(request, both("您已退出该单位", "You have left the organisation"))
    return redirect("identity:me")


@door("identity.manage_members")
@require_POST
def renew(request: HttpRequest, key: str, invitation_key: str) -> HttpResponse:
    """Send a letter once more, with a new link and its whole time again."""
    organisation = organisation_at(request, key, "identity.manage_members")
    invitation = get_object_or_404(Invitation, organisation=organisation, key=invitation_key)
    try:
        invitation, secret = services.renew_invitation(
            by=actor_at(request), at=clock.now(), invitation=invitation
        )
    except Refusal as refusal:
        return _refused(request, organisation, refusal)
    return _sent(request, organisation, invitation, secret=secret)


@door("identity.manage_members")
@require_POST
def withdraw(request: HttpRequest, key: str, invitation_key: str) -> HttpResponse:
    """Make an open letter worthless."""
    organisation = organisation_at(request, key, "identity.manage_members")
    invitation = get_object_or_404(Invitation, organisation=organisation, key=invitation_key)
    try:
        services.withdraw_invitation(by=actor_at(request), at=clock.now(), invitation=invitation)
    except Refusal as refusal:
        return _refused(request, organisation, refusal)
    messages.success(request, both("邀请已撤回", "The invitation is withdrawn"))
    return redirect("identity:members", organisation.key)


def _sent(
    request: HttpRequest, organisation: Organisation, invitation: Invitation, *, secret: str
) -> HttpResponse:
    link = request.build_absolute_uri(reverse("identity:invitation", args=[secret]))
    sent = send_invitation(invitation, link=link)
    return _page(request, organisation, invited={"to": invitation, "link": link, "sent": sent})


def _member(organisation: Organisation, user_key: str) -> User:
    user = User.objects.filter(memberships__organisation=organisation, key=user_key).first()
    if user is None:
        raise Http404
    return user


def _invite_form(request: HttpRequest, organisation: Organisation) -> InviteForm:
    roles = grantable(own=actor_at(request).roles, kind=organisation.kind)
    return InviteForm(request.POST or None, roles=roles)


def _refused(request: HttpRequest, organisation: Organisation, refusal: Refusal) -> HttpResponse:
    return _page(request, organisation, refusal=refusal, status=getattr(refusal, "status", 422))


def _page(
    request: HttpRequest,
    organisation: Organisation,
    *,
    form: InviteForm | None = None,
    status: int = 200,
    **more: object,
) -> HttpResponse:
    manages = may(actor_at(request), "identity.manage_members", organisation)
    roles = ROLES_OF[organisation.kind]
    context = {
        "organisation": organisation,
        "manages": manages,
        "rows": [
            (
                each,
                RolesForm(
                    initial={"roles": each.roles}, roles=roles, auto_id=f"{each.user.key}_%s"
                ),
            )
            for each in queries.members_of(organisation)
        ],
        "invitations": queries.open_invitations(organisation, at=clock.now()) if manages else (),
        "form": form
        or InviteForm(roles=grantable(own=actor_at(request).roles, kind=organisation.kind)),
        **more,
    }
    answer = render(request, "identity/members.html", context, status=status)
    answer["Cache-Control"] = "no-store"  # the link of an invitation is on it once
    return answer
