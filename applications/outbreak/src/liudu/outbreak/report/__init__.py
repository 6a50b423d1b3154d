"""The week's bulletin: a page, a PDF, a Word document, and the charts that they share."""

from liudu.outbreak.report import html, pdf, word
from liudu.outbreak.report.build import Provenance, Request, bulletin
from liudu.outbreak.report.curves import Curve, curves
from liudu.outbreak.report.model import Bulletin, Chart, SignalPart, Table
from liudu.outbreak.report.tiles import Tiles, read_tiles
from liudu.outbreak.text import Text

__all__ = [
    "Bulletin",
    "Chart",
    "Curve",
    "Provenance",
    "Request",
    "SignalPart",
    "Table",
    "Text",
    "Tiles",
    "bulletin",
    "curves",
    "html",
    "pdf",
    "read_tiles",
    "word",
]
