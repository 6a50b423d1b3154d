"""From a run folder to its report: page, PDF and certificate, all from one model."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs
import orjson

from liudu.contract import Language, Refusal
from liudu.trial import certificate, keys
from liudu.trial.journal import write_whole
from liudu.trial.progress import Progress, Silence
from liudu.trial.report import html, model, pdf
from liudu.trial.report.pictures import gallery
from liudu.trial.report.reading import RunFolder, read_run
from liudu.trial.seal import COMMITMENT


class OtherSealError(Refusal):
    """The seal that was named is not the one on which the run was made."""

    en = (
        "{seal} is not the seal of this run: its commitment is {found}, the run's is {wanted}. "
        "Name the right one with --seal."
    )
    zh = (
        "{seal} 不是这次试验所用的封存：它的承诺摘要是 {found}，试验的是 {wanted}。"
        "请用 --seal 指定正确的文件夹。"
    )


class NoSealError(Refusal):
    """The folder that was named holds no seal."""

    en = "{seal} is not a seal: it has no commitment.json. Name the right folder with --seal."
    zh = "{seal} 不是封存文件夹：里面没有 commitment.json。请用 --seal 指定正确的文件夹。"


@attrs.frozen(kw_only=True)
class Written:
    """What was written, and what it says."""

    html: Path
    pdf: Path | None
    certificate: Path | None
    certificate_digest: str | None
    verdict: str
    report: model.Report


def write_report(
    run_folder: Path,
    *,
    language: Language = "zh",
    seal: Path | None = None,
    into: Path | None = None,
    key: keys.Key | None = None,
    at: datetime | None = None,
    pictures: bool = True,
    as_pdf: bool = True,
    progress: Progress | None = None,
) -> Written:
    """Write the report of a complete run, and its certificate if there is a key.

    Parameters
    ----------
    run_folder
        What `liudu-trial run` left.
    language
        The language of the PDF, and the one in which the page opens.
    seal
        Where the seal lies now, if it is not where the run found it.
    into
        The folder for the report; the run folder itself if None.
    key, at
        Sign a certificate with this key at this moment; none is made without a key.
    pictures
        Whether the pieces of the worst errors are shown: leave them out for a vendor's eyes.
    as_pdf
        Whether the PDF is made too.
    progress
        Who looks on.

    Raises
    ------
    liudu.contract.Refusal
        If the run is not complete, was altered, or the seal is another one.

    """
    looking = progress or Silence()
    run = read_run(run_folder)
    folder = into or run_folder
    folder.mkdir(parents=True, exist_ok=True)
    sealed = find_seal(run, seal=seal)
    need = _need(run, seal=sealed)
    signed = _certify(run, need=need, seal=sealed, key=key, at=at)
    shown = gallery(
        (run.result.get("details") or {}).get("worst") or [],
        seal=sealed,
        withheld=not pictures,
        scored=bool(run.result["targets"]),
        progress=looking,
    )
    digest = certificate.digest(signed) if signed else None
    with looking.stage(zh="报告", en="report", total=3) as advance:
        report = model.build(run, need=need, gallery=shown, certificate_digest=digest)
        advance(1)
        page = folder / "report.html"
        _write(page, html.render(report, language=language).encode())
        advance(1)
        paper = folder / "report.pdf" if as_pdf else None
        if paper is not None:
            _write(paper, pdf.render(report, language=language))
        advance(1)
    cert = folder / "certificate.json" if signed else None
    if cert is not None:
        _write(cert, orjson.dumps(signed, option=orjson.OPT_INDENT_2) + b"\n")
    return Written(
        html=page,
        pdf=paper,
        certificate=cert,
        certificate_digest=digest,
        verdict=report.verdict,
        report=report,
    )


def _write(path: Path, content: bytes) -> None:
    """Write a file whole; where the system refuses, its error names the file."""
    try:
        write_whole(path, content)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def find_seal(run: RunFolder, *, seal: Path | None) -> Path | None:
    """Return the seal's folder if it is at hand, and make sure that it is this run's.

    Where none is named, the folders beside the run are looked at; the commitment tells which one
    it is. If it is not there, the report has no pictures and says how to get them.

    Raises
    ------
    NoSealError, OtherSealError
        If a folder was named that is not the run's seal.

    """
    wanted = run.result["digests"].get("commitment")
    if seal is None:
        beside = sorted(run.folder.resolve().parent.glob(f"*/{COMMITMENT}"))
        return next((path.parent for path in beside if _commitment(path) == wanted), None)
    if not (seal / COMMITMENT).is_file():
        raise NoSealError(seal=str(seal))
    found = _commitment(seal / COMMITMENT)
    if found != wanted:
        raise OtherSealError(seal=str(seal), found=found, wanted=wanted)
    return seal


def _commitment(path: Path) -> str | None:
    try:
        return certificate.digest(orjson.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _need(run: RunFolder, *, seal: Path | None) -> str:
    asked = run.asked.get("seal")
    if isinstance(asked, Mapping) and asked.get("name"):
        return str(asked["name"])
    if seal is not None:
        return str(_json(seal / COMMITMENT).get("name") or seal.name)
    return str(run.result.get("name") or run.folder.name)


def _json(path: Path) -> dict[str, Any]:
    value = orjson.loads(path.read_bytes())
    return value if isinstance(value, dict) else {}


def _certify(
    run: RunFolder,
    *,
    need: str,
    seal: Path | None,
    key: keys.Key | None,
    at: datetime | None,
) -> dict[str, Any] | None:
    if key is None or at is None:
        return None
    protocol = seal / "protocol.json" if seal else None
    required = _json(protocol).get("level") if protocol and protocol.is_file() else None
    return certificate.issue(run.result, key=key, at=at, need=need, required_level=required)
