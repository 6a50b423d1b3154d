"""Which columns of a file hold which field of a case, and what is changed by date.

A mapping is YAML: ``fields`` (field → ``columns``: names of columns, the first that is filled
counts; ``required``; ``first``: only so many characters; ``longer``: empty below that length;
``values``: own words → the words of this program; ``constant``: the same for every row),
``person`` (lists of columns that
together tell a person), ``districts`` (renamed and merged districts, dated),
``case_definitions`` (which case classes count, from and to a day).
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import attrs
import yaml

from liudu.contract import Refusal

DATES: Final = (
    "date_report", "date_onset", "date_diagnosis", "date_death", "date_hospitalisation",
    "date_vaccination", "date_updated", "birth_date",
)  # fmt: skip
TEXTS: Final = (
    "case_id", "disease", "disease_id", "subtype", "subtype_id", "district", "district_name",
    "street", "street_name", "region", "region_name", "country", "country_id", "occupation",
    "place_of_infection", "place_of_infection_id", "age_group", "outbreak_id",
)  # fmt: skip
CODED: Final = ("sex", "case_class", "hospitalised", "died", "vaccinated", "outbreak")
AGES: Final = ("age", "age_unit")
FIELDS: Final = DATES + TEXTS + CODED + AGES
ALWAYS: Final = ("case_id", "date_report", "district", "disease")
SHIPPED: Final = ("u4s", "baogaoka")


class UnreadableMappingError(Refusal):
    """A mapping is not YAML, or not of the form it must have."""

    en = "{file} is not a mapping: {found}."
    zh = "{file} 不是有效的映射文件：{found}。"


class UnknownFieldError(Refusal):
    """A mapping names a field that this program does not know."""

    en = "{file}: the field {field!r} is not known; known are {known}."
    zh = "{file}：字段 {field!r} 无法识别；可用的字段有 {known}。"


class FieldNotMappedError(Refusal):
    """A mapping leaves out a field that every case needs."""

    en = "{file} does not say which column holds {field}. Every mapping needs {always}."
    zh = "{file} 没有说明 {field} 在哪一列。映射文件必须包含 {always}。"


class UnknownMappingError(Refusal):
    """No mapping has this name."""

    en = "There is no mapping {name!r}: give a YAML file, or one of {shipped}."
    zh = "没有名为 {name!r} 的映射：请给出 YAML 文件，或选用 {shipped}。"


class NoMappingFitsError(Refusal):
    """The columns of a file fit none of the mappings that come with the program."""

    en = (
        "The columns of {file} fit no known mapping (the nearest, {nearest}, lacks {missing}); "
        "it has {found}. Write a mapping and give it with --mapping."
    )
    zh = (
        "{file} 的列名不符合任何已有映射（最接近的 {nearest} 缺 {missing}）；现有列：{found}。"
        "请编写映射文件，用 --mapping 指定。"
    )


@attrs.frozen(kw_only=True)
class Field:
    """Where one field of a case comes from."""

    columns: tuple[str, ...] = ()
    required: bool = False
    first: int = 0
    longer: int = 0
    values: Mapping[str, str] = attrs.field(factory=dict)
    constant: str = ""


@attrs.frozen(kw_only=True)
class DistrictChange:
    """A district code that became another one on a day: renamed, or merged into it."""

    old: str
    new: str
    since: date


@attrs.frozen(kw_only=True)
class CaseDefinition:
    """Which case classes of a disease count as cases from one day to another (both included)."""

    disease: str
    classes: tuple[str, ...]
    first: date | None = None
    last: date | None = None
    name: str = ""


@attrs.frozen(kw_only=True)
class Schema:
    """A mapping, read and checked."""

    name: str
    fields: Mapping[str, Field]
    person: tuple[tuple[str, ...], ...] = ()
    districts: tuple[DistrictChange, ...] = ()
    case_definitions: tuple[CaseDefinition, ...] = ()

    @property
    def required(self) -> tuple[str, ...]:
        """The fields that no case may lack."""
        return tuple(name for name, field in self.fields.items() if field.required)

    @property
    def names(self) -> frozenset[str]:
        """All names of columns that the mapping knows, in the form of `plain`."""
        own = [plain(column) for field in self.fields.values() for column in field.columns]
        return frozenset(own + [plain(column) for group in self.person for column in group])

    def missing(self, header: Sequence[str]) -> list[str]:
        """Return the required fields that a header has no column for."""
        present = {plain(name) for name in header}
        return [
            name
            for name in self.required
            if not self.fields[name].constant
            and not any(plain(column) in present for column in self.fields[name].columns)
        ]


def plain(name: str) -> str:
    """Return the name of a column without what differs between exports: case, width, spaces, *."""
    text = unicodedata.normalize("NFKC", name).casefold()
    return re.sub(r"[\s*＊:：﻿_-]+", "", text)


def read_schema(name: str | Path) -> Schema:
    """Read a mapping by its name (one that comes with the program) or its file.

    Raises
    ------
    UnknownMappingError, UnreadableMappingError, UnknownFieldError, FieldNotMappedError

    """
    path = Path(name)
    if str(name) in SHIPPED:
        text = (files("liudu.outbreak.schemas") / f"{name}.yaml").read_text(encoding="utf-8")
        return parse_schema(yaml.safe_load(text), file=f"{name}.yaml")
    if not path.is_file():
        raise UnknownMappingError(name=str(name), shipped=", ".join(SHIPPED))
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UnreadableMappingError(file=path.name, found=type(error).__name__) from error
    return parse_schema(content, file=path.name)


def parse_schema(content: object, *, file: str) -> Schema:
    """Return the mapping of parsed YAML; raises as `read_schema`.

    A mapping with ``base: baogaoka`` adds to one that comes with the program.
    """
    if not isinstance(content, Mapping):
        raise UnreadableMappingError(file=file, found=type(content).__name__)
    known = {"name", "title", "base", "fields", "person", "districts", "case_definitions"}
    if unknown := sorted(set(map(str, content)) - known):
        raise UnreadableMappingError(file=file, found=", ".join(unknown))
    base = read_schema(str(content["base"])) if "base" in content else None
    fields = dict(base.fields) if base else {}
    for name, entry in (content.get("fields") or {}).items():
        fields[str(name)] = _field(entry, name=str(name), file=file)
    for name in ALWAYS:
        if name not in fields:
            raise FieldNotMappedError(file=file, field=name, always=", ".join(ALWAYS))
        fields[name] = attrs.evolve(fields[name], required=True)
    person = tuple(tuple(map(str, group)) for group in content.get("person") or ())
    return Schema(
        name=str(content.get("name", file)),
        fields=fields,
        person=person or (base.person if base else ()),
        districts=tuple(_change(entry, file=file) for entry in content.get("districts") or ()),
        case_definitions=tuple(
            _definition(entry, file=file) for entry in content.get("case_definitions") or ()
        ),
    )


def _field(entry: object, *, name: str, file: str) -> Field:
    if name not in FIELDS:
        raise UnknownFieldError(file=file, field=name, known=", ".join(FIELDS))
    if isinstance(entry, str):
        entry = {"columns": [entry]}
    if isinstance(entry, list):
        entry = {"columns": entry}
    known = {attribute.name for attribute in attrs.fields(Field)}
    if not isinstance(entry, Mapping) or set(entry) - known:
        raise UnreadableMappingError(file=file, found=f"{name}: {entry!r}")
    columns = entry.get("columns", [])
    columns = [columns] if isinstance(columns, str) else columns
    return Field(
        columns=tuple(map(str, columns)),
        required=bool(entry.get("required", False)),
        first=int(entry.get("first", 0)),
        longer=int(entry.get("longer", 0)),
        values={str(old): str(new) for old, new in (entry.get("values") or {}).items()},
        constant=str(entry.get("constant", "")),
    )


def _day(value: object, *, place: str, file: str) -> date:
    try:
        return value if isinstance(value, date) else date.fromisoformat(str(value))
    except ValueError as error:
        raise UnreadableMappingError(file=file, found=f"{place}: {value!r}") from error


def _change(entry: Any, *, file: str) -> DistrictChange:  # noqa: ANN401 - parsed YAML
    if not isinstance(entry, Mapping) or set(entry) - {"why"} != {"from", "to", "since"}:
        raise UnreadableMappingError(file=file, found=f"districts: {entry!r}")
    since = _day(entry["since"], place="districts, since", file=file)
    return DistrictChange(old=str(entry["from"]), new=str(entry["to"]), since=since)


def _definition(entry: Any, *, file: str) -> CaseDefinition:  # noqa: ANN401 - parsed YAML
    allowed = {"disease", "classes", "from", "to", "name", "why"}
    if not isinstance(entry, Mapping) or not {"disease", "classes"} <= set(entry) <= allowed:
        raise UnreadableMappingError(file=file, found=f"case_definitions: {entry!r}")
    first, last = (
        _day(entry[key], place=f"case_definitions, {key}", file=file) if key in entry else None
        for key in ("from", "to")
    )
    return CaseDefinition(
        disease=str(entry["disease"]),
        classes=tuple(map(str, entry["classes"])),
        first=first,
        last=last,
        name=str(entry.get("name", "")),
    )


def fitting_schema(header: Sequence[str], *, file: str) -> Schema:
    """Return the shipped mapping whose required fields a header has, the richest of them.

    Raises
    ------
    NoMappingFitsError

    """
    candidates = [read_schema(name) for name in SHIPPED]
    fit = [schema for schema in candidates if not schema.missing(header)]
    present = {plain(name) for name in header}
    if not fit:
        nearest = min(candidates, key=lambda schema: len(schema.missing(header)))
        raise NoMappingFitsError(
            file=file,
            nearest=nearest.name,
            missing=", ".join(nearest.missing(header)),
            found=", ".join(header),
        )
    return max(fit, key=lambda schema: len(schema.names & present))
