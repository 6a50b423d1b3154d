"""A program over more subjects than fit in memory: chunk by chunk, sums at the end."""

from collections.abc import Callable, Iterable, Mapping

import attrs
import numpy as np

from liudu.rules._program import Program
from liudu.rules._run import RuleCount, Run, run
from liudu.rules._settle import BudgetUse, Gathering, settle
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
    totals = {name: np.zeros(5, np.int64) for name in program.rules}
    sums = dict.fromkeys(program.rules, 0)
    gathering = Gathering(program)
    subjects = 0
    for table in tables:
        result = run(program, table)
        subjects += len(table)
        for count in result.counts():
            totals[count.rule] += (count.eligible, count.ineligible, count.unknown, count.near, 0)
            sums[count.rule] += count.amount_fen
        gathering.add(result, settle(result, programmes=False))
        each(result)
    rules = tuple(
        RuleCount(
            rule=name,
            eligible=int(total[0]),
            ineligible=int(total[1]),
            unknown=int(total[2]),
            near=int(total[3]),
            amount_fen=sums[name],
        )
        for name, total in totals.items()
    )
    payable, budgets = gathering.settle()
    return CityCount(subjects=subjects, rules=rules, payable_fen=payable, budgets=budgets)
