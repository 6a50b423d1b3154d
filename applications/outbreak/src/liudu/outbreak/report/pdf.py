"""The bulletin as a tagged, accessible PDF (PDF/UA-1), set by Typst with fonts of our own."""

import json
import re
import tempfile
from pathlib import Path
from typing import Any, Final

import typst

from liudu.contract import Language
from liudu.outbreak.report.charts import FONTS
from liudu.outbreak.report.model import Bulletin, Chart, Table
from liudu.outbreak.signals import PRIORITIES
from liudu.outbreak.text import Text

TEMPLATE: Final = Path(__file__).parent / "templates" / "bulletin.typ"
STANDARD: Final = "ua-1"
LONG_WORD: Final = re.compile(r"[!-~]{25,}")
WORDS: Final = {
    "brand": Text("六度 Liudu · 传染病预警", "Liudu · Early warning"),
    "simulated": Text("模拟数据", "SIMULATED DATA"),
    "simulated_why": Text("不反映任何真实疫情。", "They show no real epidemic."),
    "ranking": Text("本周信号", "Signals of the week"),
    "map": Text("分布", "Where"),
    "signals": Text("逐个说明", "One by one"),
    "quality": Text("数据质量", "Data quality"),
    "evaluation": Text("检测器表现", "How well detectors do"),
    "methods": Text("怎么算的", "How it was computed"),
    "record": Text("留档", "For the record"),
    "priority": Text("优先级", "Priority"),
}


def render(bulletin: Bulletin, *, language: Language) -> bytes:
    """Return the PDF in one language; the same bulletin gives the same bytes."""
    with tempfile.TemporaryDirectory(prefix="liudu-bulletin-") as name:
        folder = Path(name)
        data = _Paper(folder=folder, language=language).data(bulletin)
        (folder / "data.json").write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
        (folder / "bulletin.typ").write_bytes(TEMPLATE.read_bytes())
        made = typst.compile(
            str(folder / "bulletin.typ"),
            root=str(folder),
            font_paths=[str(FONTS)],
            ignore_system_fonts=True,
            format="pdf",
            pdf_standards=[STANDARD],
            timestamp=0,
        )
    if not isinstance(made, bytes):
        raise TypeError(type(made))
    return made


class _Paper:
    """The bulletin in one language, as plain values, its drawings written beside them."""

    def __init__(self, *, folder: Path, language: Language) -> None:
        self.folder = folder
        self.language: Language = language

    def say(self, text: Text | None) -> str | None:
        if text is None:
            return None
        # Typst breaks no word: one that fills a line may break anywhere.
        return LONG_WORD.sub(lambda word: "\u200b".join(word[0]), text.say(self.language))

    def data(self, bulletin: Bulletin) -> dict[str, Any]:
        return {
            "lang": self.language,
            "region": "CN" if self.language == "zh" else "GB",
            "words": {name: self.say(text) for name, text in WORDS.items()},
            "title": self.say(bulletin.title),
            "week": bulletin.week,
            "made_at": bulletin.made_at,
            "simulated": bulletin.simulated,
            "headline": self.say(bulletin.headline),
            "lead": self.say(bulletin.lead),
            "facts": self._pairs(bulletin.facts),
            "ranking": self._table(bulletin.ranking),
            "map": bulletin.map and self._chart(bulletin.map),
            "map_alt": bulletin.map and self.say(bulletin.map.alt),
            "map_table": self._table(bulletin.map_table),
            "signals": [
                {
                    "rank": part.rank,
                    "priority": part.priority,
                    "priority_text": self.say(PRIORITIES[part.priority]),
                    "name": self.say(part.name),
                    "sentence": self.say(part.sentence),
                    "remarks": [self.say(remark) for remark in part.remarks],
                    "chart": self._chart(part.chart),
                    "alt": self.say(part.chart.alt),
                    "table": self._table(part.table),
                }
                for part in bulletin.signals
            ],
            "evaluation": self._table(bulletin.evaluation),
            "quality": self._table(bulletin.quality),
            "quality_lead": self.say(bulletin.quality_lead),
            "methods": self._pairs(bulletin.methods),
            "record": self._pairs(bulletin.record),
        }

    def _pairs(self, pairs: tuple[tuple[Text, Text], ...]) -> list[list[str | None]]:
        return [[self.say(first), self.say(second)] for first, second in pairs]

    def _chart(self, chart: Chart) -> str:
        name = f"{chart.name}.svg"
        (self.folder / name).write_text(chart.svg(self.language), encoding="utf-8")
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
