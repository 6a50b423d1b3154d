"""How accounts come and go: allauth does it, the audit is told."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.db import transaction
from django.http import HttpRequest

from liudu.platform import clock
from liudu.platform.identity.models import User
from liudu.platform.identity.queries import actor_of
from liudu.platform.identity.services.people import tell
from liudu.platform.words import language


class Accounts(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts of people, each new one with its audit line and its language."""

    def save_user(
        self,
        request: HttpRequest,
        user: User,
        form: Any,  # noqa: ANN401
        commit: bool = True,
    ) -> User:
        """Keep a new account."""
        with transaction.atomic():
            user.language = language()
            user.name = " ".join(form.cleaned_data.get("name", "").split())[:80]
            saved: User = super().save_user(request, user, form, commit=commit)
            if commit:
                tell(at=clock.now(), by=actor_of(saved), verb="identity.user.signed_up", user=saved)
        return saved

    def is_safe_url(self, url: str | None) -> bool:
        """Return whether a next page is one of ours."""
        return bool(url) and super().is_safe_url(url)
