"""From the rows of a list to drafts of needs: headings, words, amounts and days. Pure."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Final

import attrs

from liudu.contract import Refusal
from liudu.platform.needs.decisions import FIELDS
from liudu.platform.needs.figures import BUDGET_FEN_MAX
from liudu.platform.needs.list_words import (
    FIELD_OF,
    HIDDEN_ZH,
    NOTHING,
    PERSONAL,
    REAL,
    SECTOR_WORDS,
    TOTALS,
)
from liudu.platform.needs.sheets import Cell, Row, address
from liudu.platform.needs.workbook_xml import date_of_serial

HEADING_ROWS_MAX: Final = 30  # how far down a heading row is looked for
OWNER_LENGTH_MAX: Final = 120
SHOWN_LENGTH_MAX: Final = 4000
AMBIGUOUS_YUAN_MAX: Final = 10_000  # a bare number below could be yuan or 10,000 yuan
YEAR_MIN: Final = 2000
YEAR_MAX: Final = 2100


class NoHeadingError(Refusal):
    """No row names the columns."""

    en = (
        "No heading row was found in the first {row_count} rows of any sheet. "
        "One row must name the columns, at least “title” and one more; the template shows them."
    )
    zh = (
        "在各工作表的前 {row_count} 行中都没有找到表头。"
        "需有一行写明列名，至少包含“需求名称”和另一列，可参照模板。"
    )


class FormulaWithoutValueError(Refusal):
    """A formula that nobody has computed."""

    en = "{address}: the formula holds no value. Open the file in Excel, save it, send it again."
    zh = "{address}：公式没有计算结果。请用 Excel 打开并保存一次，或改为填写数值。"


class ErrorValueError(Refusal):
    """A formula that failed."""

    en = "{address}: Excel shows {value}. Repair the formula or write the value."
    zh = "{address}：Excel 显示 {value}。请修正公式或直接填写内容。"


class NoTitleError(Refusal):
    """A need without a name."""

    en = "{address}: the title is missing. Write what the need is called."
    zh = "{address}：缺少需求名称，请填写。"


class TooLongError(Refusal):
    """More text than fits."""

    en = "{address}: {length} characters, at most {length_max} fit here. Shorten the text."
    zh = "{address}：共 {length} 个字，最多 {length_max} 个字，请缩短。"


class UnknownSectorError(Refusal):
    """A sector that the city does not have."""

    en = "{address}: the sector “{value}” is not known. {hint_en}"
    zh = "{address}：没有“{value}”这个行业。{hint_zh}"


class UnknownDistrictError(Refusal):
    """A district that the city does not have."""

    en = "{address}: the district “{value}” is not known. {hint_en}"
    zh = "{address}：没有“{value}”这个区市。{hint_zh}"


class UnreadableBudgetError(Refusal):
    """An amount that is none."""

    en = "{address}: “{value}” is not an amount. Write for example “80万元” or 800000 yuan."
    zh = "{address}：“{value}”不是金额。请写成“80万元”或“800000元”。"


class BudgetUnitError(Refusal):
    """An amount that could be two things."""

    en = "{address}: {value} of what? Write “{value}万元” (ten thousand yuan) or “{value}元”."
    zh = "{address}：{value} 没有写单位。请写明“{value}万元”或“{value}元”。"


class BudgetRangeError(Refusal):
    """An amount below nothing or beyond reason."""

    en = "{address}: a budget of {value} is not possible: at most a hundred billion yuan."
    zh = "{address}：预算 {value} 不合理：应大于等于 0，不超过 1000 亿元。"


class UnreadableDateError(Refusal):
    """A day that is none."""

    en = "{address}: “{value}” is not a day. Write for example 2026-12-31."
    zh = "{address}：“{value}”不是日期。请写成 2026-12-31 或 2026年12月31日。"


@attrs.frozen(kw_only=True)
class Choice:
    """A sector or a district: what the city calls it in both languages, and its row."""

    code: str
    names: tuple[str, ...]
    row: Any = None


@attrs.frozen(kw_only=True)
class Note:
    """A sentence about a row or a file, in both languages; `stops` where the row is not taken."""

    code: str
    zh: str
    en: str
    address: str = ""
    stops: bool = False

    def to_json(self) -> dict[str, str]:
        """Return it as it is kept."""
        return attrs.asdict(self)


@attrs.frozen(kw_only=True)
class Headings:
    """Which column holds what.

    Attributes
    ----------
    row
        The heading's row; what follows is the list.
    fields
        Column (from 0) of each field that was recognised.
    texts
        Column and heading as the file writes it, in the order of the columns.
    budget_unit_yuan
        What the heading of the budget says one unit is, in yuan; None if it says nothing.

    """

    row: int
    fields: Mapping[str, int]
    texts: Mapping[int, str]
    budget_unit_yuan: Decimal | None = None


@attrs.frozen(kw_only=True)
class Reading:
    """One row, read.

    Attributes
    ----------
    draft
        The fields of a need (`sector` and `district` as their rows); None if it cannot be taken.
    owner
        Whose need the row says it is; empty if it does not say.
    notes
        Why not, and what was read in a way that its writer should know.
    shown
        The cells as the file shows them, in the order of the headings; what tells of a person is
        left out.

    """

    draft: Mapping[str, Any] | None
    owner: str
    notes: tuple[Note, ...]
    shown: tuple[str, ...]


def plain(text: str) -> str:
    """Return text as it is compared: width, case, blanks and punctuation do not matter.

    Examples
    --------
    >>> plain("所属 领域：") == plain("所属领域"), plain("Due Date")
    (True, 'duedate')

    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(each for each in folded if each.isalnum())


