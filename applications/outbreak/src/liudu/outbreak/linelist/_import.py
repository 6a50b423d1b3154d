"""From files of any make to one table of cases and a report that accounts for every row."""

import csv
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Final

import attrs
import polars as pl

from liudu.contract import Refusal
from liudu.outbreak.linelist._dates import DateOrder
from liudu.outbreak.linelist._duplicates import (
    CODE,
    FIELDS,
    KEPT_FILE,
    KEPT_ROW,
    Decision,
    Repeats,
    SamePerson,
    place_of,
    same_case,
    same_person,
)
from liudu.outbreak.linelist._excel import read_excel
from liudu.outbreak.linelist._normalise import (
    CASE,
    FILE,
    MARK,
    MARKS,
    RAW,
    RAW_SHOWN,
    REJECT,
    Prepared,
    normalised,
    prepared,
)
from liudu.outbreak.linelist._schema import FIELDS as ALL_FIELDS
from liudu.outbreak.linelist._schema import SHIPPED, Schema, fitting_schema, plain, read_schema
from liudu.outbreak.linelist._tables import (
    ROW,
    Source,
    UnreadableFileError,
    read_text,
    without_ragged,
)
from liudu.outbreak.progress import Progress, silent
from liudu.outbreak.quality import (
    REASONS,
    REJECTED,
    SAMPLE_ROWS,
    Finding,
    QualityReport,
    Taken,
    merged,
)

CASES, QUALITY, REJECTED_ROWS, DUPLICATES = (
    "cases.parquet", "quality.json", "rejected.csv", "duplicates.csv",
)  # fmt: skip
EXCEL: Final = frozenset({".xlsx", ".xlsm", ".xls"})
PERSON_DAYS: Final = 30
PART_ROWS: Final = 500_000
GROUP_ROWS: Final = 50_000


class NoFilesError(Refusal):
    """Nothing was given to import."""

    en = "Give at least one file to import."
    zh = "请至少给出一个要导入的文件。"


class NotAnImportError(Refusal):
    """A folder is not the result of an import."""

    en = "{folder} holds no cases.parquet: run liudu-outbreak import first."
    zh = "{folder} 中没有 cases.parquet：请先运行 liudu-outbreak import。"


@attrs.frozen(kw_only=True)
class Rules:
    """What the user decides about an import.

    Attributes
    ----------
    encoding, date_order, sheets
        As declared; none to detect.
    person_days, same_person, decisions
        See `same_person`.
    districts
        Known district codes; none if any is possible.

    """

    encoding: str | None = None
    date_order: DateOrder | None = None
    sheets: tuple[str, ...] = ()
    person_days: int = PERSON_DAYS
    same_person: SamePerson = "first"
    decisions: dict[str, Decision] = attrs.field(factory=dict)
    districts: frozenset[str] | None = None


def import_line_lists(
    paths: Sequence[Path],
    *,
    out: Path,
    at: date,
    seed: int,
    schema: Schema | None = None,
    rules: Rules | None = None,
    progress: Progress = silent,
) -> QualityReport:
    """Read line lists into ``cases.parquet``, ``quality.json`` and ``rejected.csv``.

    Rows stream through, so that memory does not grow with the files; a refused import leaves
    the folder as it was. ``duplicates.csv`` shows the rows that repeat others.

    Parameters
    ----------
    paths
        CSV, TSV or Excel files; of equal reports of a case, the file named last counts.
    out
        Folder of the result; made if absent.
    at
        The present day.
    seed
        Secret of the numbers that stand for persons; take a new one for every import.
    schema
        The mapping; none to take the shipped one that fits each file.
    rules, progress
        What the user decides; who looks on.

    Returns
    -------
    The report, which adds up.

    Raises
    ------
    Refusal
        Of the file, its encoding, its columns or its dates; see the modules of this package.

    """
    if not paths:
        raise NoFilesError
    rules = rules or Rules()
    new = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".import-", dir=out) as name:
            scratch = Path(name)
            report = _imported(
                paths, schema=schema, rules=rules, at=at, seed=seed, scratch=scratch,
                progress=progress,
            )  # fmt: skip
            _write_report(report, scratch / QUALITY)
            (out / DUPLICATES).unlink(missing_ok=True)
            for file in (CASES, REJECTED_ROWS, DUPLICATES, QUALITY):
                if (scratch / file).exists():
                    (scratch / file).replace(out / file)
    except BaseException:
        if new:
            shutil.rmtree(out, ignore_errors=True)
        raise
    return report


