"""Facts by the hundred thousand: written by prepared statements, not object by object."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Final

import attrs
from django.db import connection

from liudu.platform.funding.models import FactRow

Value = str | int | None
META: Final = FactRow._meta  # noqa: SLF001 - Django's own way to ask a model for its columns
COLUMNS: Final = tuple(str(one.column) for one in META.concrete_fields if not one.primary_key)


@attrs.frozen(kw_only=True, slots=True)
class Told:
    """A fact as it is to be written; the rest is common to all that are told at once."""

    subject_id: int
    name: str
    kind: str
    value: str
    bureau: str
    document: str
    observed_date: date
    supersedes_id: int | None = None


def insert_facts(
    told: Iterable[Told],
    *,
    at: datetime,
    by_name: str,
    origin: str,
    source_id: int | None = None,
) -> int:
    """Write many facts in the transaction at hand; return how many."""
    names = ", ".join(connection.ops.quote_name(one) for one in COLUMNS)
    table = connection.ops.quote_name(META.db_table)
    places = ", ".join(["%s"] * len(COLUMNS))
    common: dict[str, Value] = {
        "valid_to": None,
        "origin": origin,
        "entered_at": str(connection.ops.adapt_datetimefield_value(at)),
        "entered_by": by_name[:120],
        "source_id": source_id,
    }
    rows = list(_tuples(told, common))
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({places})", rows)  # noqa: S608 - names of columns only
    return len(rows)


def _tuples(told: Iterable[Told], common: Mapping[str, Value]) -> Iterator[tuple[Value, ...]]:
    days: dict[date, str] = {}
    for one in told:
        day = days.get(one.observed_date)
        if day is None:
            day = days[one.observed_date] = one.observed_date.isoformat()
        row: dict[str, Value] = {
            **common,
            "subject_id": one.subject_id,
            "name": one.name,
            "kind": one.kind,
            "value": one.value,
            "bureau": one.bureau[:120],
            "document": one.document[:160],
            "observed_date": day,
            "valid_from": day,
            "supersedes_id": one.supersedes_id,
        }
        yield tuple(row[name] for name in COLUMNS)
