"""The bulletin as a Word document that a bureau edits before it goes out."""

import io
import re
from typing import Final

from docx import Document
from docx.document import Document as Paper
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor

from liudu.contract import Language
from liudu.outbreak.report.charts import png
from liudu.outbreak.report.model import Bulletin, Chart, SignalPart, Table
from liudu.outbreak.report.pdf import WORDS
from liudu.outbreak.signals import PRIORITIES
from liudu.outbreak.text import Text

FONT: Final = ("Arial", "Microsoft YaHei")
MUTED: Final = RGBColor(0x56, 0x63, 0x5F)
AMBER: Final = RGBColor(0x80, 0x53, 0x00)
WIDTH: Final = Cm(16.4)
# XML has no place for these; a document that holds one does not open.
FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def render(bulletin: Bulletin, *, language: Language) -> bytes:
    """Return the document in one language."""
    document = Document()
    setter = _Setter(document, language=language)
    setter.bulletin(bulletin)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


class _Setter:
    def __init__(self, document: Paper, *, language: Language) -> None:
        self.document = document
        self.language: Language = language
        for name in ("Normal", "Title", "Heading 1", "Heading 2"):
            style = document.styles[name]
            style.font.name = FONT[0]
            style.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), FONT[1])
        document.styles["Normal"].font.size = Pt(10.5)
        section = document.sections[0]
        section.page_width, section.page_height = Cm(21), Cm(29.7)
        section.left_margin = section.right_margin = Cm(2.3)

    def say(self, text: Text) -> str:
        return FORBIDDEN.sub("", text.say(self.language))

    def _head(self, name: str, *, level: int = 1) -> None:
        self.document.add_heading(self.say(WORDS[name]), level=level)

    def _muted(self, text: str) -> None:
        run = self.document.add_paragraph().add_run(text)
        run.font.color.rgb, run.font.size = MUTED, Pt(9.5)

    def bulletin(self, bulletin: Bulletin) -> None:
        properties = self.document.core_properties
        properties.title, properties.author = self.say(bulletin.title), "Liudu"
        properties.language = "zh-CN" if self.language == "zh" else "en"
        self.document.add_heading(self.say(bulletin.title), level=0)
        if bulletin.simulated:
            words = f"{self.say(WORDS['simulated'])}　{self.say(WORDS['simulated_why'])}"
            run = self.document.add_paragraph().add_run(words)
            run.bold, run.font.color.rgb = True, AMBER
        self._muted(f"{bulletin.week} · {bulletin.made_at}")
        self.document.add_paragraph().add_run(self.say(bulletin.headline)).bold = True
        self.document.add_paragraph(self.say(bulletin.lead))
        if bulletin.ranking:
            self._head("ranking")
            self._table(bulletin.ranking)
        if bulletin.map and bulletin.map_table:
            self._head("map")
            self._chart(bulletin.map, width=Cm(9))
            self._table(bulletin.map_table)
        if bulletin.signals:
            self._head("signals")
            for part in bulletin.signals:
                self._signal(part)
        self._rest(bulletin)

    def _signal(self, part: SignalPart) -> None:
        self.document.add_heading(f"{part.rank}. {self.say(part.name)}", level=2)
        words = f"{self.say(WORDS['priority'])}：{self.say(PRIORITIES[part.priority])}"
        self.document.add_paragraph().add_run(words).bold = True
        self.document.add_paragraph(self.say(part.sentence))
        for remark in part.remarks:
            self.document.add_paragraph(self.say(remark), style="List Bullet")
        self._chart(part.chart, width=WIDTH)
        self._table(part.table)

    def _rest(self, bulletin: Bulletin) -> None:
        if bulletin.evaluation:
            self._head("evaluation")
            self._table(bulletin.evaluation)
        if bulletin.quality and bulletin.quality_lead:
            self._head("quality")
            self.document.add_paragraph(self.say(bulletin.quality_lead))
            self._table(bulletin.quality)
        for name, pairs in (("methods", bulletin.methods), ("record", bulletin.record)):
            self._head(name)
            for term, words in pairs:
                paragraph = self.document.add_paragraph()
                paragraph.add_run(f"{self.say(term)}  ").bold = True
                paragraph.add_run(self.say(words))

    def _chart(self, chart: Chart, *, width: Cm) -> None:
        picture = self.document.add_picture(
            io.BytesIO(png(chart.svg(self.language))), width=width
        )  # fmt: skip
        properties = picture._inline.docPr  # noqa: SLF001 - python-docx offers no other way to a text
        properties.set("descr", self.say(chart.alt))

    def _table(self, table: Table) -> None:
        self._muted(self.say(table.caption))
        grid = self.document.add_table(rows=1, cols=len(table.columns))
        grid.style = "Table Grid"
        for cell, column in zip(grid.rows[0].cells, table.columns, strict=True):
            cell.text = self.say(column)
            cell.paragraphs[0].runs[0].bold = True
        for row in table.rows:
            cells = grid.add_row().cells
            for index, (cell, text) in enumerate(zip(cells, row, strict=True)):
                cell.text = self.say(text)
                if index >= table.numeric_from:
                    cell.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.RIGHT
        self.document.add_paragraph()
