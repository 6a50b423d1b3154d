"""The accounts, for operators: who has one, and what is done when one is lost or misused."""

from collections.abc import Callable

from allauth.mfa.utils import is_mfa_enabled
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from liudu.contract import Refusal
from liudu.platform import clock
from liudu.platform.audit.queries import lines_of
from liudu.platform.identity import queries, services
from liudu.platform.identity.letters import send_factors_cleared
from liudu.platform.identity.models import User
from liudu.platform.web.doors import actor_at, door
from liudu.platform.web.paging import LongList
from liudu.platform.words import Words, both, language

PAGE_SIZE = 25
INVITATIONS_SHOWN = 10
HISTORY_LINES = 20
STATES = (
    ("active", Words("在用", "Active")),
    ("inactive", Words("已停用", "Inactive")),
    ("operator", Words("运营人员", "Operators")),
)


@door("identity.manage_users")
@require_GET
def show_list(request: HttpRequest) -> HttpResponse:
    """List accounts, and the invitations that nobody has answered."""
    search = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    state = request.GET.get("state", "")
    found = queries.all_users(search=search, state=state)
    invitations = queries.invitations_to(search, at=clock.now())[:INVITATIONS_SHOWN]
    context = {
        "page": LongList(found, PAGE_SIZE, whole=queries.users_whole()).get_page(
            request.GET.get("page")
        ),
        "search": search,
        "state": state,
        "states": STATES,
        "invitations": invitations,
        "at": clock.now(),
    }
    return render(request, "identity/users.html", context)


@door("identity.manage_users")
@require_GET
def show(request: HttpRequest, user_key: str) -> HttpResponse:
    """Show one account: where it belongs, how it is kept safe, what was done to it."""
    return _page(request, get_object_or_404(User, key=user_key))


@door("identity.manage_users")
@require_POST
def deactivate(request: HttpRequest, user_key: str) -> HttpResponse:
    """Stop an account and end its sessions."""
    said = both("账号已停用，其登录均已结束", "Stopped; its sessions have ended")
    return _do(request, user_key, services.deactivate_user, said=said)


@door("identity.manage_users")
@require_POST
def activate(request: HttpRequest, user_key: str) -> HttpResponse:
    """Let a stopped account log in again."""
    return _do(request, user_key, services.activate_user, said=both("账号已恢复", "Active again"))


@door("identity.manage_users")
@require_POST
def clear_factors(request: HttpRequest, user_key: str) -> HttpResponse:
    """Take the second factor from an account, and tell its owner by mail."""
    mailed = both("已清除，并已邮件告知本人", "Cleared; its owner was told by mail")
    unmailed = both(
        "已清除；邮件未能发出，请自行告知本人", "Cleared; the mail did not go out: tell its owner"
    )

    def tell(user: User) -> str:
        return str(mailed if send_factors_cleared(user) else unmailed)

    return _do(request, user_key, services.clear_factors, said=tell)


def _do(
    request: HttpRequest,
    user_key: str,
    deed: Callable[..., User],
    *,
    said: str | Callable[[User], str],
) -> HttpResponse:
    user = get_object_or_404(User, key=user_key)
    try:
        user = deed(by=actor_at(request), at=clock.now(), user=user)
    except Refusal as refusal:
        return _page(request, user, refusal=refusal, status=getattr(refusal, "status", 422))
    messages.success(request, said(user) if callable(said) else said)
    return redirect("identity:user", user.key)


def _page(
    request: HttpRequest, user: User, *, refusal: Refusal | None = None, status: int = 200
) -> HttpResponse:
    context = {
        "person": user,
        "is_me": actor_at(request).key == user.key,
        "memberships": queries.memberships_of(user),
        "mfa": is_mfa_enabled(user),
        "session_count": UserSession.objects.filter(user=user).count(),
        "lines": lines_of("user", user.key)[:HISTORY_LINES],
        "refusal": refusal.say(language()) if refusal else "",
    }
    return render(request, "identity/user.html", context, status=status)
