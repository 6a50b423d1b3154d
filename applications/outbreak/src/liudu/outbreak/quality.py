"""What an import did to the rows of a line list: every excluded or altered row, with its reason.

The report adds up: rows read = rows kept + rows rejected, for every file and together.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Literal

import attrs

from liudu.contract import Language, Refusal

Kind = Literal["rejected", "altered", "noted"]
FORMAT: Final = "liudu.outbreak.quality/1"
SAMPLE_ROWS: Final = 5


class RowsDoNotAddUpError(Refusal):
    """Rows were lost or counted twice; a defect of this program, never of the data."""

    en = "{read} rows were read, {kept} kept and {rejected} rejected: the report does not add up."
    zh = "读入 {read} 行，保留 {kept} 行，剔除 {rejected} 行：质量报告不平。"


@attrs.frozen
class Reason:
    """Why a row was excluded or altered; `zh` and `en` say it to people."""

    code: str
    kind: Kind
    zh: str
    en: str


def _reasons(*rows: tuple[str, Kind, str, str]) -> dict[str, Reason]:
    return {code: Reason(code, kind, zh, en) for code, kind, zh, en in rows}


# The order decides: of several reasons to reject a row, the first is given.
REASONS: Final = _reasons(
    ("empty_row", "rejected", "整行为空", "the row is empty"),
    ("ragged_row", "rejected", "列数多于表头", "more fields than the header has"),
    ("missing_required", "rejected", "缺少必填项", "a mandatory field is missing"),
    ("unreadable_report_date", "rejected", "报告日期无法识别", "the report date is not readable"),
    ("report_before_1900", "rejected", "报告日期早于 1900 年", "the report date is before 1900"),
    ("report_in_future", "rejected", "报告日期在将来", "the report date lies in the future"),
    (
        "outside_case_definition",
        "rejected",
        "不符合当时的病例定义",
        "not a case by the definition of its day",
    ),
    (
        "duplicate_identical",
        "rejected",
        "同一病例编号重复，内容一致",
        "the same case number again, with the same content",
    ),
    (
        "duplicate_superseded",
        "rejected",
        "同一病例编号重复，已由较新的报告取代",
        "the same case number, superseded by a newer report",
    ),
    (
        "same_person",
        "rejected",
        "同一人同一病种在规定天数内再次报告",
        "the same person and disease again within the days set",
    ),
    ("dropped_by_decision", "rejected", "按人工决定剔除", "dropped by a person's decision"),
    ("unreadable_date", "altered", "日期无法识别，已置空", "a date is not readable: left empty"),
    ("date_in_future", "altered", "日期在将来，已置空", "a date lies in the future: left empty"),
    ("date_before_1900", "altered", "日期早于 1900 年，已置空", "a date before 1900: left empty"),
    (
        "report_before_onset",
        "altered",
        "报告早于发病，发病日期已置空",
        "reported before the onset: the onset date is left empty",
    ),
    ("unreadable_age", "altered", "年龄无法识别，已置空", "the age is not readable: left empty"),
    ("impossible_age", "altered", "年龄超过 125 岁，已置空", "an age above 125: left empty"),
    ("unknown_sex", "altered", "性别取值无法识别，记为不详", "the sex is not known: unknown"),
    (
        "unknown_class",
        "altered",
        "病例分类取值无法识别，记为不详",
        "the case class is not known: unknown",
    ),
    (
        "district_changed",
        "altered",
        "区划更名或合并，已改为现行代码",
        "the district was renamed or merged",
    ),
    (
        "old_district_later",
        "noted",
        "区划变更后仍使用旧代码",
        "an old district code after its change",
    ),
    ("unknown_district", "noted", "区划不在所给名单中", "the district is not in the list given"),
    ("no_onset", "noted", "没有发病日期", "no onset date"),
    ("hidden_row", "noted", "Excel 中隐藏的行，已读入", "hidden in Excel; it was read"),
    ("formula_without_value", "noted", "公式没有缓存值", "a formula without a stored value"),
    (
        "person_reviewed",
        "noted",
        "疑似同一人，按规则或人工决定保留",
        "perhaps the same person; kept by rule or decision",
    ),
)  # fmt: skip
REJECTED: Final = tuple(code for code, reason in REASONS.items() if reason.kind == "rejected")


@attrs.frozen(kw_only=True)
class Finding:
    """One reason in one file: how many rows, and the first of them (rows as in the file)."""

    code: str
    file: str
    count: int
    rows: tuple[int, ...] = ()
    detail: str = ""

    @property
    def reason(self) -> Reason:
        """The reason in words."""
        return REASONS[self.code]

    def say(self, language: Language) -> str:
        """Return one line for people."""
        words = self.reason.zh if language == "zh" else self.reason.en
        return f"{words}（{self.detail}）" if self.detail and language == "zh" else (
            f"{words} ({self.detail})" if self.detail else words
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Return the finding for machines and pages."""
        return {
            "code": self.code, "kind": self.reason.kind, "file": self.file, "count": self.count,
            "rows": list(self.rows), "detail": self.detail,
            "zh": self.reason.zh, "en": self.reason.en,
        }  # fmt: skip


