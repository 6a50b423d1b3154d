"""The proof of the whole chain: asked for by a page, made by a worker, kept for all readers."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from django.core.cache import cache

from liudu.platform.audit import queries, tasks

PROVED: Final = "audit.verified"
ASKED: Final = "audit.verifying"
PROVED_KEPT_S: Final = 30 * 24 * 3600
ASKED_KEPT_S: Final = 15 * 60  # after that somebody may ask again


def ask_for_proof(*, at: datetime) -> bool:
    """Have the chain proved; return whether that was new, for two who ask are answered by one."""
    if not cache.add(ASKED, at, ASKED_KEPT_S):
        return False
    tasks.verify.enqueue()
    return True


def prove(*, now: Callable[[], datetime]) -> None:
    """Walk the chain and keep what was found."""
    found = queries.verify_chain()
    kept: dict[str, Any] = {
        "count": found.count,
        "digest": found.head_digest,
        "at": now(),
        "number": found.broken.number if found.broken else None,
        "wrong": found.broken.wrong.value if found.broken else "",
    }
    cache.set(PROVED, kept, PROVED_KEPT_S)
    cache.delete(ASKED)


def asked_at() -> datetime | None:
    """Return since when a proof is under way; None where none is."""
    since: datetime | None = cache.get(ASKED)
    return since


def newest() -> dict[str, Any] | None:
    """Return what the newest proof found: count, digest, at, and number and wrong of a break."""
    found: dict[str, Any] | None = cache.get(PROVED)
    return found
