"""What a city pack may say, and whether it is whole: pure, without a database."""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, Final

import attrs

from liudu.platform.city.reading import (
    BadPackError,
    MissingKeyError,
    Node,
    PackProblem,
    Place,
    read_node,
)

FORMAT: Final = "1"
NEEDED_FILES: Final = ("city.yaml", "sources.yaml", "districts.yaml", "sectors.yaml")
FILES: Final = (
    *NEEDED_FILES,
    "facts.yaml",
    "enterprises.yaml",
    "places.yaml",
    "published.yaml",
    "history.yaml",
    "gaps.yaml",
)
DAY: Final = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?", re.ASCII)
CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)
SIGNS: Final = ("<", "<=", "=", ">=", ">")
RELIABILITIES: Final = ("A", "B", "C", "D")
LAYERS: Final = ("foundation", "framework", "model", "application", "demand")
PLACE_KINDS: Final = ("park", "opc", "compute", "platform")
ITEM_KINDS: Final = (
    "need_list",
    "need",
    "project",
    "deployed_case",
    "competition",
    "programme",
    "form_example",
)
WITHOUT_POSITION: Final = ("source", "rejected", "district", "sector")
TOPICS: Final = ("figure", "target", "service", "plan", "frame")


class NoPackError(PackProblem):
    """There is no city pack in this folder."""

    en = "{place}: no city pack here: {file} is missing. Name the folder that holds city.yaml."
    zh = "{place}：这里没有城市数据包：缺少 {file}。请给出含 city.yaml 的文件夹。"


class UnknownFileError(PackProblem):
    """A YAML file whose name means nothing."""

    en = "{place}: no file of a city pack is called so; known: {known}."
    zh = "{place}：城市数据包没有这个文件名；可用的有：{known}。"


class WrongFormatError(PackProblem):
    """The pack is of a format that this version does not read."""

    en = "{place}: format {found} is not known here: this version reads format {known}."
    zh = "{place}：不认识格式 {found}：本版本读取格式 {known}。"


class UnknownNameError(PackProblem):
    """Something is named that the pack does not have."""

    en = "{place}: there is no {kind_en} {name}: name one of the pack{near_en}."
    zh = "{place}：没有名为 {name} 的{kind_zh}：请写数据包中已有的{near_zh}。"


class TwiceError(PackProblem):
    """Two rows have one code."""

    en = "{place}: {code} is taken already (at {first}): give this row another."
    zh = "{place}：{code} 已被占用（见 {first}）：请为此行另取一个。"


class NotOneOfError(PackProblem):
    """A word that is none of the known ones."""

    en = "{place}: {what} is {found}; it must be one of: {known}."
    zh = "{place}：{what} 写作 {found}；应为其中之一：{known}。"


class NoSourceError(PackProblem):
    """A fact without a source."""

    en = "{place}: {code} has no source: name one, or say status: not_found."
    zh = "{place}：{code} 没有来源：请写明来源；若确实查不到，请写 status: not_found。"


class FullSlotError(PackProblem):
    """A slot is said to be empty and has a value."""

    en = "{place}: {code} says not_found and yet has {key}: remove one of the two."
    zh = "{place}：{code} 标为 not_found，却又写了 {key}：请去掉其一。"


@attrs.frozen(kw_only=True)
class Row:
    """One row of a pack: what it is, its code, its fields as the database keeps them."""

    kind: str
    code: str
    place: Place
    fields: Mapping[str, Any]


@attrs.frozen(kw_only=True)
class CityPack:
    """A whole pack that holds together.

    Attributes
    ----------
    digest
        SHA-256 of its files, as hexadecimal digits.
    about
        The head of city.yaml: names, day of compiling, coverage, plan.
    rows
        By kind: source, rejected, district, sector, fact, zone, dimension, aspect, enterprise,
        place, published, milestone, gap, conflict.

    """

    digest: str
    about: Mapping[str, str]
    rows: Mapping[str, tuple[Row, ...]]


