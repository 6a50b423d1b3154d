"""Writes of the city: a pack is loaded, an empty slot is filled, a fact is verified."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import attrs
from django.db import models, transaction

from liudu.contract import Refusal
from liudu.platform.actors import Actor
from liudu.platform.audit.services import record
from liudu.platform.city.decisions import CityPack, Row, citations_of, read_pack
from liudu.platform.city.models import (
    Aspect,
    Citation,
    Conflict,
    Dimension,
    District,
    Enterprise,
    Fact,
    Gap,
    Milestone,
    PackVersion,
    Place,
    PublishedItem,
    RejectedSource,
    Sector,
    Source,
    Stated,
    Zone,
)
from liudu.platform.keys import new_key

# What others point to comes first; taken away in the opposite order.
KINDS: Final[dict[str, Any]] = {
    "source": Source,
    "rejected": RejectedSource,
    "district": District,
    "sector": Sector,
    "fact": Fact,
    "zone": Zone,
    "dimension": Dimension,
    "aspect": Aspect,
    "enterprise": Enterprise,
    "place": Place,
    "published": PublishedItem,
    "milestone": Milestone,
    "gap": Gap,
    "conflict": Conflict,
}
VERIFIABLE: Final = {kind: model for kind, model in KINDS.items() if issubclass(model, Stated)}
LISTED_MAX: Final = 200


class AnotherCityError(Refusal):
    """A pack of another city is loaded over the one that is there."""

    en = "This platform holds {here}; a pack of {other} would mix two cities. Use a home of its own (LIUDU_HOME)."  # noqa: E501
    zh = "本平台已载入 {here}；再载入 {other} 会混淆两个城市。请为它另设数据目录（LIUDU_HOME）。"


class SlotTakenError(Refusal):
    """The slot is not empty any more."""

    en = "“{label}” has been filled already: reload the page to see by whom."
    zh = "“{label}”已经填写：请刷新页面查看。"


class NoValueError(Refusal):
    """A slot is filled with nothing."""

    en = "Give a value and the title of the source that says it: a figure without a source is not shown."  # noqa: E501
    zh = "请填写数值和来源标题：没有来源的数字不予展示。"


class WrongDayError(Refusal):
    """A day that is neither a year nor a month nor a day."""

    en = "{written} is no year, month or day: write 2026, 2026-01 or 2026-01-31."
    zh = "{written} 不是年、年月或年月日：请写 2026、2026-01 或 2026-01-31。"


class NothingToVerifyError(Refusal):
    """An empty slot cannot be verified."""

    en = "“{label}” is an empty slot: fill it first."
    zh = "“{label}”尚无内容：请先填写。"


@attrs.frozen(kw_only=True)
class LoadReport:
    """What loading a pack did: codes by kind; all empty if nothing changed."""

    digest: str
    fresh: bool
    added: Mapping[str, list[str]] = attrs.field(factory=dict)
    changed: Mapping[str, list[str]] = attrs.field(factory=dict)
    gone: Mapping[str, list[str]] = attrs.field(factory=dict)
    retired: Mapping[str, list[str]] = attrs.field(factory=dict)
    kept: Mapping[str, list[str]] = attrs.field(factory=dict)

    def counts(self) -> dict[str, int]:
        """Return how many rows there are of each fate."""
        return {
            fate: sum(len(codes) for codes in getattr(self, fate).values())
            for fate in ("added", "changed", "gone", "retired", "kept")
        }


def load_city(*, by: Actor, at: datetime, folder: Path) -> LoadReport:
    """Bring the city to the state of a pack; the same pack twice changes nothing.

    What needs or organisations point to is never removed: it is retired and kept. A slot that the
    office filled keeps the office's value.

    Raises
    ------
    BadPackError
        With every problem of the pack; nothing is changed then.
    AnotherCityError
        If the platform holds another city.

    """
    return _load(by=by, at=at, pack=read_pack(folder))


@transaction.atomic
def _load(*, by: Actor, at: datetime, pack: CityPack) -> LoadReport:
    newest = PackVersion.objects.select_for_update().order_by("-pk").first()
    if newest is not None and newest.about.get("code") != pack.about["code"]:
        raise AnotherCityError(here=newest.about.get("code"), other=pack.about["code"])
    if newest is not None and newest.digest == pack.digest:
        return LoadReport(digest=pack.digest, fresh=False)
    fates = _Fates()
    for kind in KINDS:
        _bring(kind, pack.rows.get(kind, ()), fates)
    for kind in reversed(KINDS):
        _take_away(kind, {row.code for row in pack.rows.get(kind, ())}, fates, at=at)
    _cite(pack)
    report = LoadReport(digest=pack.digest, fresh=True, **fates.as_lists())
    told = attrs.asdict(report) | {"counts": report.counts()}
    PackVersion.objects.create(
        digest=pack.digest,
        about=dict(pack.about),
        report=told,
        loaded_at=at,
        loaded_by=by.name or by.kind,
    )
    record(
        at=at,
        by=by,
        verb="city.pack.loaded",
        subject_kind="city",
        subject_key=pack.about["code"],
        subject_name=pack.about["name"],
        digest=pack.digest,
        counts=report.counts(),
    )
    return report


@attrs.define
class _Fates:
    """What became of rows, by fate and kind."""

    added: dict[str, list[str]] = attrs.field(factory=dict)
    changed: dict[str, list[str]] = attrs.field(factory=dict)
    gone: dict[str, list[str]] = attrs.field(factory=dict)
    retired: dict[str, list[str]] = attrs.field(factory=dict)
    kept: dict[str, list[str]] = attrs.field(factory=dict)

    def note(self, fate: str, kind: str, code: str) -> None:
        """Remember one row."""
        getattr(self, fate).setdefault(kind, []).append(code)

    def as_lists(self) -> dict[str, dict[str, list[str]]]:
        """Return them as the report has them."""
        return attrs.asdict(self)


def _bring(kind: str, rows: Iterable[Row], fates: _Fates) -> None:
    """Add the rows that are new and change those that differ."""
    model = KINDS[kind]
    here = {row.code: row for row in model.objects.all()}
    keys = _keys_of_what_is_pointed_to()
    if kind == "sector":
        _free_numbers(rows, here)
    fresh: list[models.Model] = []
    for row in rows:
        fields = _with_keys(row.fields, keys)
        known = here.get(row.code)
        if known is None:
            fresh.append(model(code=row.code, **fields))
            fates.note("added", kind, row.code)
        elif getattr(known, "status", "") == Fact.Status.SUPPLIED:
            fates.note("kept", kind, row.code)
        else:
            _change(known, fields, kind=kind, fates=fates)
    model.objects.bulk_create(fresh)


def _free_numbers(rows: Iterable[Row], here: Mapping[str, Any]) -> None:
    """Let sectors change places: a number is unique at every moment."""
    moved = {
        row.code
        for row in rows
        if row.code in here and here[row.code].number != row.fields["number"]
    }
    gone = set(here) - {row.code for row in rows}
    for code in moved | gone:
        here[code].number = -here[code].pk
        here[code].save(update_fields=["number"])


def _keys_of_what_is_pointed_to() -> dict[str, dict[str, int]]:
    return {
        "district_id": dict(District.objects.values_list("code", "pk")),
        "sector_id": dict(Sector.objects.values_list("code", "pk")),
    }


def _with_keys(fields: Mapping[str, Any], keys: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """Return fields whose codes of districts and sectors are primary keys."""
    return {
        name: keys[name][value] if name in keys and value is not None else value
        for name, value in fields.items()
    }


def _change(known: Any, fields: Mapping[str, Any], *, kind: str, fates: _Fates) -> None:  # noqa: ANN401 - any of our models
    differing = {name: value for name, value in fields.items() if getattr(known, name) != value}
    if getattr(known, "retired_at", None) is not None:
        differing["retired_at"] = None
    if not differing:
        return
    if set(differing) != {"position"}:
        fates.note("changed", kind, known.code)
        if kind in VERIFIABLE:  # what was verified was the earlier text
            differing |= {"verified_at": None, "verified_by": ""}
    for name, value in differing.items():
        setattr(known, name, value)
    known.save(update_fields=list(differing))


def _take_away(kind: str, codes: set[str], fates: _Fates, *, at: datetime) -> None:
    """Remove what the pack no longer has; keep, retired, what something points to."""
    for row in KINDS[kind].objects.all():
        code: str = row.code
        if code in codes or getattr(row, "origin", "pack") == Source.Origin.OFFICE:
            continue
        if getattr(row, "status", "") == Fact.Status.SUPPLIED:
            fates.note("kept", kind, code)
        elif _is_pointed_to(row):
            if row.retired_at is None:
                row.retired_at = at
                row.save(update_fields=["retired_at"])
                fates.note("retired", kind, code)
        else:
            row.delete()
            fates.note("gone", kind, code)


def _is_pointed_to(row: models.Model) -> bool:
    """Return whether any row of any context points to this one; our citations do not count."""
    for relation in row._meta.related_objects:  # noqa: SLF001 - Django's public name for it
        if relation.related_model is Citation:
            continue
        field = relation.field.name
        related: Any = relation.related_model
        if related.objects.filter(**{field: row}).exists():
            return True
    return False


def _cite(pack: CityPack) -> None:
    """Write anew what rests on which source, with what the office filled."""
    Citation.objects.all().delete()
    lines = set(citations_of(pack))
    supplied = Fact.objects.filter(status=Fact.Status.SUPPLIED)
    lines = {line for line in lines if line[1:3] not in {("fact", row.code) for row in supplied}}
    lines |= {(str(row.source_id), "fact", row.code, True) for row in supplied}
    Citation.objects.bulk_create(
        Citation(source_id=source, kind=kind, row_code=code, first=first)
        for source, kind, code, first in sorted(lines)
    )


@transaction.atomic
def fill_slot(
    *,
    by: Actor,
    at: datetime,
    code: str,
    value: str,
    source_title: str,
    source_url: str = "",
    unit: str = "",
    as_of: str = "",
) -> Fact:
    """Fill an empty slot with a value and the source that says it; a filled one may be corrected.

    Raises
    ------
    NoValueError
        Without a value or a source.
    SlotTakenError
        If a source of the pack states it.
    WrongDayError
        If `as_of` is no year, month or day.

    """
    fact = Fact.objects.select_for_update().get(code=code)
    if fact.status == Fact.Status.STATED:
        raise SlotTakenError(label=str(fact))
    value, source_title = value.strip(), source_title.strip()
    if not value or not source_title:
        raise NoValueError
    _require_day(as_of.strip())
    source = Source.objects.create(
        code=f"O-{new_key()}",
        title=source_title,
        url=source_url.strip(),
        note=f"{by.name} · {by.organisation_name}",
        origin=Source.Origin.OFFICE,
    )
    before = {"value": fact.value, "unit": fact.unit, "source": fact.source_id}
    fact.status, fact.source = Fact.Status.SUPPLIED, source
    fact.value, fact.unit, fact.as_of = value, unit.strip(), as_of.strip()
    fact.verified_at, fact.verified_by = None, ""
    fact.save()
    Citation.objects.filter(kind="fact", row_code=code).delete()
    Citation.objects.create(source=source, kind="fact", row_code=code)
    record(
        at=at,
        by=by,
        verb="city.slot.filled",
        subject_kind="fact",
        subject_key=code,
        subject_name=fact.label,
        before=before,
        value=fact.value,
        unit=fact.unit,
        source=source.title,
        url=source.url,
    )
    return fact


def _require_day(written: str) -> None:
    padded = {4: f"{written}-01-01", 7: f"{written}-01", 10: written}.get(len(written), written)
    try:
        if written:
            date.fromisoformat(padded)
    except ValueError:
        raise WrongDayError(written=written) from None


@transaction.atomic
def verify_row(*, by: Actor, at: datetime, kind: str, code: str, verified: bool = True) -> Stated:
    """Say that somebody compared a row with the official text, or take that back.

    Raises
    ------
    NothingToVerifyError
        If it is an empty slot.

    """
    row: Stated = VERIFIABLE[kind].objects.select_for_update().get(code=code)
    if getattr(row, "status", "") == Fact.Status.NOT_FOUND:
        raise NothingToVerifyError(label=str(row))
    if verified == (row.verified_at is not None):
        return row
    row.verified_at = at if verified else None
    row.verified_by = f"{by.name} · {by.organisation_name}"[:200] if verified else ""
    row.save(update_fields=["verified_at", "verified_by"])
    record(
        at=at,
        by=by,
        verb="city.row.verified" if verified else "city.row.unverified",
        subject_kind=kind,
        subject_key=code[:64],
        subject_name=str(row),
    )
    return row
