"""Two runs over the same subjects side by side: a what-if, or two versions of a pack."""

from collections.abc import Mapping

import attrs
import numpy as np
from numpy.typing import NDArray

from liudu.contract import Refusal
from liudu.rules._bitmap import count_bits
from liudu.rules._lower import Setting
from liudu.rules._program import recompile
from liudu.rules._run import Amounts, Run, run
from liudu.rules._settle import settle


class DifferentSubjectsError(Refusal):
    """Two runs are compared that are not about the same subjects."""

    en = "{before} subjects before and {after} after: compare runs over one table."
    zh = "前后主体不同（{before} 与 {after} 个）：请对同一张表运行后再比较。"


class NoSuchGroupingError(Refusal):
    """A comparison is wanted by a fact that has no labels or no column."""

    en = "{fact} cannot group subjects: take an enumeration that the table has."
    zh = "无法按 {fact} 分组：请选用表中有的枚举型事实。"


@attrs.frozen(kw_only=True)
class RuleChange:
    """How one rule differs between two runs, before groups and budgets.

    Attributes
    ----------
    gained, lost
        Subjects that are eligible only after, and only before.
    became_unknown
        Subjects that were decided before and are unknown after.
    raised, lowered
        Subjects eligible in both with a higher and a lower amount.
    change_fen
        The difference of the sums.

    """

    rule: str
    gained: int
    lost: int
    became_unknown: int
    raised: int
    lowered: int
    change_fen: int


@attrs.frozen(kw_only=True)
class GroupChange:
    """Who gains and who loses in one part of the city, in what they are paid in all."""

    label: str
    subjects: int
    winners: int
    losers: int
    change_fen: int


@attrs.frozen(eq=False, kw_only=True)
class Comparison:
    """What changes from one run to another.

    Attributes
    ----------
    rules
        By rule; one that stands in only one of the runs counts as eligible for nobody in the
        other.
    change_fen
        For each subject, by how much what it is paid in all changes.

    """

    before: Run
    after: Run
    rules: tuple[RuleChange, ...]
    change_fen: Amounts

    @property
    def winners(self) -> int:
        """How many subjects are paid more."""
        return int((self.change_fen > 0).sum())

    @property
    def losers(self) -> int:
        """How many subjects are paid less."""
        return int((self.change_fen < 0).sum())

    @property
    def total_fen(self) -> int:
        """By how much the whole costs more."""
        return int(self.change_fen.sum(dtype=np.int64))

    def by(self, fact: str) -> tuple[GroupChange, ...]:
        """Return who gains and loses by the labels of an enumeration; the unknown come last.

        Raises
        ------
        NoSuchGroupingError

        """
        column = self.after.table.columns.get(fact)
        known = self.after.program.pack.facts.get(fact)
        if column is None or known is None or not known.type.labels:
            raise NoSuchGroupingError(fact=fact)
        labels = (*known.type.labels, "?")
        codes = column.numbers.astype(np.int64)
        if column.unknown is not None:
            codes = np.where(column.unknown, len(labels) - 1, codes)
        parts = [
            _group_change(label, self.change_fen[codes == code])
            for code, label in enumerate(labels)
        ]
        return tuple(part for part in parts if part.subjects)


def _group_change(label: str, change: NDArray[np.int64]) -> GroupChange:
    return GroupChange(
        label=label,
        subjects=len(change),
        winners=int((change > 0).sum()),
        losers=int((change < 0).sum()),
        change_fen=int(change.sum(dtype=np.int64)),
    )


def what_if(before: Run, settings: Mapping[str, Setting]) -> Run:
    """Return the run with other parameters; only what depends on them is computed.

    Parameters
    ----------
    before
        The run as things are.
    settings
        The new values by parameter: money in fen, rates as fractions.

    Raises
    ------
    UnknownParameterError, ParameterOutOfRangeError, PackRefusedError

    """
    return run(recompile(before.program, settings), before.table, reuse=before)


def compare(before: Run, after: Run) -> Comparison:
    """Return what changes between two runs over one table.

    Each is settled by itself: what rules of other packs would pay instead is left out.

    Raises
    ------
    DifferentSubjectsError

    """
    if len(before.table) != len(after.table):
        raise DifferentSubjectsError(before=len(before.table), after=len(after.table))
    names = list(dict.fromkeys([*before.rules, *after.rules]))
    count = len(before.table)
    change = _by_subject(after, count) - _by_subject(before, count)
    return Comparison(
        before=before,
        after=after,
        rules=tuple(_rule_change(name, before, after) for name in names),
        change_fen=change,
    )


def _by_subject(result: Run, count: int) -> Amounts:
    return settle(result, by_itself=True).by_subject(count)


def _rule_change(name: str, before: Run, after: Run) -> RuleChange:
    old, new = before.rules.get(name), after.rules.get(name)
    if old is None or new is None:
        known = old or new
        eligible = count_bits(known.eligible) if known else 0
        total = known.total_fen if known else 0
        unknown = count_bits(new.unknown) if new else 0
        return RuleChange(
            rule=name,
            gained=eligible if new else 0,
            lost=eligible if old else 0,
            became_unknown=unknown,
            raised=0,
            lowered=0,
            change_fen=total if new else -total,
        )
    if old is new:
        return RuleChange(
            rule=name, gained=0, lost=0, became_unknown=0, raised=0, lowered=0, change_fen=0
        )
    both = before.amounts(name), after.amounts(name)
    stayed = (before.status(name) == 1) & (after.status(name) == 1)
    return RuleChange(
        rule=name,
        gained=count_bits(new.eligible & ~old.eligible),
        lost=count_bits(old.eligible & ~new.eligible),
        became_unknown=count_bits(new.unknown & ~old.unknown),
        raised=int((stayed & (both[1] > both[0])).sum()),
        lowered=int((stayed & (both[1] < both[0])).sum()),
        change_fen=new.total_fen - old.total_fen,
    )