def read_pack(folder: Path) -> CityPack:
    """Return the pack in a folder.

    Raises
    ------
    BadPackError
        With every problem that was found, each with its file and line.

    """
    return _Reader(folder).pack()


@attrs.define
class _Reader:
    """Reads the files of one pack, and keeps what is wrong with them."""

    folder: Path
    problems: list[PackProblem] = attrs.field(factory=list)
    rows: dict[str, list[Row]] = attrs.field(factory=dict)
    seen: dict[tuple[str, str], Place] = attrs.field(factory=dict)
    about: dict[str, str] = attrs.field(factory=dict)

    def pack(self) -> CityPack:
        """Read all files; names are looked up once all rows are there."""
        roots = self._roots()
        for file, read in (
            ("sources.yaml", self._sources),
            ("districts.yaml", self._districts),
            ("sectors.yaml", self._sectors),
            ("city.yaml", self._city),
            ("facts.yaml", self._facts),
            ("enterprises.yaml", self._enterprises),
            ("places.yaml", self._places),
            ("published.yaml", self._published),
            ("history.yaml", self._history),
            ("gaps.yaml", self._gaps),
        ):
            if file in roots:
                self._try(read, roots[file])
        if self.problems:
            raise BadPackError(folder=str(self.folder), problems=self.problems)
        return CityPack(
            digest=digest_of(self.folder),
            about=self.about,
            rows={kind: tuple(rows) for kind, rows in self.rows.items()},
        )

    def _try(self, read: Callable[[Node], None], node: Node) -> None:
        try:
            read(node)
        except PackProblem as problem:
            self.problems.append(problem)

    def _roots(self) -> dict[str, Node]:
        roots: dict[str, Node] = {}
        for file in NEEDED_FILES:
            if not (self.folder / file).is_file():
                place = Place(str(self.folder), 1)
                self.problems.append(NoPackError(place=place, file=file))
        for path in sorted(self.folder.glob("*.y*ml")):
            if path.name not in FILES:
                known = ", ".join(FILES)
                self.problems.append(UnknownFileError(place=Place(path.name, 1), known=known))
                continue
            try:
                roots[path.name] = read_node(path)
            except PackProblem as problem:
                self.problems.append(problem)
        if any(file not in roots for file in NEEDED_FILES):
            raise BadPackError(folder=str(self.folder), problems=self.problems)
        return roots

    # What several kinds of rows share ------------------------------------------------------

    def _add(self, of: str, code: str, place: Place, /, **fields: object) -> None:
        self._take(of, code, place)
        rows = self.rows.setdefault(of, [])
        if of not in WITHOUT_POSITION:
            fields["position"] = len(rows)
        rows.append(Row(kind=of, code=code, place=place, fields=fields))

    def _take(self, of: str, name: str, place: Place) -> None:
        """Take a name; it must be free."""
        if (of, name) in self.seen:
            raise TwiceError(place=place, code=name, first=self.seen[of, name])
        self.seen[of, name] = place

    def _each(self, node: Node | None, read: Callable[[Node], None]) -> None:
        """Read each item of a list, so that one bad row does not hide the next."""
        if node is None:
            return
        for item in node.items():
            self._try(read, item)

    def _known(self, kind: str, node: Node) -> str:
        """Return a code that must be that of a row of the pack."""
        code = node.text()
        if (kind, code) not in self.seen:
            zh = {"source": "来源", "district": "区市", "sector": "行业"}[kind]
            near = _near(code, [known for of, known in self.seen if of == kind])
            raise UnknownNameError(
                place=node.place,
                kind_en=kind,
                kind_zh=zh,
                name=code,
                near_en=f" (did you mean {near}?)" if near else "",
                near_zh=f"（是否想写 {near}？）" if near else "",
            )
        return code

    def _optional(self, kind: str, found: Mapping[str, Node]) -> str | None:
        return self._known(kind, found[kind]) if kind in found else None

    def _stated(self, found: Mapping[str, Node]) -> dict[str, Any]:
        """Return the fields that every row with a source has."""
        if "verified" in found and found["verified"].truth():
            # Who compared a fact with its text is told to the platform, by name.
            raise found["verified"].wrong(
                en="false: officers verify on the page of the fact, under their name",
                zh="false：核实须由工作人员在页面上具名完成",
            )
        return {
            "source_id": self._optional("source", found),
            "also": [self._known("source", each) for each in _items(found.get("also"))],
            "believed": [each.text() for each in _items(found.get("believed"))],
            "detail": _mapping(found.get("detail")),
            "note": _text(found, "note", 600),
            "note_en": _text(found, "note_en", 600),
        }

    STATED = ("source", "also", "believed", "detail", "note", "note_en", "verified")

    # The files -----------------------------------------------------------------------------

    def _sources(self, root: Node) -> None:
        found = root.fields(known=("sources", "rejected"), needed=("sources",))
        self._each(found["sources"], self._source)
        self._each(found.get("rejected"), self._rejected)

    def _source(self, node: Node) -> None:
        known = ("code", "title", "url", "site", "reliability", "note")
        found = node.fields(known=known, needed=("code", "title", "reliability"))
        url = _text(found, "url", 600)
        if url and not re.match(r"https?://\S+\Z", url):
            raise found["url"].wrong(en="an address (https://…)", zh="网址（https://…）")
        self._add(
            "source",
            _code(found["code"], 20),
            node.place,
            title=found["title"].text(length_max=400),
            url=url,
            site=_text(found, "site", 300),
            reliability=_one_of(found["reliability"], RELIABILITIES),
            note=_text(found, "note", 600),
        )

    def _rejected(self, node: Node) -> None:
        found = node.fields(known=("url", "why", "why_en"), needed=("url", "why"))
        self._add(
            "rejected",
            found["url"].text(),
            node.place,
            why=found["why"].text(),
            why_en=_text(found, "why_en", 600),
        )

    def _districts(self, root: Node) -> None:
        self._each(
            root.fields(known=("districts",), needed=("districts",))["districts"], self._district
        )

    def _district(self, node: Node) -> None:
        found = node.fields(
            known=("code", "adcode", "aliases", "name", "name_en", "tile", "facts"),
            needed=("code", "name", "name_en", "tile"),
        )
        tile = found["tile"].items()
        if len(tile) != 2:  # noqa: PLR2004 - a column and a row
            raise found["tile"].wrong(en="[column, row]", zh="[列, 行]")
        code = _code(found["code"], 40)
        self._add(
            "district",
            code,
            node.place,
            name=found["name"].text(length_max=80),
            name_en=found["name_en"].text(length_max=120),
            adcode=_text(found, "adcode", 12),
            column=tile[0].whole(),
            row=tile[1].whole(),
            about={"aliases": [each.text() for each in _items(found.get("aliases"))]},
        )
        fact = partial(self._fact, topic="figure", prefix=f"district.{code}", district_id=code)
        self._each(found.get("facts"), fact)

    def _sectors(self, root: Node) -> None:
        found = root.fields(known=("frame", "sectors"), needed=("sectors",))
        if "frame" in found:
            frame = found["frame"].fields(known=("facts",))
            self._each(frame.get("facts"), partial(self._fact, topic="frame", prefix="frame"))
        self._each(found["sectors"], self._sector)

    def _sector(self, node: Node) -> None:
        found = node.fields(
            known=("code", "number", "name", "name_en", "source", "facts"),
            needed=("code", "number", "name", "name_en"),
        )
        code, number = _code(found["code"], 40), found["number"].whole()
        self._take("number", str(number), found["number"].place)
        self._add(
            "sector",
            code,
            node.place,
            number=number,
            name=found["name"].text(length_max=80),
            name_en=found["name_en"].text(length_max=120),
            about={"source": self._optional("source", found) or ""},
        )
        fact = partial(self._fact, topic="figure", prefix=f"sector.{code}", sector_id=code)
        self._each(found.get("facts"), fact)

    def _fact(self, node: Node, *, topic: str, prefix: str, **belongs: str) -> None:
        own = ("code", "label", "en", "op", "value", "unit", "as_of", "due", "document")
        found = node.fields(
            known=(*own, "topic", "status", "sought", "district", "sector", *self.STATED),
            needed=("code", "label"),
        )
        code = f"{prefix}.{_code(found['code'], 30)}"
        fields = self._stated(found)
        fields["status"] = _status(found, code, node.place, fields)
        fields |= {
            "district_id": belongs.get("district_id") or self._optional("district", found),
            "sector_id": belongs.get("sector_id") or self._optional("sector", found),
            "topic": _one_of(found["topic"], TOPICS) if "topic" in found else topic,
            "label": found["label"].text(length_max=200),
            "label_en": _text(found, "en", 200),
            "op": _one_of(found["op"], SIGNS) if "op" in found else "",
            "value": _text(found, "value", 400),
            "unit": _text(found, "unit", 40),
            "as_of": _day(found.get("as_of")),
            "due": _day(found.get("due")),
            "document": _text(found, "document", 200),
            "sought": [self._known("source", each) for each in _items(found.get("sought"))],
        }
        self._add("fact", code, node.place, **fields)

    def _city(self, root: Node) -> None:
        head = ("name", "name_en", "province", "province_en", "adcode", "coverage", "coverage_en")
        found = root.fields(
            known=("format", "code", "compiled", "verified", *head, "dimensions", "zones", "plan"),
            needed=("format", "code", "name", "name_en", "compiled"),
        )
        if found["format"].text() != FORMAT:
            raise WrongFormatError(
                place=found["format"].place, found=found["format"].text(), known=FORMAT
            )
        if "verified" in found:
            self._stated({"verified": found["verified"]})
        self.about["code"] = _code(found["code"], 40)
        self.about["compiled"] = _day(found["compiled"])
        self.about |= {key: _text(found, key, 600) for key in head}
        self._each(found.get("dimensions"), self._dimension)
        self._each(found.get("zones"), self._zone)
        if "plan" in found:
            self._plan(found["plan"])

    def _named(self, node: Node, *more: str) -> tuple[Mapping[str, Node], dict[str, Any]]:
        """Return the fields of a row with names in both languages and a source."""
        found = node.fields(
            known=("name", "name_en", *more, *self.STATED), needed=("name", "name_en", "source")
        )
        names = {key: found[key].text(length_max=80) for key in ("name", "name_en")}
        return found, {**self._stated(found), **names}

    def _dimension(self, node: Node) -> None:
        found, fields = self._named(node, "code", "about", "about_en")
        fields |= {key: _text(found, key, 120) for key in ("about", "about_en")}
        self._add("dimension", _code(_required(node, found, "code"), 40), node.place, **fields)

    def _zone(self, node: Node) -> None:
        found, fields = self._named(node, "code", "district", "theme", "theme_en")
        fields |= {key: _text(found, key, 120) for key in ("theme", "theme_en")}
        fields["district_id"] = self._known("district", _required(node, found, "district"))
        self._add("zone", _code(_required(node, found, "code"), 40), node.place, **fields)

    def _plan(self, node: Node) -> None:
        found = node.fields(
            known=("title", "title_en", "published", "source", "aspects", "facts"),
            needed=("title", "source"),
        )
        self.about |= {
            "plan": found["title"].text(),
            "plan_en": _text(found, "title_en", 300),
            "plan_published": _day(found.get("published")),
            "plan_source": self._known("source", found["source"]),
        }
        self._each(found.get("aspects"), self._aspect)
        self._each(found.get("facts"), partial(self._fact, topic="plan", prefix="plan"))

    def _aspect(self, node: Node) -> None:
        found, fields = self._named(node, "number", "short")
        number = _required(node, found, "number").whole()
        self._add("aspect", str(number), node.place, **fields, short=_text(found, "short", 40))

    def _facts(self, root: Node) -> None:
        found = root.fields(known=("figures", "targets", "services"))
        for key, topic, prefix in (
            ("figures", "figure", "city"),
            ("targets", "target", "target"),
            ("services", "service", "service"),
        ):
            self._each(found.get(key), partial(self._fact, topic=topic, prefix=prefix))

    def _enterprises(self, root: Node) -> None:
        self._each(root.fields(known=("enterprises",)).get("enterprises"), self._enterprise)

    def _enterprise(self, node: Node) -> None:
        found = node.fields(
            known=("code", "name", "layer", "district", "product", "role", *self.STATED),
            needed=("code", "name", "layer", "source"),
        )
        self._add(
            "enterprise",
            _code(found["code"], 40),
            node.place,
            **self._stated(found),
            name=found["name"].text(length_max=120),
            layer=_one_of(found["layer"], LAYERS),
            district_id=self._optional("district", found),
            product=_text(found, "product", 200),
            role=_text(found, "role", 200),
        )

    def _places(self, root: Node) -> None:
        self._each(root.fields(known=("places",)).get("places"), self._place)

    def _place(self, node: Node) -> None:
        found = node.fields(
            known=("code", "kind", "name", "district", "citywide", "as_of", *self.STATED),
            needed=("code", "kind", "name", "source"),
        )
        self._add(
            "place",
            _code(found["code"], 40),
            node.place,
            **self._stated(found),
            kind=_one_of(found["kind"], PLACE_KINDS),
            name=found["name"].text(length_max=120),
            district_id=self._optional("district", found),
            citywide="citywide" in found and found["citywide"].truth(),
            as_of=_day(found.get("as_of")),
        )

    def _published(self, root: Node) -> None:
        found = root.fields(known=("lists", "items", "elsewhere"))
        for key in ("lists", "items", "elsewhere"):
            self._each(found.get(key), partial(self._item, elsewhere=key == "elsewhere"))

    def _item(self, node: Node, *, elsewhere: bool) -> None:
        own = ("code", "kind", "city", "city_en", "title", "en", "sector", "owner", "vendor")
        found = node.fields(
            known=(*own, "list", "date", "count", "found", "metrics", *self.STATED),
            needed=("code", "kind", "title", "source", *(("city",) if elsewhere else ())),
        )
        self._add(
            "published",
            _code(found["code"], 40),
            node.place,
            **self._stated(found),
            kind=_one_of(found["kind"], ITEM_KINDS),
            elsewhere=elsewhere,
            city=_text(found, "city", 40),
            city_en=_text(found, "city_en", 60),
            title=found["title"].text(length_max=200),
            title_en=_text(found, "en", 200),
            sector_id=self._optional("sector", found),
            owner=_text(found, "owner", 200),
            vendor=_text(found, "vendor", 200),
            list_code=_text(found, "list", 20),
            date=_day(found.get("date")),
            count=_text(found, "count", 20),
            found=_text(found, "found", 20),
            metrics=[_metric(each) for each in _items(found.get("metrics"))],
        )

    def _history(self, root: Node) -> None:
        self._each(root.fields(known=("milestones",)).get("milestones"), self._milestone)

    def _milestone(self, node: Node) -> None:
        found = node.fields(
            known=("date", "event", "en", *self.STATED), needed=("date", "event", "source")
        )
        day, event = _day(found["date"]), found["event"].text(length_max=300)
        self._add(
            "milestone",
            f"{day} {event}"[:80],
            node.place,
            **self._stated(found),
            date=day,
            event=event,
            event_en=_text(found, "en", 300),
        )

    def _gaps(self, root: Node) -> None:
        found = root.fields(known=("gaps", "conflicts"))
        self._each(found.get("gaps"), self._gap)
        self._each(found.get("conflicts"), self._conflict)

    def _gap(self, node: Node) -> None:
        found = node.fields(known=("code", "text", "text_en"), needed=("code", "text"))
        self._add(
            "gap",
            _code(found["code"], 40),
            node.place,
            text=found["text"].text(length_max=400),
            text_en=_text(found, "text_en", 400),
        )

    def _conflict(self, node: Node) -> None:
        found = node.fields(
            known=("code", "what", "what_en", "values", "note", "note_en"),
            needed=("code", "what", "values"),
        )
        values = []
        for each in found["values"].items():
            value = each.fields(known=("value", "source"), needed=("value", "source"))
            values.append(
                {"value": value["value"].text(), "source": self._known("source", value["source"])}
            )
        if len(values) < 2:  # noqa: PLR2004 - a conflict has two sides
            raise found["values"].wrong(en="two values or more", zh="两个或更多的值")
        self._add(
            "conflict",
            _code(found["code"], 40),
            node.place,
            what=found["what"].text(length_max=200),
            what_en=_text(found, "what_en", 200),
            values=values,
            note=_text(found, "note", 600),
            note_en=_text(found, "note_en", 600),
        )


