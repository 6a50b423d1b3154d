"""Reports of a run: the owner's, and one without a single piece for everybody else.

What the owner reads shows the pieces of the worst errors. Without them it still would say of
single pieces what they truly are, so the report for others has no gallery at all, and no figures
by class, whose names are labels: it speaks of the whole only.
"""

from collections.abc import Mapping
from datetime import datetime
from itertools import product
from pathlib import Path
from typing import Any, Final

import attrs

from liudu.contract import Language
from liudu.platform.trials import places
from liudu.trial import certificate, keys
from liudu.trial.journal import write_whole
from liudu.trial.report import html, model, pdf, write_report
from liudu.trial.report.pictures import WITHHELD, Gallery
from liudu.trial.report.reading import read_run

LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en")
OF_PIECES_AND_CLASSES: Final = frozenset({"worst", "by_class", "confusion"})
NO_PIECES: Final = Gallery(pictures=(), has_boxes=False, note=WITHHELD)


def write(
    trial_key: str, *, seal: Path, key: keys.Key | None, at: datetime
) -> dict[str, Any] | None:
    """Write both pages of a complete run; return its certificate, if there is a key."""
    owners = places.report_of(trial_key, with_pieces=True)
    written = write_report(
        places.run_of(trial_key), seal=seal, into=owners, key=key, at=at, as_pdf=False
    )
    signed = certificate.read(written.certificate) if written.certificate else None
    _write_page(trial_key, need=written.report.need, digest=written.certificate_digest)
    return signed


def _write_page(trial_key: str, *, need: str, digest: str | None) -> None:
    folder = places.report_of(trial_key, with_pieces=False)
    folder.mkdir(exist_ok=True)
    report = _without_pieces(trial_key, need=need, digest=digest)
    write_whole(folder / "report.html", html.render(report, language="zh").encode())


def _without_pieces(trial_key: str, *, need: str, digest: str | None) -> model.Report:
    run = read_run(places.run_of(trial_key))
    whole = attrs.evolve(run, result=_of_the_whole(run.result))
    return model.build(whole, need=need, gallery=NO_PIECES, certificate_digest=digest)


def _of_the_whole(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result without single pieces and without the names of classes."""
    details = result.get("details") or {}
    return {
        **result,
        "targets": [{**target, "by_class": []} for target in result["targets"]],
        "details": {name: details[name] for name in details if name not in OF_PIECES_AND_CLASSES},
    }


def make_papers(trial_key: str, *, seal: Path, at: datetime) -> None:
    """Make the PDFs that are not there, in both languages, with and without pieces.

    Parameters
    ----------
    seal
        Where the pieces are, for the owner's report.

    """
    for with_pieces, language in product((True, False), LANGUAGES):
        if not places.paper_of(trial_key, with_pieces=with_pieces, language=language).is_file():
            _set(trial_key, with_pieces=with_pieces, language=language, seal=seal, at=at)


def _set(
    trial_key: str, *, with_pieces: bool, language: Language, seal: Path, at: datetime
) -> None:
    path = places.paper_of(trial_key, with_pieces=with_pieces, language=language)
    need, digest = _name_and_digest(trial_key)
    if with_pieces:
        made = write_report(
            places.run_of(trial_key),
            language=language,
            seal=seal,
            into=path.parent / language,
            at=at,
        )
        if made.pdf is None:
            raise AssertionError
        made.pdf.replace(path)
    else:
        report = _without_pieces(trial_key, need=need, digest=digest)
        write_whole(path, pdf.render(report, language=language))


def _name_and_digest(trial_key: str) -> tuple[str, str | None]:
    run = read_run(places.run_of(trial_key))
    signed = places.report_of(trial_key, with_pieces=True) / "certificate.json"
    digest = certificate.digest(certificate.read(signed)) if signed.is_file() else None
    return str(run.asked["seal"]["name"]), digest
