"""A program over more subjects than fit in memory: chunk by chunk, sums at the end."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import attrs
import numpy as np

from liudu.rules._program import Program
from liudu.rules._run import RuleCount, Run, run
from liudu.rules._settle import (
    BudgetUse,
    Gathering,
    JointSettlement,
    Settlement,
    settle_together,
)
from liudu.rules._table import FactTable


@attrs.frozen(kw_only=True)
class CityCount:
    """What a program says of a whole city.

    Attributes
    ----------
    subjects
        How many subjects there are.
    rules
        The counts of each rule, over all chunks.
    payable_fen
        By rule, what is paid after groups, limits per subject and budgets over all subjects,
        final amounts only.
    budgets
        How far the budgets over all subjects reach. Who is served first is known only when
        everybody has been seen: what `each` sees of a chunk is before them.

    """

    subjects: int
    rules: tuple[RuleCount, ...]
    payable_fen: Mapping[str, int]
    budgets: tuple[BudgetUse, ...] = ()


def run_city(
    program: Program,
    tables: Iterable[FactTable],
    *,
    each: Callable[[Run], None] = lambda _run: None,
) -> CityCount:
    """Return the counts of a program over many tables; only one is in memory at a time.

    Parameters
    ----------
    program
        The pack on a day. It cannot change under a running batch: it is a value, and what
        was read from a file is not read again.
    tables
        The chunks, for example from `read_chunks`.
    each
        Called with the run of every chunk, to write out or to store what it says.

    """
    chunks = ((table,) for table in tables)
    return run_together([program], chunks, each=lambda runs, _settled: each(runs[0]))[0]


def run_together(
    programs: Sequence[Program],
    chunks: Iterable[Sequence[FactTable]],
    *,
    absent: Collection[str] = (),
    each: Callable[[Sequence[Run], JointSettlement], None] = lambda _runs, _settled: None,
) -> tuple[CityCount, ...]:
    """Return the counts of several packs over many tables, groups settled over all of them.

    Parameters
    ----------
    programs
        One for each pack, of one day.
    chunks
        The same subjects as each of the packs reads them, in the order of `programs`.
    absent
        As of `settle_together`.
    each
        Called with the runs of every chunk and with what they pay before the budgets over all
        subjects.

    Raises
    ------
    OtherSubjectsError, OtherDayError
    PackTwiceError, StackContradictionError, OrderContradictionError

    """
    counting = [_Counting(program) for program in programs]
    for tables in chunks:
        runs = [run(one, table) for one, table in zip(programs, tables, strict=True)]
        settled = settle_together(runs, programmes=False, absent=absent)
        for one, result in zip(counting, runs, strict=True):
            one.add(result, settled.settlements[result.program.pack.name])
        each(runs, settled)
    return tuple(one.done() for one in counting)


class _Counting:
    """The sums of one program over the chunks that came so far."""

    def __init__(self, program: Program) -> None:
        self.totals = {name: np.zeros(4, np.int64) for name in program.rules}
        self.sums = dict.fromkeys(program.rules, 0)
        self.gathering = Gathering(program)
        self.subjects = 0

    def add(self, result: Run, settled: Settlement) -> None:
        self.subjects += len(result.table)
        for count in result.counts():
            self.totals[count.rule] += (
                count.eligible, count.ineligible, count.unknown, count.near
            )  # fmt: skip
            self.sums[count.rule] += count.amount_fen
        self.gathering.add(result, settled)

    def done(self) -> CityCount:
        rules = tuple(
            RuleCount(
                rule=name,
                eligible=int(total[0]),
                ineligible=int(total[1]),
                unknown=int(total[2]),
                near=int(total[3]),
                amount_fen=self.sums[name],
            )
            for name, total in self.totals.items()
        )
        payable, budgets = self.gathering.settle()
        return CityCount(subjects=self.subjects, rules=rules, payable_fen=payable, budgets=budgets)
