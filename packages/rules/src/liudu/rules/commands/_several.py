"""Several packs on one day: the versions that hold, their settings, one table for all."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import attrs

from liudu.rules._intake import read_chunks
from liudu.rules._pack import Pack
from liudu.rules._program import (
    NoPackError,
    Program,
    compile_pack,
    version_on,
)
from liudu.rules._table import FactTable
from liudu.rules._together import joint_groups
from liudu.rules.commands._given import load_pack, pack_files, settings_by_pack


@attrs.frozen(kw_only=True)
class Chosen:
    """The packs of a day.

    Attributes
    ----------
    programs
        One for each pack that holds on the day, in the order in which they were given.
    absent
        The packs that were given and of which no version holds on the day.
    facts
        The names of the facts of all packs that were given.

    """

    programs: tuple[Program, ...]
    absent: frozenset[str]
    facts: frozenset[str]

    @property
    def unseen(self) -> tuple[str, ...]:
        """The rules, as ``pack/rule``, that groups name and that nobody gave."""
        groups = joint_groups(self.programs, absent=self.absent)
        return tuple("/".join(key) for group in groups for key in group.unseen)

    def chunks(
        self, path: Path, *, on: date, encoding: str, rows: int
    ) -> Iterator[tuple[FactTable, ...]]:
        """Yield a table of facts as each pack reads it, `rows` subjects at a time; 0 is all."""
        readers = [
            read_chunks(
                path,
                one.pack.facts,
                on=on,
                encoding=encoding,
                rows=rows,
                ignored=self.facts - set(one.pack.facts),
            )
            for one in self.programs
        ]
        yield from zip(*readers, strict=True)


def chosen_packs(
    paths: tuple[Path, ...], *, on: date, kind: str | None, settings: tuple[str, ...]
) -> Chosen:
    """Return the packs of some files and folders as they stand on a day.

    A file alone must hold on the day; of several, those that do not are absent.

    Raises
    ------
    NotInForceError, VersionsOverlapError, NoPackError, UnknownParameterError, WhichPackError

    """
    files = pack_files(paths)
    packs = [load_pack(path) for path in files]
    if len(files) == 1:
        found = packs
    else:
        found = [one for one in packs if one is _version(packs, one.name, on)]
        if not found:
            version_on(packs, name=packs[0].name, on=on)
    given = settings_by_pack(found, settings)
    programs = [
        compile_pack(one, on=on, subject=kind, settings=given.get(one.name, {})) for one in found
    ]
    names = {one.name for one in packs} - {one.name for one in found}
    facts = frozenset(name for one in packs for name in one.facts)
    return Chosen(programs=tuple(programs), absent=frozenset(names), facts=facts)


def _version(packs: Sequence[Pack], name: str, on: date) -> Pack | None:
    try:
        return version_on(packs, name=name, on=on)
    except NoPackError:
        return None