def citations_of(pack: CityPack) -> Iterator[tuple[str, str, str, bool]]:
    """Yield source, kind, row's code, and whether it is the row's own source."""
    for kind, rows in pack.rows.items():
        for row in rows:
            yield from _citations(kind, row)


def _citations(kind: str, row: Row) -> Iterator[tuple[str, str, str, bool]]:
    first = row.fields.get("source_id") or row.fields.get("about", {}).get("source")
    further = list(row.fields.get("also", ()))
    further += [value["source"] for value in row.fields.get("values", ())]
    if first:
        yield first, kind, row.code, True
    for source in dict.fromkeys(further):
        if source != first:
            yield source, kind, row.code, False


def digest_of(folder: Path) -> str:
    """Return the SHA-256 of the pack's files."""
    total = hashlib.sha256()
    for file in FILES:
        path = folder / file
        if path.is_file():
            total.update(f"{file}\n{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def _near(word: str, known: list[str]) -> str:
    return next(iter(get_close_matches(word, known, n=1)), "")


def _items(node: Node | None) -> list[Node]:
    return node.items() if node is not None else []


def _mapping(node: Node | None) -> dict[str, str]:
    return {} if node is None else {key: value.text() for key, _, value in node.entries()}


def _text(found: Mapping[str, Node], key: str, length_max: int) -> str:
    return found[key].text(length_max=length_max) if key in found else ""


def _required(node: Node, found: Mapping[str, Node], key: str) -> Node:
    if key not in found:
        raise MissingKeyError(place=node.place, what=node.name, key=key)
    return found[key]


def _code(node: Node, length_max: int) -> str:
    code = node.text(length_max=length_max)
    if not CODE.fullmatch(code):
        raise node.wrong(
            en="a short name of letters, digits, _ and -", zh="由英文字母、数字、_ 和 - 组成的短名"
        )
    return code


def _one_of(node: Node, known: tuple[str, ...]) -> str:
    word = node.text()
    if word not in known:
        raise NotOneOfError(place=node.place, what=node.name, found=word, known=", ".join(known))
    return word


def _day(node: Node | None) -> str:
    """Return a year, a month or a day as the source gives it."""
    if node is None:
        return ""
    written = node.text()
    first_day = (written + "-01-01"[len(written) - 4 :])[:10] if DAY.fullmatch(written) else ""
    try:
        date.fromisoformat(first_day)
    except ValueError:
        raise node.wrong(
            en=f"a year, month or day (2026, 2026-01 or 2026-01-31); it is {written}",
            zh=f"年、年月或年月日（2026、2026-01 或 2026-01-31），现为 {written}",
        ) from None
    return written


def _status(found: Mapping[str, Node], code: str, place: Place, fields: Mapping[str, Any]) -> str:
    if "status" not in found:
        if not fields["source_id"]:
            raise NoSourceError(place=place, code=code)
        if "value" not in found:
            raise MissingKeyError(place=place, what=code, key="value")
        return "stated"
    for key in ("value", "source"):
        if key in found:
            raise FullSlotError(place=found[key].place, code=code, key=key)
    return _one_of(found["status"], ("not_found",))


def _metric(node: Node) -> dict[str, str]:
    found = node.fields(
        known=("name", "op", "value", "unit", "baseline", "per", "note"), needed=("name", "value")
    )
    if "op" in found:
        _one_of(found["op"], SIGNS)
    return {key: value.text() for key, value in found.items()}
