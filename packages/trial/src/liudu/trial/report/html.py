"""The report as one page of HTML that loads nothing."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from liudu.contract import Language
from liudu.trial.report.model import Report

TEMPLATES = Path(__file__).parent / "templates"


def render(report: Report, *, language: Language) -> str:
    """Return the page; `language` is the one that shows first, the other is a click away."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["svg"] = _svg
    template = environment.get_template("report.html.j2")
    css = Markup((TEMPLATES / "report.css").read_text(encoding="utf-8"))  # noqa: S704 - our own file
    return template.render(r=report, css=css, language=language)


def _svg(drawing: str) -> Markup:
    # Drawn by us from numbers; names of classes and people never get into a drawing.
    return Markup(drawing.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1))  # noqa: S704