def scan_cases(folder: Path) -> pl.LazyFrame:
    """Return the cases of an import, lazily.

    Raises
    ------
    NotAnImportError

    """
    if not (folder / CASES).is_file():
        raise NotAnImportError(folder=folder.name)
    return pl.scan_parquet(folder / CASES)


def _write_report(report: QualityReport, path: Path) -> None:
    text = json.dumps(report.to_json(), ensure_ascii=False, indent=2)
    path.write_text(text + "\n", encoding="utf-8")


def _imported(
    paths: Sequence[Path],
    *,
    schema: Schema | None,
    rules: Rules,
    at: date,
    seed: int,
    scratch: Path,
    progress: Progress,
) -> QualityReport:
    known = frozenset().union(*(one.names for one in _schemas(schema)))
    sources: list[Source] = []
    for path in paths:
        progress(f"打开 {path.name}", f"opening {path.name}", 0, 1)
        sources += _sources(path, rules=rules, known=known, scratch=scratch)
    ready = []
    for number, source in enumerate(sources):
        progress(f"查看 {source.label}", f"looking at {source.label}", number, len(sources))
        ready.append(_prepared(source, schema=schema, rules=rules, scratch=scratch))
    staged = _staged(ready, rules=rules, at=at, seed=seed, scratch=scratch, progress=progress)
    return _finished(ready, staged=staged, rules=rules, at=at, scratch=scratch, progress=progress)


def _staged(
    ready: list[Prepared],
    *,
    rules: Rules,
    at: date,
    seed: int,
    scratch: Path,
    progress: Progress,
) -> list[Path]:
    """Write the rows of all sources as cases, part by part.

    One stream over a whole file would be simpler, but its memory grows with the file where the
    disk is slower than the reader.
    """
    staged: list[Path] = []
    done, total = 0, sum(one.rows for one in ready)
    for number, one in enumerate(ready):
        label = one.source.label
        for start in range(0, max(one.rows, 1), PART_ROWS):
            progress(f"读取 {label}", f"reading {label}", done + start, total)
            frame = one.source.frame.slice(start, PART_ROWS)
            part = attrs.evolve(one, source=attrs.evolve(one.source, frame=frame))
            path = scratch / f"stage{number}-{start}.parquet"
            cases = normalised(part, at=at, file=number, seed=seed, districts=rules.districts)
            cases.sink_parquet(path)
            staged.append(path)
        done += one.rows
    return staged


def _schemas(schema: Schema | None) -> list[Schema]:
    return [schema] if schema else [read_schema(name) for name in SHIPPED]


def _sources(path: Path, *, rules: Rules, known: frozenset[str], scratch: Path) -> list[Source]:
    own = Path(tempfile.mkdtemp(dir=scratch))
    if path.suffix.lower() in EXCEL:
        return read_excel(path, sheets=rules.sheets, known=known, scratch=own)
    return [read_text(path, encoding=rules.encoding, known=known, scratch=own)]


def _prepared(source: Source, *, schema: Schema | None, rules: Rules, scratch: Path) -> Prepared:
    chosen = schema or fitting_schema(source.header, file=source.label)
    try:
        return prepared(source, schema=chosen, date_order=rules.date_order)
    except pl.exceptions.PolarsError:
        even = without_ragged(source, scratch=Path(tempfile.mkdtemp(dir=scratch)))
    try:
        return prepared(even, schema=chosen, date_order=rules.date_order)
    except pl.exceptions.PolarsError as error:
        raise UnreadableFileError(file=source.label, found=type(error).__name__) from error


