"""From what each rule brings to what each subject is paid: groups, caps and budgets."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date

import attrs
import numpy as np
from numpy.typing import NDArray

from liudu.contract import Refusal
from liudu.rules._bitmap import Bools, Rows, unpack
from liudu.rules._core import Value
from liudu.rules._evaluate import Selection, evaluate_value
from liudu.rules._kind import Kind, day_of
from liudu.rules._pack import Stacking
from liudu.rules._program import BudgetLimit, Program
from liudu.rules._run import Amounts, Run
from liudu.rules._table import Column, FactTable, RowNumbers
from liudu.rules._together import JointGroup, joint_groups

UNLIMITED = np.iinfo(np.int64).max
Member = tuple["_Settler", str]
"""The settler of a pack and the name of one of its rules."""


@attrs.frozen(eq=False, kw_only=True)
class Payable:
    """What one rule pays to its eligible subjects after groups, caps and budgets.

    Attributes
    ----------
    rows
        The eligible, ascending.
    amount_fen
        What each of them is paid.
    open
        Where the amount is not final: another rule of the group may still become true, or a
        limit is not known. Nothing may be paid automatically there.

    """

    rows: Rows
    amount_fen: Amounts
    open: Bools

    @property
    def total_fen(self) -> int:
        """The sum of what is paid and final."""
        return int(self.amount_fen[~self.open].sum(dtype=np.int64))


@attrs.frozen(kw_only=True)
class BudgetUse:
    """How far a budget over all subjects reaches.

    Attributes
    ----------
    limit_fen, asked_fen, paid_fen
        The limit (None if nobody has set it), the sum of what was asked, and of what is paid.
    served, turned_away
        How many payments are made in full or in part, and how many not at all.
    exhausted_on
        The day of the first payment that was cut or turned away, if the order begins with
        a day.

    """

    budget: str
    limit_fen: int | None
    asked_fen: int
    paid_fen: int
    served: int
    turned_away: int
    exhausted_on: date | None


@attrs.frozen(eq=False, kw_only=True)
class Settlement:
    """What a run pays, by rule, and how far the budgets reach."""

    payable: Mapping[str, Payable]
    budgets: tuple[BudgetUse, ...]

    @property
    def total_fen(self) -> int:
        """The sum of what is paid and final."""
        return sum(one.total_fen for one in self.payable.values())

    def by_subject(self, count: int) -> Amounts:
        """Return what each of `count` subjects is paid in all, final amounts only."""
        total = np.zeros(count, np.int64)
        for one in self.payable.values():
            total[one.rows] += np.where(one.open, 0, one.amount_fen)
        return total


@attrs.frozen(eq=False, kw_only=True)
class JointSettlement:
    """What runs over the same subjects pay, and the groups by which they were settled.

    Attributes
    ----------
    settlements
        By the name of the pack.
    groups
        The groups of all packs; those that share a rule are one.

    """

    settlements: Mapping[str, Settlement]
    groups: tuple[JointGroup, ...]

    @property
    def total_fen(self) -> int:
        """The sum of what is paid and final."""
        return sum(one.total_fen for one in self.settlements.values())

    def by_subject(self, count: int) -> Amounts:
        """Return what each of `count` subjects is paid in all, final amounts only."""
        total = np.zeros(count, np.int64)
        for one in self.settlements.values():
            total += one.by_subject(count)
        return total


class OtherSubjectsError(Refusal):
    """Runs are settled together that are not about the same subjects."""

    en = "{first} and {second} are not about the same subjects in the same order{at}: run both over one table."  # noqa: E501
    zh = "{first} 与 {second} 的主体不同或次序不同{at}：请对同一张表运行。"


class OtherDayError(Refusal):
    """Runs are settled together that are of different days."""

    en = "{first} is run for {first_on} and {second} for {second_on}: take one day."
    zh = "{first} 按 {first_on} 运行，{second} 按 {second_on} 运行：请取同一天。"


def settle(run: Run, *, programmes: bool = True, by_itself: bool = False) -> Settlement:
    """Return what is paid: groups first, then limits per subject, then programmes.

    The rules of a pack are served in the order in which they stand in it; a programme's
    budget is served in the order that it names, and once it cannot pay somebody, nobody
    later is paid from it. With `programmes` false only what concerns one subject by itself is
    applied: groups and limits per subject.

    What a group shares with rules of other packs stays open where such a rule could matter:
    `settle_together` sees them. With `by_itself` true they are left out of account, to say what
    the pack would cost if there were no other; nothing may be paid on that.
    """
    groups = run.program.groups.values() if by_itself else ()
    others = {other.pack for limit in groups for other in limit.group.others}
    settled = settle_together([run], programmes=programmes, absent=others)
    return settled.settlements[run.program.pack.name]


def settle_together(
    runs: Sequence[Run], *, programmes: bool = True, absent: Collection[str] = ()
) -> JointSettlement:
    """Return what several packs pay to the same subjects where groups reach over packs.

    Parameters
    ----------
    runs
        One for each pack, over the same subjects in the same order and of one day; their own
        order does not matter.
    programmes
        As of `settle`.
    absent
        Packs of which no version holds on the day. A rule of any other pack that is not there
        leaves its group open: it could pay.

    Raises
    ------
    OtherSubjectsError, OtherDayError
    PackTwiceError, StackContradictionError, OrderContradictionError

    """
    for other in runs[1:]:
        _require_alike(runs[0], other)
    groups = joint_groups([one.program for one in runs], absent=absent)
    settlers = {one.program.pack.name: _Settler(one) for one in runs}
    for group in groups:
        _Group(group, settlers).settle()
    found: dict[str, Settlement] = {}
    for one in runs:
        name = one.program.pack.name
        uses = settlers[name].budgets(programmes=programmes)
        found[name] = Settlement(payable=settlers[name].done(), budgets=uses)
    return JointSettlement(settlements=found, groups=groups)


def _require_alike(run: Run, other: Run) -> None:
    names = {"first": run.program.pack.name, "second": other.program.pack.name}
    if run.program.on != other.program.on:
        days = {"first_on": run.program.on, "second_on": other.program.on}
        raise OtherDayError(**names, **days)
    mine, theirs = run.table.subjects, other.table.subjects
    if mine is theirs:
        return
    if len(mine) != len(theirs):
        raise OtherSubjectsError(**names, at=f" ({len(mine)} ≠ {len(theirs)})")
    if isinstance(mine, RowNumbers) and isinstance(theirs, RowNumbers):
        return
    differing = next((pair for pair in zip(mine, theirs, strict=True) if pair[0] != pair[1]), None)
    if differing is not None:
        raise OtherSubjectsError(**names, at=f" ({differing[0]} ≠ {differing[1]})")


def _narrow_first(run: Run) -> Iterator[BudgetLimit]:
    limits = list(run.program.budgets.values())
    yield from (one for one in limits if one.budget.per != "programme")
    yield from (one for one in limits if one.budget.per == "programme")


class _Settler:
    def __init__(self, run: Run) -> None:
        self.run = run
        self.count = len(run.table)
        self.rows = {name: one.rows for name, one in run.rules.items()}
        self.paid = {name: np.array(one.amount_fen) for name, one in run.rules.items()}
        self.open = {name: np.zeros(len(one), np.bool_) for name, one in self.rows.items()}

    def done(self) -> dict[str, Payable]:
        return {
            name: Payable(rows=self.rows[name], amount_fen=self.paid[name], open=self.open[name])
            for name in self.rows
        }

    def budgets(self, *, programmes: bool) -> tuple[BudgetUse, ...]:
        uses: list[BudgetUse] = []
        for limit in _narrow_first(self.run):
            if limit.budget.per != "programme":
                self.per_subject(limit)
            elif programmes:
                uses.append(self.programme(limit))
        return tuple(uses)

    def dense(self, name: str) -> Amounts:
        amounts = np.full(self.count, -1, np.int64)
        amounts[self.rows[name]] = self.paid[name]
        return amounts

    def keep(self, name: str, where: Bools) -> None:
        """Pay a rule only where it is kept."""
        self.paid[name][~where[self.rows[name]]] = 0

    def doubt(self, name: str, where: Bools) -> None:
        self.open[name] |= where[self.rows[name]]

    def unknown(self, name: str) -> Bools:
        return unpack(self.run.rules[name].unknown, self.count)

    def numbers(self, tree: Value, rows: Rows) -> tuple[Amounts, Bools]:
        numbers, unknown = evaluate_value(tree, Selection(self.run.table, rows))
        return (
            np.broadcast_to(np.asarray(numbers, np.int64), rows.shape),
            np.broadcast_to(np.asarray(unknown, np.bool_), rows.shape),
        )

    def per_subject(self, limit: BudgetLimit) -> None:
        """Cut the sum of some rules per subject to what is left, the later rules first."""
        left, doubtful = self.purse_of_each(limit.limit)
        column = self.run.table.columns.get(limit.budget.paid)
        doubtful |= True if column is None else _unknown(column.unknown)
        left -= 0 if column is None else column.numbers.astype(np.int64)
        _cut([(self, name) for name in limit.budget.rules if name in self.rows], left, doubtful)

    def purse_of_each(self, tree: Value) -> tuple[Amounts, Bools]:
        """Return a limit for every subject, and where it is not known; both may be changed."""
        left, unknown = self.numbers(tree, np.arange(self.count, dtype=np.int64))
        return left.copy(), unknown.copy()

    def programme(self, limit: BudgetLimit) -> BudgetUse:
        """Serve a queue from one purse."""
        queue = _Queue(self, limit)
        amounts = queue.amounts
        asked = int(amounts.sum(dtype=np.int64))
        purse = queue.purse()
        if purse is None:
            queue.write(amounts, all_open=True)
            return queue.use(limit_fen=None, asked=asked, paid=amounts, stopped=None)
        before = np.cumsum(amounts) - amounts
        over = np.flatnonzero(before + amounts > purse)
        paid, stopped = amounts.copy(), None
        if len(over):
            stopped = int(over[0])
            paid[stopped:] = 0
            if limit.budget.split:
                paid[stopped] = purse - int(before[stopped])
        queue.write(paid, all_open=False)
        return queue.use(limit_fen=purse, asked=asked, paid=paid, stopped=stopped)


def _cut(members: Sequence[Member], left: Amounts, doubtful: Bools) -> None:
    """Pay rules one after the other from what is left of each subject's purse."""
    np.maximum(left, 0, out=left)
    left[doubtful] = UNLIMITED
    for settler, name in members:
        rows = settler.rows[name]
        settler.paid[name] = np.minimum(settler.paid[name], left[rows])
        settled = ~doubtful[rows]
        left[rows[settled]] -= settler.paid[name][settled]
        # Nothing stays nothing under every limit.
        settler.open[name] |= doubtful[rows] & (settler.paid[name] > 0)


