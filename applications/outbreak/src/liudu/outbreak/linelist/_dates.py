"""Dates as people write them, read without a silent guess about day and month."""

from typing import Final, Literal, get_args

import attrs
import polars as pl

from liudu.contract import Refusal

DateOrder = Literal["dmy", "mdy"]
DATE_ORDERS: Final[tuple[DateOrder, ...]] = get_args(DateOrder)

TIME: Final = r"(?:[ T].*)?$"
ISO: Final = r"^\d{4}-\d{2}-\d{2}$"
YEAR_FIRST: Final = r"^(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?" + TIME
COMPACT: Final = r"^(\d{4})(\d{2})(\d{2})$"
SERIAL: Final = r"^\d{5}(?:\.\d+)?$"
DOTTED: Final = r"^(\d{1,2})\.(\d{1,2})\.(\d{4})" + TIME
IN_DOUBT: Final = r"^(\d{1,2})[/-](\d{1,2})[/-](\d{4})" + TIME
EXCEL_DAY_0: Final = (1899, 12, 30)
MONTHS: Final = 12


class DateOrderInDoubtError(Refusal):
    """Dates of a column can be read with the day or with the month first."""

    en = (
        "{file}, {column}: is {sample} day/month or month/day? {reason}. "
        "Say it with --date-order dmy or --date-order mdy."
    )
    zh = (
        "{file} 的 {column} 列：{sample} 是日/月还是月/日？{reason_zh}。"
        "请用 --date-order dmy 或 --date-order mdy 指明。"
    )


@attrs.frozen(kw_only=True)
class DateForm:
    """How the dates of one column are written.

    Attributes
    ----------
    iso
        Every value is YYYY-MM-DD, so that nothing else need be tried.
    order
        Which comes first in 03/04/2026; none if no such date occurs.
    why
        Grounds of the order: ``declared``, or ``dates`` that allow only this one.

    """

    iso: bool = False
    order: DateOrder | None = None
    why: str = ""


def profile(column: str) -> list[pl.Expr]:
    """Return the aggregations that `form_of` needs of a text column."""
    text = pl.col(column).str.strip_chars()
    parts = text.str.extract_groups(IN_DOUBT)
    first = parts.struct.field("1").cast(pl.UInt8, strict=False)
    second = parts.struct.field("2").cast(pl.UInt8, strict=False)
    return [
        text.str.contains(ISO).all().alias(f"{column}:iso"),
        (first > MONTHS).sum().alias(f"{column}:first"),
        (second > MONTHS).sum().alias(f"{column}:second"),
        text.filter(first.is_not_null()).first().alias(f"{column}:sample"),
    ]


def form_of(
    column: str, found: dict[str, object], *, declared: DateOrder | None, file: str, name: str
) -> DateForm:
    """Return how a column's dates are written, from what `profile` counted.

    A declared order wins. Else dates such as 25/03/2026 prove the order of their column, unless
    others prove the opposite.

    Raises
    ------
    DateOrderInDoubtError

    """
    iso, sample = bool(found[f"{column}:iso"]), found[f"{column}:sample"]
    if sample is None:
        return DateForm(iso=iso)
    if declared:
        return DateForm(order=declared, why="declared")
    day_first, month_first = int(str(found[f"{column}:first"])), int(str(found[f"{column}:second"]))
    if bool(day_first) != bool(month_first):
        return DateForm(order="dmy" if day_first else "mdy", why="dates")
    if day_first:
        reason = f"{day_first} dates allow only the first, {month_first} only the second"
        reason_zh = f"有 {day_first} 个日期只能是前者，{month_first} 个只能是后者"
    else:
        reason, reason_zh = "no date of the column tells", "该列没有一个日期能说明"
    raise DateOrderInDoubtError(
        file=file, column=name, sample=sample, reason=reason, reason_zh=reason_zh
    )


def parsed(text: pl.Expr, *, form: DateForm, serial_offset_days: int = 0) -> pl.Expr:
    """Return the dates of stripped texts; null where a text is none.

    Read are 2026-11-20, 2026/11/20, 2026.11.20, 2026年11月20日, 20261120, 20.11.2026, the same
    with a time behind, Excel serials, and 20/11/2026 in the order of `form`. Years have four
    digits.
    """
    if form.iso:
        return text.str.to_date("%Y-%m-%d", strict=False)

    def put(pattern: str, to: str) -> pl.Expr:
        written = pl.when(text.str.contains(pattern)).then(text.str.replace(pattern, to))
        return written.str.to_date("%Y-%m-%d", strict=False)

    tries = [
        put(YEAR_FIRST, "${1}-${2}-${3}"),
        put(COMPACT, "${1}-${2}-${3}"),
        put(DOTTED, "${3}-${2}-${1}"),
        _serial(text, offset_days=serial_offset_days),
    ]
    if form.order:
        to = "${3}-${2}-${1}" if form.order == "dmy" else "${3}-${1}-${2}"
        tries.append(put(IN_DOUBT, to))
    return pl.coalesce(tries)


def _serial(text: pl.Expr, *, offset_days: int) -> pl.Expr:
    days = pl.when(text.str.contains(SERIAL)).then(text).cast(pl.Float64, strict=False)
    whole = days.floor().cast(pl.Int64) + offset_days
    return pl.date(*EXCEL_DAY_0) + pl.duration(days=whole)
