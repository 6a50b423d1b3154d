"""What a policy would cost if a parameter were another: computed on the city's facts in memory."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from threading import Lock
from typing import Any, Final

import attrs
import numpy as np
from django.db.models import Max, Q, QuerySet

from liudu.platform.city.models import District, Sector
from liudu.platform.funding.decisions import encoded_value
from liudu.platform.funding.models import FactRow, PackVersion, Subject
from liudu.platform.funding.packs import program_of
from liudu.platform.words import Words
from liudu.rules import (
    Column,
    Comparison,
    Fact,
    FactTable,
    Kind,
    Program,
    Run,
    Setting,
    compare,
    day_of,
    run,
    settle,
    what_if,
)

CITIES_KEPT: Final = 6
MANY: Final = 8_000  # subjects that are read in about a second
NOT_KNOWN: Final = Words("未知", "not known")


@attrs.frozen(eq=False, kw_only=True)
class City:
    """Everybody whom a policy may concern, with the run as things are.

    Attributes
    ----------
    parts
        By ``district``, ``sector`` and ``size``: the labels, and for each subject which it has
        (the last label is “not known”).
    simulated
        How many of the subjects are made up.

    """

    before: Run
    parts: Mapping[str, tuple[tuple[object, ...], Any]]
    simulated: int

    @property
    def count(self) -> int:
        """How many subjects there are."""
        return len(self.before.table)


@attrs.frozen(kw_only=True)
class Part:
    """Who gains and who loses in one part of the city."""

    label: str
    subjects: int
    winners: int
    losers: int
    change_fen: int
    after_fen: int


@attrs.frozen(eq=False, kw_only=True)
class Trial:
    """What other values of the parameters would bring."""

    comparison: Comparison
    before_fen: int
    after_fen: int
    eligible_before: int
    eligible_after: int
    unknown_after: int
    parts: Mapping[str, tuple[Part, ...]]
    exhausted_on: date | None
    served: int | None


_CITIES: dict[tuple[object, ...], City] = {}
_LOCK = Lock()


def takes_long(version: PackVersion, *, kind: str, on: date) -> bool:
    """Return whether many subjects must be read first; then people are told to wait."""
    return _key(version, kind=kind, on=on) not in _CITIES and (
        Subject.objects.filter(kind=kind).order_by()[MANY : MANY + 1].exists()
    )


def _key(version: PackVersion, *, kind: str, on: date) -> tuple[object, ...]:
    newest = FactRow.objects.aggregate(last=Max("pk"))["last"]
    return version.digest, kind, on, newest


def city_of(version: PackVersion, *, kind: str, on: date) -> City:
    """Return the city for a policy; kept in the process until a fact changes."""
    key = _key(version, kind=kind, on=on)
    with _LOCK:
        if key not in _CITIES:
            while len(_CITIES) >= CITIES_KEPT:
                _CITIES.pop(next(iter(_CITIES)))
            _CITIES[key] = _load(version, kind=kind, on=on)
        return _CITIES[key]


def _load(version: PackVersion, *, kind: str, on: date) -> City:
    program = program_of(version, on=on, subject=kind)
    subjects = list(
        Subject.objects.filter(kind=kind)
        .order_by("pk")
        .values_list("pk", "key", "district_id", "sector_id", "size", "simulated")
    )
    places = {pk: index for index, (pk, *_) in enumerate(subjects)}
    table = FactTable.of(
        program.pack.facts,
        _columns(program, places, on=on),
        subjects=[key for _, key, *_ in subjects],
    )
    return City(
        before=run(program, table),
        parts=_parts(subjects),
        simulated=sum(one[-1] for one in subjects),
    )


def _columns(program: Program, places: Mapping[int, int], *, on: date) -> dict[str, Column]:
    facts = {name: program.pack.facts[name] for name in program.facts}
    numbers: dict[str, Any] = {
        name: np.zeros(len(places), np.bool_ if one.type.kind is Kind.BOOL else np.int64)
        for name, one in facts.items()
    }
    unknown = {name: np.ones(len(places), np.bool_) for name in facts}
    rows = _held(facts, on=on)
    encoded: dict[tuple[str, str, str], int | None] = {}
    for subject, name, kind, value in rows.iterator(chunk_size=20_000):
        place = places.get(subject)
        if place is None:
            continue
        written = (name, kind, value)
        if written not in encoded:
            encoded[written] = encoded_value(facts[name], kind=kind, value=value)
        number = encoded[written]
        if number is not None:
            numbers[name][place], unknown[name][place] = number, False
    return {name: Column(numbers[name], unknown[name]) for name in facts}


def _held(facts: Mapping[str, Fact], *, on: date) -> QuerySet[FactRow, tuple[int, str, str, str]]:
    """Return what a delivery of the day would use: as `queries.holds`, asked of the database."""
    declared = Q(origin=FactRow.Origin.DECLARED)
    stale = Q(pk=None)
    for name, fact in facts.items():
        if fact.valid_days is not None:
            since = on - timedelta(days=fact.valid_days)
            stale |= Q(name=name, observed_date__lt=since)
    unasked = [name for name, fact in facts.items() if fact.question is None]
    rows = FactRow.objects.filter(
        Q(valid_to=None) | Q(valid_to__gte=on),
        name__in=list(facts),
        superseded_by__isnull=True,
        valid_from__lte=on,
        observed_date__lte=on,
    ).exclude(stale | (declared & Q(name__in=unasked)))
    return rows.values_list("subject_id", "name", "kind", "value")


def _parts(subjects: Sequence[tuple[Any, ...]]) -> dict[str, tuple[tuple[object, ...], Any]]:
    # Names, not words: the city is kept for readers of both languages.
    districts: dict[Any, object] = {one.pk: one for one in District.objects.all()}
    sectors: dict[Any, object] = {one.pk: one for one in Sector.objects.all()}
    sizes: dict[Any, object] = {one.value: one.label for one in Subject.Size}
    found = {}
    for name, place, labels in (
        ("district", 2, districts),
        ("sector", 3, sectors),
        ("size", 4, sizes),
    ):
        order = {key: index for index, key in enumerate(labels)}
        codes = np.array([order.get(one[place], len(labels)) for one in subjects], np.int64)
        found[name] = ((*labels.values(), NOT_KNOWN), codes)
    return found


def attempt(
    city: City,
    settings: Mapping[str, Setting],
    *,
    budget_fen: int | None = None,
    order: str = "",
) -> Trial:
    """Return what would change under other values, and when a budget would be used up.

    Parameters
    ----------
    order
        A fact that is a day: who is served first.

    Raises
    ------
    UnknownParameterError, ParameterOutOfRangeError, PackRefusedError

    """
    after = what_if(city.before, settings)
    found = compare(city.before, after)
    count = city.count
    paid = settle(after, by_itself=True).by_subject(count)
    day, served = _exhausted(after, paid, budget_fen=budget_fen, order=order)
    return Trial(
        comparison=found,
        before_fen=int(paid.sum()) - found.total_fen,
        after_fen=int(paid.sum()),
        eligible_before=_eligible(city.before),
        eligible_after=_eligible(after),
        unknown_after=sum(one.unknown for one in after.counts()),
        parts={
            name: tuple(_by_part(labels, codes, found.change_fen, paid))
            for name, (labels, codes) in city.parts.items()
        },
        exhausted_on=day,
        served=served,
    )


def _eligible(result: Run) -> int:
    """Return how many subjects are due something by at least one rule."""
    if not len(result.table):
        return 0
    due = np.zeros(len(result.table), np.bool_)
    for name in result.rules:
        due |= result.status(name) == 1
    return int(due.sum())


def _by_part(labels: Sequence[object], codes: Any, change: Any, paid: Any) -> list[Part]:  # noqa: ANN401 - arrays
    size = len(labels)
    subjects = np.bincount(codes, minlength=size)
    winners = np.bincount(codes[change > 0], minlength=size)
    losers = np.bincount(codes[change < 0], minlength=size)
    # Sums of whole fen through doubles are exact below 2**53 fen: ninety trillion yuan.
    more = np.bincount(codes, weights=change, minlength=size)
    total = np.bincount(codes, weights=paid, minlength=size)
    return [
        Part(
            label=str(label),
            subjects=int(subjects[index]),
            winners=int(winners[index]),
            losers=int(losers[index]),
            change_fen=int(more[index]),
            after_fen=int(total[index]),
        )
        for index, label in enumerate(labels)
        if subjects[index]
    ]


def _exhausted(
    after: Run,
    paid: Any,  # noqa: ANN401 - an array
    *,
    budget_fen: int | None,
    order: str,
) -> tuple[date | None, int | None]:
    """Return the day of the first payment that a budget cannot make, and how many it makes."""
    column = after.table.columns.get(order)
    if budget_fen is None or column is None:
        return None, None
    due = paid > 0 if column.unknown is None else (paid > 0) & ~column.unknown
    rows = np.flatnonzero(due)
    queue = rows[np.lexsort((after.table.ranks[rows], column.numbers[rows]))]
    over = np.flatnonzero(np.cumsum(paid[queue]) > budget_fen)
    if not len(over):
        return None, len(queue)
    return day_of(int(column.numbers[queue[over[0]]])), int(over[0])