class _Group:
    """One group, over the runs of all packs that have a rule in it."""

    def __init__(self, group: JointGroup, settlers: Mapping[str, "_Settler"]) -> None:
        self.group = group
        self.settlers = settlers
        self.members: list[Member] = [(settlers[pack], rule) for pack, rule in group.members]
        self.count = self.members[0][0].count if self.members else 0

    def settle(self) -> None:
        stack = self.group.stack
        if stack is Stacking.HIGHEST:
            self.highest()
        elif stack is Stacking.FIRST:
            self.first()
        elif stack is Stacking.EXCLUSIVE:
            self.exclusive()
        else:
            self.sum()
        for pack, cap in self.group.caps:
            self.cap(pack, cap)

    def nobody(self) -> Bools:
        return np.zeros(self.count, np.bool_)

    def unseen(self) -> Bools:
        """Return where a rule that cannot be seen may pay: everywhere, if there is one."""
        return np.full(self.count, bool(self.group.unseen))

    def highest(self) -> None:
        """Pay the highest; of equal ones the first."""
        best, winner = np.full(self.count, -1, np.int64), np.full(self.count, -1, np.int32)
        for index, (settler, name) in enumerate(self.members):
            amounts = settler.dense(name)
            better = amounts > best
            best[better], winner[better] = amounts[better], index
        doubtful = self.unseen()
        for index, (settler, name) in enumerate(self.members):
            most = settler.run.program.rules[name].amount_max_fen
            outweighs = (most > best) | ((most == best) & (index < winner))
            doubtful |= settler.unknown(name) & outweighs
        for index, (settler, name) in enumerate(self.members):
            settler.keep(name, winner == index)
            settler.doubt(name, doubtful)

    def first(self) -> None:
        """Pay the first that applies; what comes after one that is unknown stays open."""
        taken, doubtful = self.nobody(), self.unseen()
        for settler, name in self.members:
            settler.keep(name, ~taken)
            settler.doubt(name, doubtful & ~taken)
            taken[settler.rows[name]] = True
            doubtful |= settler.unknown(name) & ~taken

    def exclusive(self) -> None:
        """Pay where one applies; where two do, or may, a person decides."""
        claims = self.unseen().astype(np.int32)
        for settler, name in self.members:
            claims[settler.rows[name]] += 1
            claims += settler.unknown(name)
        for settler, name in self.members:
            settler.doubt(name, claims > 1)

    def sum(self) -> None:
        """Pay all; a pack that cannot be seen may set the cap."""
        for settler, name in self.members if self.group.unseen else ():
            settler.doubt(name, self.unseen())

    def cap(self, pack: str, cap: Value) -> None:
        """Cut what the group comes to, the later rules first.

        Where all of it is paid side by side, what comes after an undecided rule stays open if
        that one may take it.
        """
        left, doubtful = self.settlers[pack].purse_of_each(cap)
        adds_up = not self.group.excludes
        if adds_up:
            doubtful |= self.unseen()
        pending = np.zeros(self.count, np.int64)
        share = UNLIMITED // (2 * len(self.members))  # so that the sum stays within 64 bits
        for settler, name in self.members:
            doubtful |= (pending > 0) & (settler.dense(name) > left - pending)
            _cut([(settler, name)], left, doubtful)
            if adds_up:
                most = min(settler.run.program.rules[name].amount_max_fen, share)
                pending += settler.unknown(name) * most