def field_of(heading: str) -> str | None:
    """Return the field that a heading means; what stands in brackets is no part of it.

    Examples
    --------
    >>> field_of("*预算（万元）"), field_of("Due date"), field_of("备注")
    ('budget_fen_max', 'due_date', None)

    """
    folded = unicodedata.normalize("NFKC", heading)
    bare = plain(re.sub(r"[(\[【][^)\]】]*[)\]】]", "", folded))
    return FIELD_OF.get(bare) or FIELD_OF.get(plain(folded))


def headings_in(rows: Iterable[Row]) -> Headings | None:
    """Return the heading row among the first rows, or None; merged titles above are passed over."""
    best: tuple[int, Headings] | None = None
    for row in rows:
        if row.number > HEADING_ROWS_MAX:
            break
        found = _as_headings(row)
        if found is None:
            continue
        score = len(REAL.intersection(found.fields))
        # The lower half of headings that are merged over two rows knows as much as the upper.
        continues = best is not None and found.row == best[1].row + 1 and _is_merged(row, found)
        if best is None or score > best[0] or (score == best[0] and continues):
            best = (score, found)
    return best[1] if best else None


def _is_merged(row: Row, headings: Headings) -> bool:
    return bool(row.cells[headings.fields["title"]].merged_from)


def _as_headings(row: Row) -> Headings | None:
    fields: dict[str, int] = {}
    for column, cell in sorted(row.cells.items()):
        field = field_of(cell.shown)
        if field:
            fields.setdefault(field, column)
    if "title" not in fields or len(REAL.intersection(fields)) < 2:  # noqa: PLR2004 - title and one
        return None
    texts = {column: cell.shown for column, cell in sorted(row.cells.items()) if cell.shown}
    unit = _unit_of(texts.get(fields.get("budget_fen_max", -1), ""))
    return Headings(row=row.number, fields=fields, texts=texts, budget_unit_yuan=unit)


