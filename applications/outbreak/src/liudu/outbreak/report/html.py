"""The bulletin as one page of HTML that loads nothing."""

from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from liudu.contract import Language
from liudu.outbreak.report.model import Bulletin
from liudu.outbreak.signals import PRIORITIES

TEMPLATES: Final = Path(__file__).parent / "templates"


def render(bulletin: Bulletin, *, language: Language) -> str:
    """Return the page; `language` is the one that shows first, the other is a click away."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["svg"] = svg
    template = environment.get_template("bulletin.html.j2")
    css = Markup((TEMPLATES / "bulletin.css").read_text(encoding="utf-8"))  # noqa: S704 - our own file
    return template.render(b=bulletin, css=css, language=language, priorities=PRIORITIES)


def svg(drawing: str) -> Markup:
    """Return a drawing of ours for a page; names within it were escaped when it was drawn."""
    return Markup(drawing.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1))  # noqa: S704