@attrs.frozen(kw_only=True)
class Taken:
    """How one file was read, so that no guess stays silent.

    Attributes
    ----------
    file, sheet
        Its name, and the sheet of a workbook.
    encoding, encoding_why
        What was taken, and on what grounds: ``declared``, ``bom``, ``valid`` (the whole file
        decodes), ``header`` (its header has known names only this way), ``common`` (its
        characters are everyday Chinese), ``workbook``.
    delimiter, header_row
        Of a text file; the row that holds the names, counted from 1.
    date_orders
        For each date column with day and month in doubt: ``dmy`` or ``mdy``, and why.
    columns
        Field → columns it was taken from.
    columns_left
        Columns that were not taken.
    rows
        Rows below the header.

    """

    file: str
    sheet: str = ""
    encoding: str
    encoding_why: str
    delimiter: str = ""
    header_row: int = 1
    schema: str = ""
    date_orders: dict[str, str] = attrs.field(factory=dict)
    columns: dict[str, list[str]] = attrs.field(factory=dict)
    columns_left: tuple[str, ...] = ()
    rows: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the statement for machines and pages."""
        return attrs.asdict(self) | {"columns_left": list(self.columns_left)}


@attrs.frozen(kw_only=True)
class QualityReport:
    """The data-quality page of one import.

    Raises
    ------
    RowsDoNotAddUpError
        When made of numbers that do not add up.

    """

    at: str
    rows_read: int
    rows_kept: int
    files: tuple[Taken, ...]
    findings: tuple[Finding, ...]
    rules: dict[str, str] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        if self.rows_read != self.rows_kept + self.rows_rejected:
            raise RowsDoNotAddUpError(
                read=self.rows_read, kept=self.rows_kept, rejected=self.rows_rejected
            )

    @property
    def rows_rejected(self) -> int:
        """Rows excluded, for whatever reason."""
        return sum(finding.count for finding in self.of_kind("rejected"))

    def of_kind(self, kind: Kind) -> list[Finding]:
        """Return the findings of one kind."""
        return [finding for finding in self.findings if finding.reason.kind == kind]

    def count(self, code: str) -> int:
        """Return how many rows have one reason, over all files."""
        return sum(finding.count for finding in self.findings if finding.code == code)

    def to_json(self) -> dict[str, Any]:
        """Return the report for machines and pages; see docs/reference/outbreak-formats.md."""
        return {
            "format": FORMAT,
            "at": self.at,
            "rows_read": self.rows_read,
            "rows_kept": self.rows_kept,
            "rows_rejected": self.rows_rejected,
            "files": [file.to_json() for file in self.files],
            "findings": [finding.to_json() for finding in self.findings],
            "rules": dict(self.rules),
        }


def report_of_json(content: dict[str, Any]) -> QualityReport:
    """Return the report that `QualityReport.to_json` wrote.

    Raises
    ------
    RowsDoNotAddUpError

    """
    return QualityReport(
        at=content["at"],
        rows_read=content["rows_read"],
        rows_kept=content["rows_kept"],
        files=tuple(
            Taken(**(file | {"columns_left": tuple(file["columns_left"])}))
            for file in content["files"]
        ),
        findings=tuple(
            Finding(
                code=finding["code"], file=finding["file"], count=finding["count"],
                rows=tuple(finding["rows"]), detail=finding["detail"],
            )
            for finding in content["findings"]
        ),
        rules=dict(content["rules"]),
    )  # fmt: skip


def merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Join findings of one reason, file and detail, in the order of `REASONS`."""
    joined: dict[tuple[str, str, str], Finding] = {}
    for finding in findings:
        if finding.count == 0:
            continue
        key = (finding.code, finding.file, finding.detail)
        old = joined.get(key)
        rows = (old.rows if old else ()) + finding.rows
        joined[key] = attrs.evolve(
            finding,
            count=finding.count + (old.count if old else 0),
            rows=tuple(sorted(rows)[:SAMPLE_ROWS]),
        )
    order = list(REASONS)
    return tuple(sorted(joined.values(), key=lambda one: (order.index(one.code), one.file)))


def read_report(folder: Path) -> QualityReport:
    """Read ``quality.json`` of an import folder."""
    return report_of_json(json.loads((folder / "quality.json").read_text(encoding="utf-8")))
