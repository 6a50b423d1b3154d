"""The report as a tagged, accessible PDF (PDF/UA-1), set by Typst with fonts of our own."""

import re
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson
import typst

from liudu.contract import Language
from liudu.trial.report.charts import FONTS, Chart
from liudu.trial.report.glyphs import printable
from liudu.trial.report.model import Figure, Report, Table
from liudu.trial.report.text import Text, shorten

TEMPLATE = Path(__file__).parent / "templates" / "report.typ"
STANDARD: Final = "ua-1"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
LONG_WORD = re.compile(r"[!-~]{25,}")

WORDS = {
    "brand": Text("六度 Liudu · 试验报告", "Liudu · Trial report"),
    "simulated": Text("模拟数据", "SIMULATED DATA"),
    "simulated_why": Text(
        "只证明程序能跑通，不证明方案在真实数据上有效。",
        "This shows that the program runs, not that the solution works on real data.",
    ),
    "targets": Text("承诺与证明", "What was promised, what was proved"),
    "how_to_read": Text(
        "圆点是观测值，色带是真值可能所在的区间，竖虚线是承诺的限值。整条色带都落在限值好的一侧，才算证明。",
        "The dot is what was seen, the band is where the true value may lie, the dashed line is "
        "the promised limit. A promise is proved when the whole band lies on its good side.",
    ),
    "errors": Text("错在哪里", "Where it errs"),
    "matrix": Text(
        "混淆矩阵：每行是真实类别，每列是作答", "Confusion: rows are the truth, columns the answer"
    ),
    "curves": Text("阈值怎么选", "Which threshold to choose"),
    "speed": Text("快慢与用量", "Speed and resources"),
    "gallery": Text("最严重的错误", "The worst errors"),
    "legend": Text(
        "实线：漏掉的真实缺陷　虚线：误报　细线：找对的",
        "Solid: a defect that was missed. Dashed: a false call. Thin: found.",
    ),
    "methods": Text("怎么算的", "How it was computed"),
    "record": Text("留档", "For the record"),
    "certificate": Text("证书", "Certificate"),
    "certificate_why": Text(
        "结论已签名。任何人都可以离线核验，改动一个字就会被发现：",
        "The verdict is signed. Anybody can check it offline, and any altered letter shows:",
    ),
    "seen": Text("观测值", "Seen"),
    "from": Text("依据", "From"),
    "method": Text("算法", "Method"),
    "vendor": Text("供方", "Vendor"),
    "need": Text("需求", "Need"),
}
_CHECK = '<circle cx="12" cy="12" r="10"/><path d="m7.5 12.5 3 3 6-7"/>'
_CROSS = '<path d="M8 2h8l6 6v8l-6 6H8l-6-6V8z"/><path d="m8.5 8.5 7 7m0-7-7 7"/>'
_WAIT = '<path d="M12 2.5 22 20.5H2z"/><path d="M12 9.5v4.5m0 3.2v.1"/>'
MARKS = {
    "passed": (_CHECK, "#0b6b4a"),
    "failed": (_CROSS, "#a92a20"),
    "undecided": (_WAIT, "#805300"),
    "proved": (_CHECK, "#0b6b4a"),
    "refuted": (_CROSS, "#a92a20"),
    "not_yet": (_WAIT, "#805300"),
}


def render(report: Report, *, language: Language) -> bytes:
    """Return the PDF in one language; the same report gives the same bytes."""
    with tempfile.TemporaryDirectory(prefix="liudu-report-") as name:
        folder = Path(name)
        data = _Paper(folder=folder, language=language).data(report)
        (folder / "data.json").write_bytes(orjson.dumps(printable(data)))
        (folder / "report.typ").write_bytes(TEMPLATE.read_bytes())
        made = typst.compile(
            str(folder / "report.typ"),
            root=str(folder),
            font_paths=[str(FONTS)],
            ignore_system_fonts=True,
            format="pdf",
            pdf_standards=[STANDARD],
            timestamp=_timestamp(report.ended_at),
        )
    if not isinstance(made, bytes):
        raise TypeError(type(made))
    return made


def _timestamp(at: str) -> int | None:
    try:
        return int(datetime.fromisoformat(at).timestamp())
    except ValueError:
        return None