def _finished(
    ready: list[Prepared],
    *,
    staged: list[Path],
    rules: Rules,
    at: date,
    scratch: Path,
    progress: Progress,
) -> QualityReport:
    steps = 4
    stage = pl.scan_parquet(staged)
    good = stage.filter(pl.col(REJECT).is_null())
    rows = sum(one.rows for one in ready)
    progress("查找重复病例", "looking for duplicates", 1, steps)
    repeats = _repeats(good, rows=rows, rules=rules)
    kept = _without(good, repeats.dropped)
    progress("写出病例表", "writing the cases", 2, steps)
    labels = [one.source.label for one in ready]
    _sink_cases(staged, dropped=repeats.dropped, labels=labels, to=scratch / CASES)
    progress("写出质量报告", "writing the report", 3, steps)
    _sink_rejected(stage, ready=ready, repeats=repeats, to=scratch / REJECTED_ROWS)
    _write_duplicates(repeats, labels=labels, to=scratch / DUPLICATES)
    report = QualityReport(
        at=at.isoformat(),
        rows_read=rows + sum(len(one.source.ragged) for one in ready),
        rows_kept=pl.scan_parquet(scratch / CASES).select(pl.len()).collect().item(),
        files=tuple(_taken(one) for one in ready),
        findings=merged(_findings(ready, stage=stage, kept=kept, repeats=repeats)),
        rules=_rules(rules),
    )
    progress("完成", "done", steps, steps)
    return report


def _repeats(good: pl.LazyFrame, *, rows: int, rules: Rules) -> Repeats:
    cases = same_case(good, rows=rows)
    persons = same_person(
        _without(good, cases),
        rows=rows,
        days=rules.person_days,
        rule=rules.same_person,
        decisions=rules.decisions,
    )
    return Repeats(dropped=pl.concat([cases, persons.dropped]), noted=persons.noted)


def _without(cases: pl.LazyFrame, dropped: pl.DataFrame) -> pl.LazyFrame:
    if dropped.is_empty():
        return cases
    keys = dropped.select(place_of()).to_series()
    return cases.filter(~place_of().is_in(keys.implode()))


def _named(column: str, *, labels: list[str]) -> pl.Expr:
    return pl.col(column).replace_strict(list(range(len(labels))), labels, return_dtype=pl.String)


def _sink_cases(staged: list[Path], *, dropped: pl.DataFrame, labels: list[str], to: Path) -> None:
    """Write the cases that are kept, part by part and then as one file."""
    parts = []
    for path in staged:
        kept = _without(pl.scan_parquet(path).filter(pl.col(REJECT).is_null()), dropped)
        part = path.with_suffix(".kept.parquet")
        kept.select(
            *CASE, _named(FILE, labels=labels).alias("file"), pl.col(ROW).alias("row")
        ).sink_parquet(part, row_group_size=GROUP_ROWS)
        parts.append(part)
    with _few_at_once():
        pl.scan_parquet(parts).sink_parquet(to, row_group_size=GROUP_ROWS)


@contextmanager
def _few_at_once() -> Iterator[None]:
    """Keep the reader from fetching far ahead of the writer, which only the environment sets."""
    names = ("POLARS_ROW_GROUP_PREFETCH_SIZE", "POLARS_MAX_CONCURRENT_SCANS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _sink_rejected(
    stage: pl.LazyFrame, *, ready: list[Prepared], repeats: Repeats, to: Path
) -> None:
    """Write every rejected row with its reason and the texts that led to it, never a name."""
    labels = [one.source.label for one in ready]
    early = stage.filter(pl.col(REJECT).is_not_null()).select(
        FILE, ROW, pl.col(REJECT).replace_strict(
            list(range(len(REJECTED))), list(REJECTED), return_dtype=pl.String
        ).alias(CODE), RAW,
    )  # fmt: skip
    shown = pl.concat_str(
        [pl.col(name).cast(pl.String).fill_null("") for name in
         ("case_id", "disease", "district", "date_report", "date_onset", "case_class")]
        + [pl.lit("")], separator="\x1f",
    )  # fmt: skip
    dropped = repeats.dropped.select(place_of().alias("_at"), CODE)
    late = (
        stage.select(FILE, ROW, shown.alias(RAW), place_of().alias("_at"))
        .filter(pl.col("_at").is_in(dropped["_at"].implode()))
        .join(dropped.lazy(), on="_at", how="inner")
        .select(FILE, ROW, CODE, RAW)
    )
    ragged = pl.LazyFrame(
        [
            (number, row, "ragged_row", "")
            for number, one in enumerate(ready)
            for row in one.source.ragged
        ],
        schema={FILE: pl.UInt16, ROW: pl.UInt32, CODE: pl.String, RAW: pl.String},
        orient="row",
    )
    parts = pl.col(RAW).str.split("\x1f")
    pl.concat([early, late, ragged]).select(
        _named(FILE, labels=labels).alias("file"),
        pl.col(ROW).alias("row"),
        CODE,
        *(_words(language).alias(f"reason_{language}") for language in ("zh", "en")),
        *(
            harmless(parts.list.get(at, null_on_oob=True)).alias(name)
            for at, name in enumerate(RAW_SHOWN)
        ),
    ).sink_csv(to, include_bom=True)


