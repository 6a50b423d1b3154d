"""The list of needs: its filters, its search, its order, and how many there are."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlencode

import attrs
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Lower

from liudu.contract import Refusal
from liudu.platform.actors import Actor
from liudu.platform.identity.queries import organisations_named
from liudu.platform.needs.models import ImportRow, Need
from liudu.platform.needs.queries import visible_to
from liudu.platform.words import both

PAGE_SIZE: Final = 25
EXPORT_ROWS_MAX: Final = 20_000
QUERY_LENGTH_MAX: Final = 200
TERMS_MAX: Final = 8
WAN_FEN: Final = 10_000 * 100
BUDGET_WAN_MAX: Final = Decimal(10) ** 9
DUE: Final[Mapping[str, Any]] = MappingProxyType({
    "month": both("30 天内", "Within 30 days"),
    "quarter": both("90 天内", "Within 90 days"),
    "half": both("180 天内", "Within 180 days"),
    "past": both("已过期", "Past"),
    "none": both("未定日期", "No date"),
})  # fmt: skip
DUE_DAYS: Final[Mapping[str, int]] = MappingProxyType({"month": 30, "quarter": 90, "half": 180})
SORTS: Final[Mapping[str, Any]] = MappingProxyType({
    "new": both("最新发布", "Newest first"),
    "due": both("期望日期最近", "Due soonest"),
    "budget": both("预算从高到低", "Highest budget"),
    "stage": both("最近有进展", "Latest progress"),
    "title": both("名称", "Title"),
})  # fmt: skip
ORDERS: Final[Mapping[str, tuple[Any, ...]]] = MappingProxyType({
    "due": (F("due_date").asc(nulls_last=True), "-pk"),
    "budget": (F("budget_fen_max").desc(nulls_last=True), "-pk"),
    "stage": (F("stage_at").desc(nulls_last=True), "-pk"),
    "title": ("title", "-pk"),
})  # fmt: skip
TRIAL: Final[Mapping[str, Any]] = MappingProxyType({
    "yes": both("有试验", "With a trial"),
    "no": both("尚无试验", "Without a trial"),
})  # fmt: skip


class TooManyToExportError(Refusal):
    """More needs than one workbook should hold."""

    en = "More than {row_count_max} needs match. Narrow the list before you export it."
    zh = "符合条件的需求超过 {row_count_max} 条，请先缩小筛选范围再导出。"


@attrs.frozen(kw_only=True)
class Filters:
    """What a reader asked for; what is not understood counts as not asked.

    Attributes
    ----------
    q
        Words; each must occur in the title, the problem, the capability or the owner's name.
    sector, district
        Codes.
    stage, status
        Of `Need.Stage` and `Need.Status`.
    owner
        The owner's key, or part of its name.
    due
        One of `DUE`.
    budget_min, budget_max
        In 10,000 yuan.
    trial
        ``yes`` or ``no``.
    imported
        The key of an import.
    sort
        One of `SORTS`.

    """

    q: str = ""
    sector: str = ""
    district: str = ""
    stage: str = ""
    status: str = ""
    owner: str = ""
    due: str = ""
    budget_min: str = ""
    budget_max: str = ""
    trial: str = ""
    imported: str = ""
    sort: str = ""

    @classmethod
    def of(cls, query: Mapping[str, Any]) -> "Filters":
        """Read the query of a URL."""
        text = {name: _clean(query.get(key, "")) for name, key in _KEYS.items()}
        known = {
            "stage": Need.Stage.values, "status": Need.Status.values, "due": DUE, "trial": TRIAL,
            "sort": SORTS,
        }  # fmt: skip
        for name, values in known.items():
            if text[name] not in values:
                text[name] = ""
        for name in ("budget_min", "budget_max"):
            if _wan(text[name]) is None:
                text[name] = ""
        return cls(**text)

    @property
    def query(self) -> str:
        """Return them as the query of a URL."""
        asked = {key: getattr(self, name) for name, key in _KEYS.items()}
        return urlencode({key: value for key, value in asked.items() if value})

    @property
    def narrowed(self) -> bool:
        """Whether anything but the order was asked for."""
        return self != Filters(sort=self.sort)


_KEYS: Final = MappingProxyType({
    **{field.name: field.name for field in attrs.fields(Filters)}, "imported": "import",
})  # fmt: skip


def _clean(value: object) -> str:
    return " ".join(str(value).replace("\x00", " ").split())[:QUERY_LENGTH_MAX]


def _wan(text: str) -> Decimal | None:
    """Return an amount in 10,000 yuan, or None where it is none."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount <= BUDGET_WAN_MAX else None


