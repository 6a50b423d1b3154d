"""Digests computed again from the things at hand, to be compared with those of a certificate.

Each function returns pairs of the claim's place in ``credentialSubject`` and the digest that
was found, or None where the file that it is computed from is missing.
"""

import hashlib
import tempfile
from pathlib import Path

import orjson

from liudu.contract import Refusal, open_bundle
from liudu.trial import certificate, scorers
from liudu.trial.progress import Progress
from liudu.trial.seal import SALT, open_seal

Found = list[tuple[str, str | None]]


class NotThereError(Refusal):
    """What should be compared with a certificate is not there."""

    en = "{what} {path} is not there: name the {what} that the certificate speaks of."
    zh = "找不到{what_zh} {path}：请指定证书所说的{what_zh}。"


def of_run(folder: Path | None) -> Found:
    """Return the digests of a run's result and predictions."""
    if folder is None:
        return []
    if not folder.is_dir():
        raise NotThereError(what="run", what_zh="试验", path=str(folder))
    return [
        ("evidence.result", _canonical(folder / "result.json")),
        ("evidence.predictions", file_digest(folder / "predictions.jsonl")),
    ]


def file_digest(path: Path) -> str | None:
    """Return ``sha256:…`` over a file's bytes, or None where there is none."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _canonical(path: Path) -> str | None:
    try:
        return certificate.digest(orjson.loads(path.read_bytes()))
    except (OSError, ValueError):
        return None


def of_solution(path: Path | None) -> Found:
    """Return the digest of a solution: a folder, a zip or a tar, opened as for a trial."""
    if path is None:
        return []
    if not path.exists():
        raise NotThereError(what="solution", what_zh="方案", path=str(path))
    with tempfile.TemporaryDirectory(prefix="liudu-verify-") as folder:
        return [("solution.digest", open_bundle(path, into=Path(folder) / "app").digest)]


def of_seal(folder: Path | None, *, progress: Progress | None = None) -> Found:
    """Return the digests of a seal, each held against the files that it is computed from.

    Labels and protocol are salted: without the seal's private part they cannot be told.

    Raises
    ------
    liudu.contract.Refusal
        If the folder is no seal, or its files are not what its own commitment says.

    """
    if folder is None:
        return []
    if not folder.is_dir():
        raise NotThereError(what="seal", what_zh="封存", path=str(folder))
    sealed = open_seal(folder, progress=progress)
    digests = sealed.commitment["digests"]
    salted = (folder / SALT).is_file()
    return [
        ("seal.commitment", sealed.digest),
        ("seal.data", digests["data"]),
        ("seal.labels", digests["labels"] if salted else None),
        ("seal.protocol", digests["protocol"] if salted else None),
        ("seal.scorer", scorers.digest(sealed.protocol["task"])),
    ]