def _words(language: str) -> pl.Expr:
    words = {code: getattr(reason, language) for code, reason in REASONS.items()}
    return pl.col(CODE).replace_strict(words, return_dtype=pl.String)


def harmless(text: pl.Expr) -> pl.Expr:
    """Return texts that no spreadsheet takes for a formula."""
    return text.str.replace(r"^([=+\-@\t\r])", "'${1}")


def _write_duplicates(repeats: Repeats, *, labels: list[str], to: Path) -> None:
    rows = pl.concat([repeats.dropped, repeats.noted])
    if rows.is_empty():
        return
    rows.select(
        _named(FILE, labels=labels).alias("file"),
        pl.col(ROW).alias("row"),
        harmless(pl.col("case_id")),
        CODE,
        _named(KEPT_FILE, labels=labels).alias(KEPT_FILE),
        KEPT_ROW,
        harmless(pl.col("kept_case_id")),
        pl.col(FIELDS).alias("differs"),
        pl.lit("").alias("decision"),
    ).write_csv(to, include_bom=True)


def _findings(
    ready: list[Prepared], *, stage: pl.LazyFrame, kept: pl.LazyFrame, repeats: Repeats
) -> list[Finding]:
    labels = [one.source.label for one in ready]
    found = [finding for one in ready for finding in one.source.findings]
    for code in REJECTED:
        mine = pl.col(REJECT) == REJECTED.index(code)
        found += _counted(stage, mine, code=code, labels=labels) if _possible(code) else []
    for frame in (repeats.dropped, repeats.noted):
        for code in frame[CODE].unique(maintain_order=True):
            found += _counted(frame.lazy(), pl.col(CODE) == code, code=code, labels=labels)
    marks = kept.select(FILE, ROW, MARK).filter(pl.col(MARK) != 0)
    for at, code in enumerate(MARKS):
        mine = (pl.col(MARK) // (1 << at)) % 2 == 1
        found += _counted(marks, mine, code=code, labels=labels)
    return found


def _possible(code: str) -> bool:
    return not code.startswith(("duplicate", "same_person", "dropped", "ragged"))


def _counted(frame: pl.LazyFrame, mine: pl.Expr, *, code: str, labels: list[str]) -> list[Finding]:
    groups = (
        frame.filter(mine)
        .group_by(FILE)
        .agg(pl.len().alias("count"), pl.col(ROW).bottom_k(SAMPLE_ROWS).sort().alias("rows"))
        .collect(engine="streaming")
    )
    return [
        Finding(code=code, file=labels[file], count=count, rows=tuple(rows))
        for file, count, rows in groups.sort(FILE).iter_rows()
    ]


def _taken(one: Prepared) -> Taken:
    source = one.source
    columns = {field: one.columns(field) for field in ALL_FIELDS if one.columns(field)}
    person = {plain(name) for group in one.schema.person for name in group}
    used = {name for names in columns.values() for name in names}
    place = {f"c{at}": name for at, name in enumerate(source.header)}
    return Taken(
        file=source.name,
        sheet=source.sheet,
        encoding=source.encoding.name,
        encoding_why=source.encoding.why,
        delimiter=source.delimiter,
        header_row=source.header_row,
        schema=one.schema.name,
        date_orders={
            place[column]: f"{form.order} ({form.why})"
            for column, form in one.forms.items()
            if form.order
        },
        columns=columns,
        columns_left=tuple(
            name for name in source.header if name not in used and plain(name) not in person
        ),
        rows=one.rows + len(source.ragged),
    )


def _rules(rules: Rules) -> dict[str, str]:
    return {
        "same_case": "newest date_updated, else date_report, else file named last, else lower row",
        "same_person": f"{rules.same_person}, {rules.person_days} days",
        "decisions": str(len(rules.decisions)),
    }


def read_districts(path: Path) -> frozenset[str]:
    """Return the codes of a CSV file with a column ``district``."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return frozenset(row["district"].strip() for row in csv.DictReader(file))