class Gathering:
    """What many chunks ask of the budgets over all subjects, served once all have been seen.

    Only those who are due something from such a budget are kept, with the facts that order them.
    """

    def __init__(self, program: Program) -> None:
        limits = program.budgets.values()
        self.limits = [one for one in limits if one.budget.per == "programme"]
        wanted = {name for one in self.limits for name in one.budget.rules}
        self.names = [name for name in program.rules if name in wanted]
        self.orders = sorted({name for one in self.limits for name in one.budget.order})
        self.program = program
        self.parts: list[_Part] = []
        self.elsewhere = dict.fromkeys(program.rules, 0)

    def add(self, run: Run, settled: Settlement) -> None:
        """Take a chunk that is settled but for the budgets over all subjects."""
        for name, one in settled.payable.items():
            if name not in self.names:
                self.elsewhere[name] += one.total_fen
        if not self.limits:
            return
        rows = [settled.payable[name].rows for name in self.names]
        kept = np.unique(np.concatenate([np.zeros(0, np.int64), *rows]))
        columns = {name: _taken(run.table.columns.get(name), kept) for name in self.orders}
        subjects = run.table.subjects
        numbered = isinstance(subjects, RowNumbers)
        ids = [] if numbered else [subjects[int(row)] for row in kept]
        payable = {
            name: attrs.evolve(one, rows=np.searchsorted(kept, one.rows).astype(np.int64))
            for name, one in settled.payable.items()
            if name in self.names
        }
        self.parts.append(_Part(count=len(kept), subjects=ids, columns=columns, payable=payable))

    def settle(self) -> tuple[Mapping[str, int], tuple[BudgetUse, ...]]:
        """Return by rule what is paid and final, in fen, and how far each budget reaches."""
        if not self.limits:
            return self.elsewhere, ()
        gathered = Run(program=self.program, table=self._table(), atoms={}, rules={})
        settler = _Settler(gathered)
        settler.rows, settler.paid, settler.open = self._joined()
        uses = tuple(settler.programme(limit) for limit in self.limits)
        payable = settler.done()
        totals = {name: payable[name].total_fen for name in self.names}
        return self.elsewhere | totals, uses

    def _table(self) -> FactTable:
        ids = [one for part in self.parts for one in part.subjects]
        count = sum(part.count for part in self.parts)
        columns = {
            name: _one_column([one.columns[name] for one in self.parts]) for name in self.orders
        }
        return FactTable(subjects=ids or RowNumbers(count), columns=columns)

    def _joined(self) -> tuple[dict[str, Rows], dict[str, Amounts], dict[str, Bools]]:
        starts = np.cumsum([0, *(part.count for part in self.parts)])
        rows: dict[str, Rows] = {}
        paid: dict[str, Amounts] = {}
        waits: dict[str, Bools] = {}
        for name in self.names:
            mine = [part.payable[name] for part in self.parts]
            moved = [one.rows + start for one, start in zip(mine, starts, strict=False)]
            rows[name] = np.concatenate([np.zeros(0, np.int64), *moved])
            paid[name] = np.concatenate([np.zeros(0, np.int64), *(one.amount_fen for one in mine)])
            waits[name] = np.concatenate([np.zeros(0, np.bool_), *(one.open for one in mine)])
        return rows, paid, waits