def _unit_of(text: str) -> Decimal | None:
    """Return the unit that a heading or an amount names, in yuan."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    for mark, yuan in (("亿", 10**8), ("万", 10**4), ("10k", 10**4), ("元", 1), ("yuan", 1)):
        if mark in folded:
            return Decimal(yuan)
    return Decimal(1) if any(mark in folded for mark in ("rmb", "cny", "¥", "￥")) else None


class Reader:
    """Reads the rows below one heading row.

    Parameters
    ----------
    headings
        Where what stands.
    sheet
        The sheet's name, for addresses.
    sectors, districts
        What the city has.

    """

    def __init__(
        self,
        headings: Headings,
        *,
        sheet: str,
        sectors: Sequence[Choice],
        districts: Sequence[Choice],
    ) -> None:
        self.headings = headings
        self.sheet = sheet
        self.sectors = sectors
        self.districts = districts

    def shown(self, row: Row) -> tuple[str, ...]:
        """Return the cells for the report, without what tells of a person."""
        personal = {
            column for column, text in self.headings.texts.items() if field_of(text) == PERSONAL
        }
        return tuple(
            (HIDDEN_ZH if column in personal and column in row.cells else _clipped(row, column))
            for column in self.headings.texts
        )

    def passes_over(self, row: Row) -> Note | None:
        """Return why a row is no need at all: a heading again, a section's name, a total."""
        known = {c: row.cells[c] for c in self.headings.texts if c in row.cells}
        own = {c: cell for c, cell in known.items() if not cell.merged_from}
        filled = {c: cell.shown for c, cell in own.items() if cell.shown or cell.stale}
        where = self._row_address(row)
        if filled and all(plain(self.headings.texts[c]) == plain(t) for c, t in filled.items()):
            return Note(
                code="HeadingAgain", address=where, zh="表头重复出现，已跳过。",
                en="The headings again: passed over.",
            )  # fmt: skip
        if any(plain(text) in TOTALS for text in filled.values()):
            return Note(
                code="Total", address=where, zh="合计行，已跳过。", en="A total: passed over."
            )
        first = min(self.headings.texts)
        if list(filled) == [first] and first != self.headings.fields["title"]:
            text = filled[first][:40]
            return Note(
                code="Section",
                address=where,
                zh=f"分节行“{text}”，已跳过。",
                en=f"A section's name, “{text}”: passed over.",
            )
        return None

    def read(self, row: Row) -> Reading:
        """Read a row whole, or tell everything that is wrong with it."""
        notes: list[Note] = []
        refused = False
        draft: dict[str, Any] = {}
        for field in _READERS:
            try:
                draft[field] = self._field(field, row, notes)
            except Refusal as refusal:
                refused = True
                place = str(refusal.facts.get("address", ""))
                notes.append(
                    Note(
                        code=refusal.code,
                        address=place,
                        zh=refusal.say("zh"),
                        en=str(refusal),
                        stops=True,
                    )
                )
        owner = str(draft.pop("owner", None) or "")
        return Reading(
            draft=None if refused else {name: v for name, v in draft.items() if v is not None},
            owner=owner,
            notes=tuple(sorted(notes, key=lambda note: not note.stops)),
            shown=self.shown(row),
        )

    def place(self, field: str, row: Row) -> str:
        """Return the address of a field's cell, or of the row's first where it has no column."""
        column = self.headings.fields.get(field, self.headings.fields["title"])
        return address(column=column, row=row.number, sheet=self.sheet)

    def _row_address(self, row: Row) -> str:
        return address(column=min(self.headings.texts), row=row.number, sheet=self.sheet)

    def _field(self, field: str, row: Row, notes: list[Note]) -> Any:  # noqa: ANN401
        cell = row.cells.get(self.headings.fields.get(field, -1), Cell())
        place = self.place(field, row)
        if cell.error:
            raise ErrorValueError(address=place, value=cell.error)
        if cell.stale:
            raise FormulaWithoutValueError(address=place)
        if cell.formula and cell.value is not None:
            notes.append(
                Note(
                    code="Formula",
                    address=place,
                    zh=f"{place}：公式，按上次计算的结果“{cell.shown[:60]}”读取。",
                    en=f"{place}: a formula, read as its last value, “{cell.shown[:60]}”.",
                )
            )
        return _READERS[field](self, cell, place, notes)


def _clipped(row: Row, column: int) -> str:
    return row.cells[column].shown[:SHOWN_LENGTH_MAX] if column in row.cells else ""


def _text(field: str) -> Callable[[Reader, Cell, str, list[Note]], str | None]:
    length_max = FIELDS[field].length_max

    def read(reader: Reader, cell: Cell, place: str, notes: list[Note]) -> str | None:
        del reader, notes
        return _fitting(cell, place, length_max=length_max)

    return read


def _fitting(cell: Cell, place: str, *, length_max: int | None) -> str | None:
    text = _cleaned(cell.shown)
    if length_max is not None and len(text) > length_max:
        raise TooLongError(address=place, length=len(text), length_max=length_max)
    return text or None


def _cleaned(text: str) -> str:
    """Return text without what no keyboard writes."""
    return "".join(
        each for each in text if each in "\n\t" or unicodedata.category(each) not in ("Cc", "Cs")
    ).strip()


def _title(reader: Reader, cell: Cell, place: str, notes: list[Note]) -> str:
    text = " ".join((_text("title")(reader, cell, place, notes) or "").split())
    if not text or text.casefold() in NOTHING:
        raise NoTitleError(address=place)
    return text


def _owner(reader: Reader, cell: Cell, place: str, notes: list[Note]) -> str | None:
    del reader, notes
    text = _fitting(cell, place, length_max=OWNER_LENGTH_MAX)
    return " ".join(text.split()) if text else None


