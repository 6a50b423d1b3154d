"""The chain of the audit, and its check in a database file that no server has open."""

import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from liudu.contract import Refusal

START: Final = "0" * 64
FIELDS: Final = ("number", "at", "actor", "verb", "subject", "detail", "previous")


class NoAuditError(Refusal):
    """A folder holds no audit."""

    en = "{folder} holds no audit: it is written once `liudu-outbreak serve` has run there."
    zh = "{folder} 中没有审计记录：运行过 `liudu-outbreak serve` 之后才会有。"


@attrs.frozen(kw_only=True)
class Chain:
    """What a check found.

    Attributes
    ----------
    lines
        Lines that were read.
    head
        Digest of the last line that fits: note it elsewhere, and the end of the chain is held too.
    broken
        Number of the first line that does not fit; None if all do.
    expected_found
        Whether a digest that was noted earlier is in the chain.

    """

    lines: int
    head: str
    broken: int | None
    expected_found: bool = True


def digest_of(line: Mapping[str, Any]) -> str:
    """Return the digest of a line over all its fields and the digest before it."""
    content = [line[name] for name in FIELDS]
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def checked(lines: Sequence[Mapping[str, Any]], *, expect: str | None = None) -> Chain:
    """Return whether lines, in order, form one unbroken chain."""
    head = START
    found = expect is None
    for place, line in enumerate(lines, start=1):
        fits = line["number"] == place and line["previous"] == head
        if not fits or digest_of(line) != line["digest"]:
            return Chain(lines=len(lines), head=head, broken=place, expected_found=found)
        head = line["digest"]
        found = found or head == expect
    return Chain(lines=len(lines), head=head, broken=None, expected_found=found)


def verify_file(database: Path, *, expect: str | None = None) -> Chain:
    """Check the chain in a database file, without opening it for writing.

    Raises
    ------
    NoAuditError

    """
    if not database.is_file():
        raise NoAuditError(folder=database.parent.parent)
    names = ", ".join((*FIELDS, "digest"))
    connection = sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    try:
        rows = connection.execute(f"SELECT {names} FROM desk_line ORDER BY number").fetchall()  # noqa: S608 - names of ours
    except sqlite3.DatabaseError as error:
        raise NoAuditError(folder=database.parent.parent) from error
    finally:
        connection.close()
    return checked([dict(row) for row in rows], expect=expect)
