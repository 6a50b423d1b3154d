"""``liudu-outbreak import``: line lists into one checked table of cases."""

import secrets
from datetime import datetime
from pathlib import Path

import click

from liudu.console import Console, with_console
from liudu.outbreak import clock
from liudu.outbreak.linelist import (
    DATE_ORDERS,
    SAME_PERSON,
    DateOrder,
    Rules,
    SamePerson,
    import_line_lists,
    read_decisions,
    read_districts,
    read_schema,
)
from liudu.outbreak.progress import bar, silent
from liudu.outbreak.quality import QualityReport

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
WORDS = {
    "declared": ("已声明", "declared"),
    "bom": ("有字节序标记", "byte order mark"),
    "valid": ("全文可按此解码", "the whole file decodes"),
    "header": ("表头据此可识别", "the header has known names"),
    "common": ("均为常用汉字", "everyday Chinese"),
    "workbook": ("工作簿", "workbook"),
}


@click.command("import")
@click.argument("files", type=FILE, nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True,
              help="结果文件夹 · folder of the result")  # fmt: skip
@click.option("--mapping", help="u4s、baogaoka 或映射文件 · a shipped mapping or a YAML file")
@click.option("--encoding", help="编码，默认自动判断 · as declared, else detected")
@click.option("--date-order", type=click.Choice(DATE_ORDERS),
              help="03/04/2026 是日/月还是月/日 · day or month first")  # fmt: skip
@click.option("--sheet", "sheets", multiple=True, help="工作表，可重复 · sheet; may be repeated")
@click.option("--at", type=click.DateTime(["%Y-%m-%d"]), help="今天的日期 · the present day")
@click.option("--districts", type=FILE, help="区划代码表（district 列）· known district codes")
@click.option("--same-person", type=click.Choice(SAME_PERSON), default="first", show_default=True,
              help="同一人同一病种 · the same person and disease")  # fmt: skip
@click.option("--person-days", type=click.IntRange(0), default=30, show_default=True)
@click.option("--decisions", type=FILE,
              help="填好 decision 列的 duplicates.csv · decided by a person")  # fmt: skip
@with_console
def command(
    console: Console,
    *,
    files: tuple[Path, ...],
    out: Path,
    mapping: str | None,
    encoding: str | None,
    date_order: DateOrder | None,
    sheets: tuple[str, ...],
    at: datetime | None,
    districts: Path | None,
    same_person: SamePerson,
    person_days: int,
    decisions: Path | None,
) -> None:
    """导入病例清单，逐行交代去向 · Import line lists; every row is accounted for.

    写出 cases.parquet、quality.json、rejected.csv，有重复时还有 duplicates.csv.
    """
    report = import_line_lists(
        files,
        out=out,
        at=at.date() if at else clock.now().astimezone().date(),
        seed=secrets.randbits(63),
        schema=read_schema(mapping) if mapping else None,
        rules=Rules(
            encoding=encoding,
            date_order=date_order,
            sheets=sheets,
            person_days=person_days,
            same_person=same_person,
            decisions=read_decisions(decisions) if decisions else {},
            districts=read_districts(districts) if districts else None,
        ),
        progress=silent if console.json else bar(console.language),
    )
    console.emit(report.to_json())
    say(console, report, out=out)


def say(console: Console, report: QualityReport, *, out: Path) -> None:
    """Say how the files were read and what became of the rows."""
    for file in report.files:
        zh, en = WORDS[file.encoding_why]
        name = f"{file.file} [{file.sheet}]" if file.sheet else file.file
        orders = "；".join(f"{column} {order}" for column, order in file.date_orders.items())
        console.say(
            zh=f"{name}：{file.encoding}（{zh}），映射 {file.schema}，{file.rows} 行"
            + (f"，日期顺序 {orders}" if orders else ""),
            en=f"{name}: {file.encoding} ({en}), mapping {file.schema}, {file.rows} rows"
            + (f", date order {orders}" if orders else ""),
        )
    heads = {
        "zh": ["去向", "原因", "文件", "行数", "例如第几行"],
        "en": ["what", "reason", "file", "rows", "for example rows"],
    }[console.language]
    kinds = {"rejected": "剔除", "altered": "改动", "noted": "提示"}
    rows = [
        [
            kinds[finding.reason.kind] if console.language == "zh" else finding.reason.kind,
            finding.say(console.language),
            finding.file,
            str(finding.count),
            ", ".join(map(str, finding.rows)),
        ]
        for finding in report.findings
    ]
    console.table([heads, *rows] if rows else [])
    console.say(
        zh=f"读入 {report.rows_read} 行，保留 {report.rows_kept} 行，"
        f"剔除 {report.rows_rejected} 行；已写入 {out.name}/。",
        en=f"{report.rows_read} rows read, {report.rows_kept} kept, "
        f"{report.rows_rejected} rejected; written to {out.name}/.",
    )