def listed(actor: Actor, filters: Filters, *, today: date) -> QuerySet[Need]:
    """Return the needs that an actor may see and asked for, in order."""
    needs = visible_to(actor)
    for part in (_in_words, _in_places, _in_stage, _in_budget):
        needs = part(needs, filters)
    needs = _in_time(needs, filters, today=today)
    return needs.order_by(*_order(actor, filters))


def _order(actor: Actor, filters: Filters) -> tuple[Any, ...]:
    if filters.sort in ORDERS:
        return ORDERS[filters.sort]
    published_only = not actor.known or filters.status == Need.Status.PUBLISHED
    # Only published needs all have the day that the index is in order of.
    return ("-published_at", "-pk") if published_only else ("-updated_at", "-pk")


def _in_words(needs: QuerySet[Need], filters: Filters) -> QuerySet[Need]:
    for term in filters.q.split()[:TERMS_MAX]:
        needs = needs.filter(
            Q(words__contains=Lower(Value(term))) | Q(owner__in=organisations_named(term))
        )
    if filters.owner:
        named = Q(owner__in=organisations_named(filters.owner))
        needs = needs.filter(Q(owner__key=filters.owner) | named)
    return needs


def _in_places(needs: QuerySet[Need], filters: Filters) -> QuerySet[Need]:
    asked = {"sector__code": filters.sector, "district__code": filters.district}
    needs = needs.filter(**{name: value for name, value in asked.items() if value})
    if filters.imported:
        kept = ImportRow.objects.filter(run__key=filters.imported, need=OuterRef("pk"))
        needs = needs.filter(Exists(kept))
    return needs


def _in_stage(needs: QuerySet[Need], filters: Filters) -> QuerySet[Need]:
    if filters.stage:
        # A draft stands at the first stage for want of another: it is not posted.
        needs = needs.filter(stage=filters.stage, status=Need.Status.PUBLISHED)
    if filters.status:
        needs = needs.filter(status=filters.status)
    if filters.trial:
        # Trials lie above this context: it knows them by their relation only.
        tried = Exists(Need.objects.filter(pk=OuterRef("pk"), trials__isnull=False))
        needs = needs.filter(tried if filters.trial == "yes" else ~tried)
    return needs


def _in_budget(needs: QuerySet[Need], filters: Filters) -> QuerySet[Need]:
    low, high = _wan(filters.budget_min), _wan(filters.budget_max)
    if low is not None:
        needs = needs.filter(budget_fen_max__gte=int(low * WAN_FEN))
    if high is not None:
        needs = needs.filter(budget_fen_max__lte=int(high * WAN_FEN))
    return needs


def _in_time(needs: QuerySet[Need], filters: Filters, *, today: date) -> QuerySet[Need]:
    if filters.due == "past":
        return needs.filter(due_date__lt=today)
    if filters.due == "none":
        return needs.filter(due_date__isnull=True)
    if filters.due:
        last = today + timedelta(days=DUE_DAYS[filters.due])
        return needs.filter(due_date__gte=today, due_date__lte=last)
    return needs


def exported(actor: Actor, filters: Filters, *, today: date) -> QuerySet[Need]:
    """Return the needs that an export holds.

    Raises
    ------
    TooManyToExportError

    """
    needs = listed(actor, filters, today=today)
    if needs.order_by()[: EXPORT_ROWS_MAX + 1].count() > EXPORT_ROWS_MAX:
        raise TooManyToExportError(row_count_max=EXPORT_ROWS_MAX)
    return needs
