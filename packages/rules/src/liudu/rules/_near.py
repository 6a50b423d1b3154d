"""What the missing step would bring to everybody who is one step away."""

import attrs
import numpy as np

from liudu.rules._bitmap import Bools, Rows, rows_of
from liudu.rules._core import facts_of
from liudu.rules._evaluate import Selection, evaluate_value
from liudu.rules._program import RuleTest
from liudu.rules._run import Amounts, Run, join_planes


@attrs.frozen(eq=False, kw_only=True)
class NearAmounts:
    """What one rule would bring to those who are one step away, before groups and limits.

    Attributes
    ----------
    rows
        Who is one step away, ascending.
    amount_fen
        What the rule would bring each of them with the facts as they are; 0 where unknown.
    unknown
        Where that cannot be said: the amount depends on the very fact that is missing, on
        another one that is not known, or on what the office has not set; and everywhere for a
        benefit that is not money.

    """

    rows: Rows
    amount_fen: Amounts
    unknown: Bools

    @property
    def total_fen(self) -> int:
        """The sum of what is known."""
        return int(self.amount_fen.sum(dtype=np.int64))

    @property
    def unknown_count(self) -> int:
        """Of how many the amount cannot be said."""
        return int(self.unknown.sum())


def near_amounts(run: Run, rule: str) -> NearAmounts:
    """Return what a rule would bring to everybody who is one step away from it.

    It says of each of them what `explain` says as `would_bring_fen`. It is computed when it is
    asked for, over those who are near alone.
    """
    made, test = run.rules[rule], run.program.rules[rule]
    rows = rows_of(made.near)
    amounts, unknown = np.zeros(len(rows), np.int64), np.ones(len(rows), np.bool_)
    if test.amount is not None and len(rows):
        numbers, doubtful = evaluate_value(test.amount, Selection(run.table, rows))
        unknown = np.broadcast_to(np.asarray(doubtful, np.bool_), rows.shape).copy()
        unknown |= _turns_on_what_is_missing(run, rule, test, rows)
        amounts = np.where(unknown, 0, np.asarray(numbers, np.int64))
    return NearAmounts(rows=rows, amount_fen=amounts, unknown=unknown)


def _turns_on_what_is_missing(run: Run, rule: str, test: RuleTest, rows: Rows) -> Bools:
    """Return who of the near lacks a condition that shares a fact with the amount."""
    found = np.zeros(len(rows), np.bool_)
    near = run.rules[rule].near
    read = facts_of(test.amount) if test.amount is not None else frozenset[str]()
    for atom in test.atoms:
        if read & facts_of(atom.test):
            lacking = near & ~join_planes(atom.test, run.atoms.__getitem__).true
            found |= np.isin(rows, rows_of(lacking), assume_unique=True)
    return found
