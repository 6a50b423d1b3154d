"""What the pages of an organisation have in common."""

from django.http import Http404, HttpRequest

from liudu.platform.identity.models import Organisation, User
from liudu.platform.web.doors import actor_at, require


def organisation_at(request: HttpRequest, key: str, permission: str) -> Organisation:
    """Return an organisation on which the reader has a permission."""
    organisation = Organisation.objects.select_related("district").filter(key=key).first()
    if organisation is None:
        raise Http404
    require(actor_at(request), permission, organisation, seen="identity.view_organisation")
    return organisation


def user_at(request: HttpRequest) -> User:
    """Return the person who is logged in."""
    if not isinstance(request.user, User):
        raise Http404
    return request.user