def _sector(reader: Reader, cell: Cell, place: str, notes: list[Note]) -> Any:  # noqa: ANN401
    return _chosen(
        cell, place, notes, choices=reader.sectors, words=SECTOR_WORDS, error=UnknownSectorError
    )


def _district(reader: Reader, cell: Cell, place: str, notes: list[Note]) -> Any:  # noqa: ANN401
    return _chosen(
        cell, place, notes, choices=reader.districts, words={}, error=UnknownDistrictError
    )


def _chosen(
    cell: Cell,
    place: str,
    notes: list[Note],
    *,
    choices: Sequence[Choice],
    words: Mapping[str, str],
    error: type[Refusal],
) -> Any:  # noqa: ANN401
    """Return the row that a text names; a looser reading is told, an unknown one refused."""
    text = cell.shown
    if not text or text.casefold() in NOTHING:
        return None
    found, exact = match(text, choices=choices, words=words)
    if found is None:
        raise error(address=place, value=text[:40], **_hint(text, choices))
    if not exact:
        zh, en = found.names[0], found.names[-1]
        notes.append(
            Note(
                code="ReadAs",
                address=place,
                zh=f"{place}：“{text[:40]}”按“{zh}”读取。",
                en=f"{place}: “{text[:40]}” was read as “{en}”.",
            )
        )
    return found.row or found


def match(
    text: str, *, choices: Sequence[Choice], words: Mapping[str, str]
) -> tuple[Choice | None, bool]:
    """Return the choice that a text means and whether it names it exactly.

    A text that holds one name, or that one name holds, means it as long as it is the only one.
    """
    wanted = plain(text)
    names = {plain(name): each for each in choices for name in (*each.names, each.code) if name}
    if wanted in names:
        return names[wanted], True
    loose = {
        each.code: each
        for name, each in names.items()
        if len(wanted) > 1 and len(name) > 1 and (name in wanted or wanted in name)
    }
    if len(loose) == 1:
        return next(iter(loose.values())), False
    codes = {code for word, code in words.items() if word in wanted}
    if not loose and len(codes) == 1:
        return next((each for each in choices if each.code in codes), None), False
    return None, False


def _hint(text: str, choices: Sequence[Choice]) -> dict[str, str]:
    """Name the nearest choice, or all of them where none is near."""
    spelled = {plain(name): each for each in choices for name in each.names}
    near = get_close_matches(plain(text), spelled, n=1, cutoff=0.4)
    if near:
        zh, en = spelled[near[0]].names[0], spelled[near[0]].names[-1]
        return {"hint_zh": f"是不是“{zh}”？", "hint_en": f"Is it “{en}”?"}
    return {
        "hint_zh": "可填：" + "、".join(each.names[0] for each in choices[:20]) + "。",
        "hint_en": "One of: " + ", ".join(each.names[-1] for each in choices[:20]) + ".",
    }


_AMOUNT: Final = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)\s*(亿|万|千)?\s*(?:元|yuan|rmb|cny)?")
_BESIDE_AMOUNT: Final = re.compile(
    r"人民币|rmb|cny|¥|不超过|不高于|最高|约|大约|左右|以内|以下|预计|总|共|计|to|[\s,，~\-–—至到()]",
)
_SCALE: Final = MappingProxyType({"亿": 10**8, "万": 10**4, "千": 10**3, "": 1})


def _budget(reader: Reader, cell: Cell, place: str, notes: list[Note]) -> int | None:
    if isinstance(cell.value, date):
        raise UnreadableBudgetError(address=place, value=cell.shown)
    text = cell.shown
    if not text or text.casefold() in NOTHING:
        return None
    unit = reader.headings.budget_unit_yuan
    fen, is_range = budget_fen(text, unit_yuan=unit, place=place)
    if is_range:
        notes.append(
            Note(
                code="RangeRead",
                address=place,
                zh=f"{place}：“{cell.shown[:40]}”按上限读取。",
                en=f"{place}: of “{cell.shown[:40]}” the upper end was taken.",
            )
        )
    return fen


