"""What the front shows of all contexts: only what every visitor may see."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import attrs
from django.core.cache import cache
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Lower
from django.utils.functional import cached_property

from liudu.platform.city.models import District, Sector
from liudu.platform.needs.models import Need
from liudu.platform.supply.models import Certificate, Solution, Vendor
from liudu.platform.trials.models import Trial

KEPT_S: Final = 60
OPEN_STAGES: Final = (Need.Stage.POSTED, Need.Stage.MATCHED)
FOUND_MAX: Final = 8  # of each kind, on one page of results
WORDS_MAX: Final = 5
QUERY_LENGTH_MAX: Final = 200
OTHERS: Final = 3
# Django writes `public=True` as a bare boolean, for which SQLite uses no index.
SHOWN: Final = (True,)


@attrs.frozen(kw_only=True)
class Numbers:
    """How far the city is, counted at one moment and kept for a minute.

    Attributes
    ----------
    need_count
        Published needs; `open_count` of them wait for offers, `running_count` are in use.
    trial_count
        Trials whose verdict is released.
    proven_count
        Public solutions that passed a released trial.
    vendor_count
        Vendors with a page.

    """

    at: datetime
    need_count: int
    open_count: int
    trial_count: int
    proven_count: int
    running_count: int
    vendor_count: int


def numbers(*, at: datetime) -> Numbers:
    """Return the live numbers, at most a minute old."""
    found = cache.get("front:numbers")
    if isinstance(found, Numbers) and at - found.at < timedelta(seconds=KEPT_S):
        return found
    published = Need.objects.filter(status=Need.Status.PUBLISHED)
    counted = Numbers(
        at=at,
        need_count=published.count(),
        open_count=published.filter(stage__in=OPEN_STAGES).count(),
        running_count=published.filter(stage=Need.Stage.RUNNING).count(),
        trial_count=Trial.objects.filter(verdict__gt="", released_at__isnull=False).count(),
        proven_count=Solution.objects.filter(public__in=SHOWN, proven_at__isnull=False).count(),
        vendor_count=Vendor.objects.count(),
    )
    cache.set("front:numbers", counted, KEPT_S)
    return counted


def open_needs(*, count: int) -> list[Need]:
    """Return the newest published needs that wait for offers."""
    return list(
        Need.objects.filter(status=Need.Status.PUBLISHED, stage__in=OPEN_STAGES)
        .select_related("sector", "district", "owner")
        .order_by("-published_at")[:count]
    )


def proven_keys() -> QuerySet[Certificate, int]:
    """Return the rows of the certificates that every visitor may read as cases, newest first.

    Only their numbers: the index of certificates answers this alone, whereas a join would make
    SQLite walk through all needs. `cases_of` brings what they say.
    """
    published = Need.objects.filter(pk=OuterRef("need_id"), status=Need.Status.PUBLISHED)
    return (
        Certificate.objects.filter(
            Exists(published),
            public__in=SHOWN,
            verdict="passed",
            released_at__isnull=False,
            revoked_at__isnull=True,
        )
        .order_by("-issued_at")
        .values_list("pk", flat=True)
    )


def cases_of(rows: Iterable[int]) -> list[Certificate]:
    """Return certificates with all that a list of cases shows, in the order of their rows."""
    wanted = list(rows)
    found = _whole().in_bulk(wanted)
    return [found[row] for row in wanted]


def _whole() -> QuerySet[Certificate]:
    return Certificate.objects.select_related(
        "need__owner",
        "need__sector",
        "need__district",
        "version__solution__vendor__organisation",
    ).defer("document", "version__manifest", "version__findings")


class Cases(Paginator[int]):
    """Pages of cases; how many there are is counted once a minute."""

    @cached_property
    def count(self) -> int:
        """How many cases there are, at most a minute ago."""
        return int(cache.get_or_set("front:cases", proven_keys().count, KEPT_S) or 0)


@attrs.frozen(kw_only=True)
class Case:
    """A need, the solution that kept its promise, and the trial that shows it."""

    certificate: Certificate
    trial: Trial
    others: Sequence[Certificate]


def case_for(key: str) -> Case:
    """Return one case.

    Raises
    ------
    Certificate.DoesNotExist, Trial.DoesNotExist
        There is none that a visitor may read.

    """
    certificate = _whole().get(pk=proven_keys().get(key=key))
    trial = Trial.objects.select_related("seal").get(
        key=certificate.trial_key, released_at__isnull=False
    )
    others = proven_keys().filter(need__sector=certificate.need.sector_id)
    return Case(
        certificate=certificate,
        trial=trial,
        others=cases_of(others.exclude(pk=certificate.pk)[:OTHERS]),
    )


@attrs.frozen(kw_only=True)
class Found:
    """What a search found, by kind; one more than shown tells that there are more."""

    needs: Sequence[Need] = ()
    solutions: Sequence[Solution] = ()
    vendors: Sequence[Vendor] = ()
    districts: Sequence[District] = ()
    sectors: Sequence[Sector] = ()

    @property
    def anything(self) -> bool:
        """Whether there is at least one result."""
        return any((self.needs, self.solutions, self.vendors, self.districts, self.sectors))


def find(text: str) -> Found:
    """Return what every word of a text is found in: needs, solutions, vendors, the city."""
    words = text.replace("\0", "").split()[:WORDS_MAX]
    if not words:
        return Found()
    needs = Need.objects.filter(_kept(words), status=Need.Status.PUBLISHED).defer("words")
    solutions = Solution.objects.filter(_kept(words), public__in=SHOWN).defer("words")
    vendors = Vendor.objects.filter(
        _each(words, "organisation__name", "organisation__name_en", "about")
    )
    more = FOUND_MAX + 1
    return Found(
        needs=list(
            needs.select_related("sector", "district", "owner").order_by("-published_at")[:more]
        ),
        solutions=list(
            solutions.select_related("vendor__organisation", "sector").order_by("-updated_at")[
                :more
            ]
        ),
        vendors=list(vendors.select_related("organisation").order_by("organisation__name")[:more]),
        districts=list(District.objects.filter(_each(words, "name", "name_en", "code"))),
        sectors=list(Sector.objects.filter(_each(words, "name", "name_en", "code"))),
    )


def _kept(words: Sequence[str]) -> Q:
    """Return that each word is in the column that the database keeps for searches."""
    condition = Q()
    for word in words:
        condition &= Q(words__contains=Lower(Value(word)))
    return condition


def _each(words: Sequence[str], *fields: str) -> Q:
    condition = Q()
    for word in words:
        anywhere = Q()
        for field in fields:
            anywhere |= Q(**{f"{field}__icontains": word})
        condition &= anywhere
    return condition
