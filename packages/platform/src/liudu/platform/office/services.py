"""Writes of this context; the audit line is last in the same transaction."""

from datetime import datetime
from typing import Final

from django.db import IntegrityError, transaction

from liudu.contract import Refusal
from liudu.platform.actors import Actor
from liudu.platform.audit.services import record
from liudu.platform.identity.models import Organisation, User
from liudu.platform.needs.models import Need
from liudu.platform.needs.services import advance_stage
from liudu.platform.office.models import SavedView

VIEWS_MAX: Final = 50
NAME_LENGTH_MAX: Final = 80
QUERY_LENGTH_MAX: Final = 1000
PAGES: Final = ("needs:list", "office:board")


class ViewNameMissingError(Refusal):
    """A view without a name."""

    en = "Give the view a name, for example “Manufacturing, past its date”."
    zh = "请给视图起个名字，例如“制造业·已过期”。"


class ViewTooLongError(Refusal):
    """A name or a query that does not fit."""

    en = "The view's name has {length} characters; at most {length_max} fit."
    zh = "视图名称有 {length} 个字，最多 {length_max} 个字。"


class ViewQueryTooLongError(Refusal):
    """A query that does not fit."""

    en = "The filters are too long to be kept ({length} of {length_max} characters): drop some."
    zh = "筛选条件过长（{length} 个字符，上限 {length_max}），请减少一些条件。"


class ViewNameTakenError(Refusal):
    """Two views of one name."""

    status = 409
    en = "You already have a view “{name}”. Choose another name, or delete that one."
    zh = "您已有名为“{name}”的视图，请换个名字，或先删除原视图。"


class TooManyViewsError(Refusal):
    """More views than anybody finds again."""

    en = "You have {view_count_max} views, the most that are kept. Delete one first."
    zh = "您已保存 {view_count_max} 个视图，达到上限，请先删除一个。"


class UnknownPageError(Refusal):
    """A page that has no views."""

    en = "Views are kept of {pages}, not of “{page}”."
    zh = "只能保存以下页面的视图：{pages}，不支持“{page}”。"


class NotAcceptedError(Refusal):
    """A need that has not been accepted cannot be in use."""

    status = 409
    en = "“{title}” is not accepted yet: a trial must pass and be released before it is in use."
    zh = "“{title}”尚未验收：试验通过并公布结果后，才能转为运行。"


@transaction.atomic
def start_running(*, by: Actor, at: datetime, need: Need) -> Need:
    """Return an accepted need as in use; twice is the same as once.

    Raises
    ------
    NotAcceptedError

    """
    now = Need.objects.select_for_update().get(pk=need.pk)
    if now.stage not in (Need.Stage.ACCEPTED, Need.Stage.RUNNING):
        raise NotAcceptedError(title=now.title)
    return advance_stage(by=by, at=at, need=now, to=Need.Stage.RUNNING)


def save_view(
    *, by: Actor, at: datetime, page: str, name: str, query: str, shared: bool = False
) -> SavedView:
    """Keep a list with its filters under a name.

    Parameters
    ----------
    page
        One of `PAGES`.
    query
        As in the page's address.
    shared
        Whether the whole organisation finds it.

    Raises
    ------
    Refusal
        One kind for each rule.

    """
    name = " ".join(name.replace("\x00", "").split())
    _require_fitting(page=page, name=name, query=query)
    try:
        return _kept(by=by, at=at, page=page, name=name, query=query, shared=shared)
    except IntegrityError as error:
        raise ViewNameTakenError(name=name) from error


def _require_fitting(*, page: str, name: str, query: str) -> None:
    if page not in PAGES:
        raise UnknownPageError(page=page[:40], pages=", ".join(PAGES))
    if not name:
        raise ViewNameMissingError
    if len(name) > NAME_LENGTH_MAX:
        raise ViewTooLongError(length=len(name), length_max=NAME_LENGTH_MAX)
    if len(query) > QUERY_LENGTH_MAX:
        raise ViewQueryTooLongError(length=len(query), length_max=QUERY_LENGTH_MAX)


@transaction.atomic
def _kept(*, by: Actor, at: datetime, page: str, name: str, query: str, shared: bool) -> SavedView:
    user = User.objects.get(key=by.key)
    if SavedView.objects.filter(user=user).count() >= VIEWS_MAX:
        raise TooManyViewsError(view_count_max=VIEWS_MAX)
    view = SavedView.objects.create(
        user=user,
        organisation=Organisation.objects.get(key=by.organisation_key),
        page=page,
        name=name,
        query=query,
        shared=shared,
        created_at=at,
    )
    _tell("office.view.saved", view, by=by, at=at, query=query, shared=shared)
    return view


@transaction.atomic
def share_view(*, by: Actor, at: datetime, view: SavedView, shared: bool) -> SavedView:
    """Show a view to the organisation, or no longer."""
    view.shared = shared
    view.save(update_fields=["shared"])
    verb = "office.view.shared" if shared else "office.view.kept_private"
    _tell(verb, view, by=by, at=at)
    return view


@transaction.atomic
def delete_view(*, by: Actor, at: datetime, view: SavedView) -> None:
    """Forget a view."""
    _tell("office.view.deleted", view, by=by, at=at, query=view.query)
    view.delete()


def _tell(verb: str, view: SavedView, *, by: Actor, at: datetime, **detail: object) -> None:
    record(
        at=at,
        by=by,
        verb=verb,
        subject_kind="view",
        subject_key=view.key,
        subject_name=view.name,
        **detail,
    )
