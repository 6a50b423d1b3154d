"""``liudu-outbreak aggregate``: cases into weekly counts."""

import json
from datetime import date, datetime
from pathlib import Path

import click

from liudu.console import Console, with_console
from liudu.outbreak import clock
from liudu.outbreak.aggregation import (
    DATE_FIELDS,
    OUTBREAKS,
    Aggregation,
    Counting,
    DateField,
    Outbreaks,
    Weeks,
    aggregate,
    city_tree,
    daily,
    windows_ending,
    with_totals,
)
from liudu.outbreak.linelist import QUALITY, scan_cases
from liudu.outbreak.series import SeriesTable, write_series

LEFT = {
    "class": ("病例分类不计入", "of a class that does not count"),
    "outbreak": ("属已知暴发", "of known outbreaks"),
    "before_first_week": ("早于第一周", "before the first week"),
    "unfinished_week": ("在尚未结束的一周", "in the week that is not over"),
}


@click.command("aggregate")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True,
              help="周病例数表 · the table of counts")  # fmt: skip
@click.option("--by", default="district,disease", show_default=True,
              help="district,age,sex,disease,case_class …")  # fmt: skip
@click.option("--weeks", type=click.Choice(["iso", "mmwr"]), default="iso", show_default=True)
@click.option("--date", "date_field", type=click.Choice(DATE_FIELDS), default="date_report",
              show_default=True, help="按哪个日期计数 · the day that counts")  # fmt: skip
@click.option("--ages", default="0,5,15,25,45,65", show_default=True,
              help="年龄组起点（岁）· lower bounds, years")  # fmt: skip
@click.option("--classes", default="", help="计入的病例分类，默认全部 · case classes; all")
@click.option("--outbreaks", type=click.Choice(OUTBREAKS), default="label", show_default=True,
              help="已知暴发的病例 · cases of known outbreaks")  # fmt: skip
@click.option("--totals", default="", help="加合计的列，如 district,age · columns to total")
@click.option("--first", metavar="WEEK", help="第一周 · first week")
@click.option("--at", type=click.DateTime(["%Y-%m-%d"]),
              help="今天，默认为导入之日 · the present day; that of import")  # fmt: skip
@click.option("--unfinished", is_flag=True, help="计入尚未结束的一周 · count the unfinished week")
@click.option("--ending", type=click.DateTime(["%Y-%m-%d"]),
              help="止于该日的滚动 7 天窗口 · 7-day windows to this day")  # fmt: skip
@with_console
def command(
    console: Console,
    *,
    folder: Path,
    out: Path,
    by: str,
    weeks: Weeks,
    date_field: DateField,
    ages: str,
    classes: str,
    outbreaks: Outbreaks,
    totals: str,
    first: str | None,
    at: datetime | None,
    unfinished: bool,
    ending: datetime | None,
) -> None:
    """把病例清单汇总为周病例数，无病例的周记 0 · Cases into weekly counts, zeros included."""
    cases = scan_cases(folder)
    counting = Counting(
        by=_words(by),
        date_field=date_field,
        ages=_years(ages),
        classes=_words(classes),
        outbreaks=outbreaks,
    )
    present = at.date() if at else day_of_import(folder)
    found: Aggregation | None = None
    if ending:
        days = daily(cases, counting=counting, at=max(present, ending.date()))
        table = windows_ending(days, day=ending.date())
    else:
        found = aggregate(
            cases, counting=counting, calendar=weeks, at=present, first=first,
            unfinished=unfinished,
        )  # fmt: skip
        table = found.table
    if totals:
        table = with_totals(table, tree=city_tree(table, columns=_words(totals)))
    rows = write_series(out, table)
    _answer(console, table, found=found, rows=rows, out=out)


def day_of_import(folder: Path) -> date:
    """Return the present day of the import, else that of the clock."""
    file = folder / QUALITY
    if not file.is_file():
        return clock.now().astimezone().date()
    return date.fromisoformat(str(json.loads(file.read_text(encoding="utf-8"))["at"]))


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _years(text: str) -> tuple[int, ...]:
    if not all(word.isdecimal() for word in _words(text)):
        raise click.BadParameter(f"{text!r}: 0,5,15,25,45,65", param_hint="--ages")
    return tuple(int(word) for word in _words(text))


def _answer(
    console: Console, table: SeriesTable, *, found: Aggregation | None, rows: int, out: Path
) -> None:
    last = table.counts.shape[1] - 1
    answer = {
        "file": out.name,
        "series": len(table.keys),
        "weeks": last + 1,
        "first_week": table.label(0),
        "last_week": table.label(last),
        "rows": rows,
        "counted": found.counted if found else int(table.counts.sum()),
        "left": found.left if found else {},
        "dated_by_report": found.dated_by_report if found else 0,
    }
    console.emit(answer)
    console.say(
        zh=f"已写入 {out.name}：{answer['series']} 个序列，{answer['first_week']} 至 "
        f"{answer['last_week']}，计入 {answer['counted']} 例。",
        en=f"Wrote {out.name}: {answer['series']} series, {answer['first_week']} to "
        f"{answer['last_week']}, {answer['counted']} cases counted.",
    )
    for reason, number in (found.left if found else {}).items():
        zh, en = LEFT[reason]
        console.say(zh=f"未计入 {number} 例：{zh}。", en=f"{number} cases left out: {en}.")
    if found and found.dated_by_report:
        console.say(
            zh=f"{found.dated_by_report} 例缺所选日期，按报告日期计入。",
            en=f"{found.dated_by_report} cases lack the chosen date and count at their report.",
        )
