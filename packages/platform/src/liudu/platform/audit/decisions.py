"""How one line covers the line before."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

START: Final = "0" * 64


def canonical(content: Mapping[str, object]) -> str:
    """Return the one spelling of a line's content."""
    return json.dumps(
        content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_plain
    )


def digest_of(*, previous: str, content: str) -> str:
    """Return the SHA-256 that seals a line to the one before, as hexadecimal digits."""
    return hashlib.sha256(f"{previous}\n{content}".encode()).hexdigest()


def _plain(value: object) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)