@attrs.frozen(kw_only=True, eq=False)
class _Part:
    count: int
    subjects: Sequence[str]
    columns: Mapping[str, Column]
    payable: Mapping[str, Payable]


def _taken(column: Column | None, rows: Rows) -> Column:
    """Return a column at some rows; one that is not there is unknown of everybody."""
    if column is None:
        return Column(np.zeros(len(rows), np.int64), np.ones(len(rows), np.bool_))
    unknown = np.zeros(len(rows), np.bool_) if column.unknown is None else column.unknown[rows]
    return Column(column.numbers[rows].astype(np.int64), unknown)


def _one_column(parts: Sequence[Column]) -> Column:
    numbers = [np.zeros(0, np.int64), *(one.numbers for one in parts)]
    unknown = [np.zeros(0, np.bool_), *(one.unknown for one in parts if one.unknown is not None)]
    return Column(np.concatenate(numbers), np.concatenate(unknown))


def _unknown(unknown: Bools | None) -> Bools | bool:
    return False if unknown is None else unknown


class _Queue:
    """The payments that want money from one budget, in the order of service."""

    def __init__(self, settler: _Settler, limit: BudgetLimit) -> None:
        self.settler = settler
        self.limit = limit
        self.names = [name for name in limit.budget.rules if name in settler.rows]
        rows = [settler.rows[name] for name in self.names]
        self.row = np.concatenate([np.zeros(0, np.int64), *rows])
        self.rule = np.repeat(np.arange(len(rows)), [len(one) for one in rows])
        self.place = np.concatenate([np.zeros(0, np.int64), *(np.arange(len(one)) for one in rows)])
        asked = np.concatenate([np.zeros(0, np.int64), *(settler.paid[n] for n in self.names)])
        doubtful = np.concatenate([np.zeros(0, np.bool_), *(settler.open[n] for n in self.names)])
        self.first, self.order = self._order(doubtful)
        self.amounts = asked[self.order]

    def _order(self, doubtful: Bools) -> tuple[NDArray[np.int64] | None, NDArray[np.int64]]:
        """Return the first key and the order; who cannot be placed is not served."""
        keys: list[NDArray[np.int64]] = []
        for name in self.limit.budget.order:
            column = self.settler.run.table.columns.get(name)
            if column is None:
                doubtful |= True
                keys.append(np.zeros(len(self.row), np.int64))
                continue
            keys.append(column.numbers[self.row].astype(np.int64))
            if column.unknown is not None:
                doubtful |= column.unknown[self.row]
        for index, name in enumerate(self.names):
            self.settler.open[name] |= doubtful[self.rule == index]
        subject = self.settler.run.table.ranks[self.row]
        order = np.lexsort((self.rule, subject, *reversed(keys)))
        placed = order[~doubtful[order]]
        return (keys[0] if keys else None), placed

    def purse(self) -> int | None:
        """Return the limit in fen, or None if nobody has set it."""
        limit, unknown = self.settler.numbers(self.limit.limit, np.zeros(1, np.int64))
        return None if bool(unknown[0]) else int(limit[0])

    def write(self, paid: Amounts, *, all_open: bool) -> None:
        for index, name in enumerate(self.names):
            mine = self.order[self.rule[self.order] == index]
            amounts = np.zeros(len(self.settler.rows[name]), np.int64)
            amounts[self.place[mine]] = paid[self.rule[self.order] == index]
            waiting = self.settler.open[name]
            self.settler.paid[name] = np.where(waiting, self.settler.paid[name], amounts)
            if all_open:
                self.settler.open[name] |= True

    def use(
        self, *, limit_fen: int | None, asked: int, paid: Amounts, stopped: int | None
    ) -> BudgetUse:
        budget = self.limit.budget
        wanting = self.amounts > 0
        served = int(((paid > 0) & wanting).sum()) if limit_fen is not None else 0
        return BudgetUse(
            budget=budget.name,
            limit_fen=limit_fen,
            asked_fen=asked,
            paid_fen=int(paid.sum(dtype=np.int64)) if limit_fen is not None else 0,
            served=served,
            turned_away=int(wanting.sum()) - served if limit_fen is not None else 0,
            exhausted_on=self._day(stopped),
        )

    def _day(self, stopped: int | None) -> date | None:
        order = self.limit.budget.order
        facts = self.settler.run.program.pack.facts
        if stopped is None or self.first is None or facts[order[0]].type.kind is not Kind.DATE:
            return None
        return day_of(int(self.first[self.order[stopped]]))