class _Paper:
    """The report in one language, as plain values, its drawings written beside them."""

    def __init__(self, *, folder: Path, language: Language) -> None:
        self.folder = folder
        self.language: Language = language

    def say(self, text: Text | None) -> str | None:
        return None if text is None else self._breakable(text.say(self.language))

    def _word(self, name: str) -> str:
        return WORDS[name].say(self.language)

    @staticmethod
    def _breakable(text: str) -> str:
        # Typst breaks no word: one that fills a line may break anywhere. A digest is copied whole.
        if DIGEST.fullmatch(text):
            return text
        return LONG_WORD.sub(lambda word: "\u200b".join(word[0]), text)

    def data(self, report: Report) -> dict[str, Any]:
        for kind, (path, colour) in MARKS.items():
            self._write(f"mark-{kind}.svg", _mark(path, colour).encode())
        words = {name: self._word(name) for name in WORDS}
        name = f"{report.solution} {report.version}"
        return {
            "lang": self.language,
            "region": "CN" if self.language == "zh" else "GB",
            "words": words,
            "title": f"{shorten(name)} · {report.verdict_text.say(self.language)}",
            "author": "Liudu",
            "solution_short": shorten(name, length=48),
            "verdict": report.verdict,
            "verdict_text": self.say(report.verdict_text),
            "headline": self.say(report.headline),
            "advice": self.say(report.advice),
            "by": self._by(report),
            "simulated": report.simulated,
            "facts": [[self.say(name), self.say(value)] for name, value in report.facts],
            "footer": report.certificate_digest or "",
            "certificate": self._certificate(report),
            **self._figures(report),
            **self._gallery(report),
            "methods": [[self.say(name), self.say(text)] for name, text in report.methods],
            "record": [
                {"title": self.say(t), "rows": [[self.say(k), self.say(v)] for k, v in rows]}
                for t, rows in report.record
                if rows
            ],
        }

    def _by(self, report: Report) -> str:
        vendor = [f"{self._word('vendor')}: {report.vendor}"] if report.vendor else []
        return self._breakable(
            " · ".join([*vendor, f"{self._word('need')}: {report.need}", report.ended_at[:10]])
        )

    def _certificate(self, report: Report) -> str | None:
        return report.certificate_digest and self._breakable(report.certificate_digest)

    def _figures(self, report: Report) -> dict[str, Any]:
        matrix = report.matrix
        return {
            "targets": [self._target(target) for target in report.targets],
            "summary": self._table(report.summary),
            "matrix": matrix
            and {
                "columns": [self.say(column) for column in matrix.columns],
                "classes": [self._breakable(name) for name in matrix.classes],
                "cells": [[f"{n:,}" for n in row] for row in matrix.counts],
                "shades": matrix.shades,
            },
            "classes": self._table(report.classes),
            "others": self._table(report.others),
            "figures": [self._figure(f) for f in report.figures],
            "speed": [self._figure(f) for f in report.speed],
            "measured": self._table(report.measured),
            "speed_note": self.say(report.speed_note),
        }

    def _target(self, target: Any) -> dict[str, Any]:  # noqa: ANN401
        stats = [
            [self._word("seen"), target.seen],
            [self.say(target.bound_name), target.bound],
        ]
        if target.tally.en != "–":
            stats.append([self._word("from"), self.say(target.tally)])
        return {
            "name": self.say(target.name),
            "promise": target.promise,
            "answer": target.answer,
            "answer_text": self.say(target.answer_text),
            "meaning": self.say(target.meaning),
            "method": self.say(target.method),
            "more": self.say(target.more),
            "stats": stats,
            "chart": target.chart and self._chart(target.chart),
            "alt": target.chart and target.chart.alt.say(self.language),
            "classes": self._table(target.classes),
        }

    def _figure(self, figure: Figure) -> dict[str, Any]:
        return {
            "title": self.say(figure.title),
            "reading": self.say(figure.reading),
            "chart": self._chart(figure.chart),
            "alt": figure.chart.alt.say(self.language),
            "table": self._table(figure.table),
        }

    def _chart(self, chart: Chart) -> str:
        name = f"{chart.name}.svg"
        self._write(name, printable(chart.svg(self.language)).encode())
        return name

    def _table(self, table: Table | None) -> dict[str, Any] | None:
        if table is None:
            return None
        return {
            "caption": self.say(table.caption),
            "columns": [self.say(column) for column in table.columns],
            "rows": [[self.say(cell) for cell in row] for row in table.rows],
            "numeric_from": table.numeric_from,
        }

    def _gallery(self, report: Report) -> dict[str, Any]:
        gallery = report.gallery
        return {
            "gallery_note": self.say(gallery.note),
            "has_boxes": gallery.has_boxes,
            "pictures": [self._picture(p, place=n) for n, p in enumerate(gallery.pictures)],
        }

    def _picture(self, picture: Any, *, place: int) -> Mapping[str, Any]:  # noqa: ANN401
        file = None
        if picture.jpeg:
            file = f"picture-{place}.jpg"
            self._write(file, picture.jpeg)
        return {
            "file": file,
            "missing": self.say(picture.missing),
            "why": self.say(picture.why),
            "said": self.say(picture.said),
            "id": self._breakable(picture.id),
            "alt": picture.why.say(self.language),
        }

    def _write(self, name: str, content: bytes) -> None:
        (self.folder / name).write_bytes(content)


def _mark(path: str, colour: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="{colour}"'
        f' stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round">{path}</svg>'
    )