def budget_fen(text: str, *, unit_yuan: Decimal | None, place: str) -> tuple[int, bool]:
    """Return the most that a text allows, in fen, and whether it was a range.

    Parameters
    ----------
    text
        ``80万元``, ``50-100万``, ``不超过1.5亿`` …
    unit_yuan
        The unit that the heading names, for numbers that name none.

    Examples
    --------
    >>> budget_fen("50-100万", unit_yuan=None, place="E3")
    (100000000, True)

    """
    folded = unicodedata.normalize("NFKC", text).casefold().replace(",", "")
    ranged = re.sub(r"(?<=[0-9元万亿千])\s*[-–—~至到]\s*(?=[0-9])", "~", folded)
    amounts = [(Decimal(m[1]), m[2] or "", m[0]) for m in _AMOUNT.finditer(ranged)]
    left = _BESIDE_AMOUNT.sub("", _AMOUNT.sub("", ranged))
    if not 1 <= len(amounts) <= 2 or left:  # noqa: PLR2004 - an amount or two ends
        raise UnreadableBudgetError(address=place, value=text[:40])
    number, scale, written = amounts[-1]
    named = "元" in written or any(mark in folded for mark in ("yuan", "rmb", "cny", "¥"))
    if scale or named:
        yuan = number * _SCALE[scale]
    elif unit_yuan is not None:
        yuan = number * unit_yuan
    elif abs(number) < AMBIGUOUS_YUAN_MAX and number:
        raise BudgetUnitError(address=place, value=f"{number:f}")
    else:
        yuan = number
    fen = int((yuan * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))
    if any(each[0] < 0 for each in amounts) or fen > BUDGET_FEN_MAX:
        raise BudgetRangeError(address=place, value=text[:40])
    return fen, len(amounts) > 1


_DAY: Final = re.compile(
    r"(20[0-9]{2})\s*[年\-/.]\s*([0-9]{1,2})\s*[月\-/.]\s*([0-9]{1,2})\s*日?(?:\s+[0-9:.]+)?"
)
_MONTH: Final = re.compile(r"(20[0-9]{2})\s*[年\-/.]\s*([0-9]{1,2})\s*月?\s*(?:底|末|前)?")
_YEAR: Final = re.compile(r"(20[0-9]{2})\s*年?\s*(?:年?底|末|前)?")
_COMPACT: Final = re.compile(r"(20[0-9]{2})([0-9]{2})([0-9]{2})")


def _due_date(reader: Reader, cell: Cell, place: str, notes: list[Note]) -> date | None:
    del reader
    if isinstance(cell.value, date):
        found, exact = cell.value, True
    else:
        text = unicodedata.normalize("NFKC", cell.shown)
        if not text or text.casefold() in NOTHING:
            return None
        found_or_none, exact = day_of(text)
        if found_or_none is None:
            raise UnreadableDateError(address=place, value=text[:40])
        found = found_or_none
    if not YEAR_MIN <= found.year <= YEAR_MAX:
        raise UnreadableDateError(address=place, value=cell.shown[:40])
    if not exact:
        notes.append(
            Note(
                code="ReadAs",
                address=place,
                zh=f"{place}：“{cell.shown[:40]}”按 {found} 读取。",
                en=f"{place}: “{cell.shown[:40]}” was read as {found}.",
            )
        )
    return found


def day_of(text: str) -> tuple[date | None, bool]:
    """Return the day that a text means and whether it names the day itself.

    A month or a year alone means its last day; a number is a day as Excel counts.

    Examples
    --------
    >>> day_of("2026年12月31日"), day_of("2026年6月底")
    ((datetime.date(2026, 12, 31), True), (datetime.date(2026, 6, 30), False))

    """
    text = text.strip()
    for pattern in (_DAY, _COMPACT):
        if found := pattern.fullmatch(text):
            return _day(int(found[1]), int(found[2]), int(found[3])), True
    if found := _MONTH.fullmatch(text):
        return _last_day(int(found[1]), int(found[2])), False
    if found := _YEAR.fullmatch(text):
        return date(int(found[1]), 12, 31), False
    if re.fullmatch(r"[0-9]{5}(\.[0-9]+)?", text):
        return date_of_serial(Decimal(text)), True
    return None, False


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _last_day(year: int, month: int) -> date | None:
    return next((d for n in (31, 30, 29, 28) if (d := _day(year, month, n))), None)


_READERS: Final[Mapping[str, Callable[[Reader, Cell, str, list[Note]], Any]]] = MappingProxyType({
    "title": _title,
    "title_en": _text("title_en"),
    "sector": _sector,
    "owner": _owner,
    "problem": _text("problem"),
    "wanted_capability": _text("wanted_capability"),
    "data_at_hand": _text("data_at_hand"),
    "targets_text": _text("targets_text"),
    "contact_unit": _text("contact_unit"),
    "district": _district,
    "budget_fen_max": _budget,
    "due_date": _due_date,
})  # fmt: skip
