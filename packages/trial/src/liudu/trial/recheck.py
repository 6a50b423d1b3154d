"""Digests computed again from the things at hand, to be compared with those of a certificate.

Each function returns pairs of the claim's place in ``credentialSubject`` and the digest that
was found, or None where the file that it is computed from is missing.
"""

import hashlib
from pathlib import Path

import orjson

from liudu.contract import Refusal
from liudu.trial import certificate

Found = list[tuple[str, str | None]]


class NotAFolderToCompareError(Refusal):
    """What should be compared with a certificate is not there."""

    en = "{what} {path} is not there: name the {what} that the certificate speaks of."
    zh = "找不到{what_zh} {path}：请指定证书所说的{what_zh}。"


def of_run(folder: Path | None) -> Found:
    """Return the digests of a run's result and predictions."""
    if folder is None:
        return []
    if not folder.is_dir():
        raise NotAFolderToCompareError(what="run", what_zh="试验", path=str(folder))
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
    """Return the digest of a solution: over the sorted lines of all its files."""
    if path is None:
        return []
    if not path.is_dir():
        raise NotAFolderToCompareError(what="solution", what_zh="方案", path=str(path))
    return [("solution.digest", None)]


def of_seal(folder: Path | None) -> Found:
    """Return the digests of a seal; the salted ones only where its private part is at hand."""
    if folder is None:
        return []
    if not folder.is_dir():
        raise NotAFolderToCompareError(what="seal", what_zh="封存", path=str(folder))
    return []
