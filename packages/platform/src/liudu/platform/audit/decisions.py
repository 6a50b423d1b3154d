"""How one line covers the line before, and what is wrong with a chain that does not hold."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

START: Final = "0" * 64


class Wrong(StrEnum):
    """What is wrong with the first line that does not hold."""

    MISSING = "missing"  # a number is not there
    LINK = "link"  # it does not cover the digest of the line before
    DIGEST = "digest"  # its digest is not that of what it says
    CONTENT = "content"  # its columns say something else than its content
    HEAD = "head"  # the newest line is not the one that the head names
    ANCHOR = "anchor"  # the line that somebody has noted down reads otherwise now


def canonical(content: Mapping[str, object]) -> str:
    """Return the one spelling of a line's content."""
    return json.dumps(
        content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_plain
    )


def digest_of(*, previous: str, content: str) -> str:
    """Return the SHA-256 that seals a line to the one before, as hexadecimal digits."""
    return hashlib.sha256(f"{previous}\n{content}".encode()).hexdigest()


def columns_agree(columns: Mapping[str, object], content: str) -> bool:
    """Return whether a line's columns are what its content says."""
    try:
        said = json.loads(content)
    except ValueError:
        return False
    if not isinstance(said, dict) or said.keys() - {"detail"} != columns.keys():
        return False
    return all(
        said[name] == (_plain(value) if isinstance(value, datetime) else value)
        for name, value in columns.items()
    )


def _plain(value: object) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)
