"""Rows for a database, and the engine's answers in the rows of `answers_sql`."""

from collections.abc import Callable, Iterator

from liudu.rules._fact import Fact
from liudu.rules._kind import Kind, day_of
from liudu.rules._near import near_amounts
from liudu.rules._program import Program
from liudu.rules._run import Run
from liudu.rules._table import FactTable

Cell = str | int | bool | None
Answer = tuple[str, str, int, bool, int, int, str, int | None]
SIGN = {1: "1", 0: "0", -1: "?"}


def fact_rows(program: Program, table: FactTable) -> Iterator[tuple[Cell, ...]]:
    """Yield the rows of a table for INSERT into what `facts_table_sql` makes; None is unknown.

    Days are the text YYYY-MM-DD, which every database takes.
    """
    columns = [_cells(program.pack.facts[name], table) for name in program.facts]
    for index, subject in enumerate(table.subjects):
        yield (subject, *(cell(index) for cell in columns))


def answer_rows(run: Run) -> Iterator[Answer]:
    """Yield what `answers_sql` answers, from the engine: rule by rule, subject by subject."""
    for name, rule in run.program.rules.items():
        status, near, amounts = run.status(name), run.near(name), run.amounts(name)
        brings = _near_cells(run, name)
        conditions = [run.atom(name, index) for index in range(len(rule.atoms))]
        for row, subject in enumerate(run.table.subjects):
            signs = "".join(SIGN[int(one[row])] for one in conditions)
            unmet = len(signs) - signs.count("1")
            yield (
                subject,
                name,
                int(status[row]),
                bool(near[row]),
                unmet,
                int(amounts[row]),
                signs,
                brings.get(row),
            )


def _near_cells(run: Run, rule: str) -> dict[int, int]:
    """Return by row what the missing step would bring, where that is known."""
    near = near_amounts(run, rule)
    known = ~near.unknown
    return dict(zip(near.rows[known].tolist(), near.amount_fen[known].tolist(), strict=True))


def _cells(fact: Fact, table: FactTable) -> Callable[[int], Cell]:
    def cell(index: int) -> Cell:
        number = table.cell(fact.name, index)
        if number is None:
            return None
        if fact.type.kind is Kind.BOOL:
            return bool(number)
        if fact.type.kind is Kind.DATE:
            return day_of(number).isoformat()
        return fact.type.labels[number] if fact.type.kind is Kind.ENUM else number

    return cell
