"""Where sealed data, runs and reports lie: below the private folder, which is never served."""

from pathlib import Path
from typing import Final

from django.conf import settings

from liudu.contract import Language

PRIVATE_MODE: Final = 0o700


def private(name: str) -> Path:
    """Return a folder below the private one; it is made when first asked for."""
    folder = Path(settings.PRIVATE) / name
    folder.mkdir(mode=PRIVATE_MODE, parents=True, exist_ok=True)
    return folder


def upload_of(seal_key: str) -> Path:
    """Return the archive as it came; gone after sealing and after a refusal."""
    return private("uploads") / f"{seal_key}.zip"


def plain_of(seal_key: str) -> Path:
    """Return the unpacked archive; there only while it is sealed."""
    return private("uploads") / seal_key


def seal_of(seal_key: str) -> Path:
    """Return the seal."""
    return private("seals") / seal_key


def refusal_of(seal_key: str) -> Path:
    """Return why data were refused, in full: it may name files, so only the owner reads it."""
    return private("seals") / f"{seal_key}.refused.json"


def run_of(trial_key: str) -> Path:
    """Return the folder of a trial's run."""
    return private("runs") / trial_key


def report_of(trial_key: str, *, with_pieces: bool) -> Path:
    """Return the folder of a report: the owner's, or the one without any piece."""
    return run_of(trial_key) / ("report-owner" if with_pieces else "report")


def page_of(trial_key: str, *, with_pieces: bool) -> Path:
    """Return the page of a report; it opens in Chinese, English is a click away."""
    return report_of(trial_key, with_pieces=with_pieces) / "report.html"


def paper_of(trial_key: str, *, with_pieces: bool, language: Language) -> Path:
    """Return the PDF of a report; it is there once a worker has made it."""
    return report_of(trial_key, with_pieces=with_pieces) / f"report.{language}.pdf"
