"""A program over many subjects: bitmaps for conditions, amounts only where they are due."""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import reduce

import attrs
import numpy as np
from numpy.typing import NDArray

from liudu.rules._bitmap import (
    WORD,
    Bools,
    Planes,
    Rows,
    Words,
    clear_tail,
    count_bits,
    pack,
    rows_of,
    set_bits,
    unpack,
    word_count,
)
from liudu.rules._core import (
    Both,
    Constant,
    Contrary,
    Either,
    Test,
    facts_of,
    is_strict,
)
from liudu.rules._evaluate import Selection, evaluate_test, evaluate_value
from liudu.rules._program import Program, RuleTest
from liudu.rules._table import FactTable

JOIN_WORDS = 8192  # 524,288 subjects: the planes of a rule stay in the processor's cache
PAY_WORDS = 4096  # 262,144 subjects: so do the facts that its amounts are made of

Amounts = NDArray[np.int64]


@attrs.frozen(eq=False, kw_only=True)
class RuleRun:
    """What one rule says of every subject.

    Attributes
    ----------
    eligible, unknown, near
        Bitmaps: due for certain; not to be decided; exactly one condition away, and either
        the subject can do something about it or a named source can tell.
    amount_fen
        The amounts of the eligible, in the order of their rows; zeros for a benefit that is
        not money.

    """

    eligible: Words
    unknown: Words
    near: Words
    amount_fen: Amounts

    @property
    def rows(self) -> Rows:
        """The rows of the eligible, ascending."""
        return rows_of(self.eligible)

    @property
    def total_fen(self) -> int:
        """The sum of the amounts, before groups, caps and budgets."""
        return int(self.amount_fen.sum(dtype=np.int64))


@attrs.frozen(kw_only=True)
class RuleCount:
    """How many subjects a rule finds in each state, and what it costs."""

    rule: str
    eligible: int
    ineligible: int
    unknown: int
    near: int
    amount_fen: int


@attrs.frozen(eq=False, kw_only=True)
class Run:
    """What a program says of a table of subjects.

    `atoms` keeps the planes of every test that stands in a condition, so that each answer can
    be explained and a what-if computes only what changed.
    """

    program: Program
    table: FactTable
    atoms: Mapping[Test, Planes]
    rules: Mapping[str, RuleRun]

    def status(self, rule: str) -> NDArray[np.int8]:
        """Return for each subject 1 (eligible), 0 (ineligible) or -1 (unknown)."""
        count, one = len(self.table), self.rules[rule]
        eligible = unpack(one.eligible, count).astype(np.int8)
        return eligible - unpack(one.unknown, count).astype(np.int8)

    def near(self, rule: str) -> Bools:
        """Return for each subject whether it is one step away."""
        return unpack(self.rules[rule].near, len(self.table))

    def amounts(self, rule: str) -> Amounts:
        """Return for each subject what the rule alone brings, in fen; 0 if not eligible."""
        dense = np.zeros(len(self.table), np.int64)
        dense[self.rules[rule].rows] = self.rules[rule].amount_fen
        return dense

    def atom(self, rule: str, index: int) -> NDArray[np.int8]:
        """Return for each subject 1 (true), 0 (false) or -1 (unknown) of one condition."""
        count = len(self.table)
        planes = join_planes(self.program.rules[rule].atoms[index].test, self.atoms.__getitem__)
        true, possible = unpack(planes.true, count), unpack(planes.possible, count)
        return np.where(true, 1, np.where(possible, -1, 0)).astype(np.int8)

    def counts(self) -> tuple[RuleCount, ...]:
        """Return the counts of every rule, in the order of the pack."""
        return tuple(self._count(name, one) for name, one in self.rules.items())

    def _count(self, name: str, one: RuleRun) -> RuleCount:
        eligible, unknown = count_bits(one.eligible), count_bits(one.unknown)
        return RuleCount(
            rule=name,
            eligible=eligible,
            ineligible=len(self.table) - eligible - unknown,
            unknown=unknown,
            near=count_bits(one.near),
            amount_fen=one.total_fen,
        )


def run(program: Program, table: FactTable, *, reuse: Run | None = None) -> Run:
    """Return what a program says of every subject of a table.

    Parameters
    ----------
    program
        The pack on a day.
    table
        The facts; columns that the program does not read are ignored.
    reuse
        An earlier run over the same table: tests and rules that are the same in both
        programs are taken from it, so that a what-if costs what it changes.

    """
    return _Runner(program, table, reuse).run()


def join_planes(tree: Test, leaf: Callable[[Test], Planes]) -> Planes:
    """Return the planes of a test from the planes of its leaves."""
    if isinstance(tree, Contrary):
        one = join_planes(tree.test, leaf)
        true = ~one.possible
        return Planes(true, true if one.is_known else ~one.true)
    if isinstance(tree, Both | Either):
        combine = np.bitwise_and if isinstance(tree, Both) else np.bitwise_or
        ones = [join_planes(test, leaf) for test in tree.tests]
        true = reduce(combine, [one.true for one in ones])
        if all(one.is_known for one in ones):
            return Planes(true, true)
        return Planes(true, reduce(combine, [one.possible for one in ones]))
    return leaf(tree)


class _Runner:
    def __init__(self, program: Program, table: FactTable, reuse: Run | None) -> None:
        self.program = program
        self.table = table
        self.words = word_count(len(table))
        same_table = reuse is not None and reuse.table is table
        self.old_atoms: Mapping[Test, Planes] = reuse.atoms if reuse and same_table else {}
        self.old = reuse if same_table else None
        self.unknown_planes: dict[str, Words | None] = {}

    def run(self) -> Run:
        atoms = self.atoms()
        fresh = {name: one for name, one in self.program.rules.items() if not self.kept(one)}
        planes = np.empty((len(fresh), 3, self.words), np.uint64)
        made = {
            name: _RuleMaker(one, self.table, mine)
            for (name, one), mine in zip(fresh.items(), planes, strict=True)
        }
        self.join(made.values(), atoms)
        self.pay(made.values())
        rules = {
            name: made[name].done() if name in made else self._old_rule(name)
            for name in self.program.rules
        }
        return Run(program=self.program, table=self.table, atoms=atoms, rules=rules)

    def join(self, made: Collection["_RuleMaker"], atoms: Mapping[Test, Planes]) -> None:
        """Fill the bitmaps of the rules from those of their conditions."""
        read = {leaf: atoms[leaf] for maker in made for leaf in maker.rule.leaves}
        for words in _blocks(self.words, JOIN_WORDS):
            planes = _Memo({leaf: one.slice(words) for leaf, one in read.items()})
            for maker in made:
                maker.conditions(words, planes)
        for maker in made:
            maker.require_amount(self.unknown_fact)

    def pay(self, made: Collection["_RuleMaker"]) -> None:
        """Fill in the amounts of the eligible; all stand in one piece of memory."""
        paying = [maker for maker in made if maker.varies]
        counts = [count_bits(maker.eligible) for maker in paying]
        room, start = np.empty(sum(counts), np.int64), 0
        for maker, count in zip(paying, counts, strict=True):
            maker.amounts = room[start : start + count]
            start += count
        for words in _blocks(self.words, PAY_WORDS):
            for maker in paying:
                maker.pay(words)

    def kept(self, rule: RuleTest) -> bool:
        """Whether the earlier run had the very same tests and amount."""
        before = self.old.program.rules.get(rule.rule.name) if self.old else None
        return before is not None and (before.atoms, before.amount) == (rule.atoms, rule.amount)

    def _old_rule(self, name: str) -> RuleRun:
        if self.old is None:
            raise KeyError(name)
        return self.old.rules[name]

    def atoms(self) -> dict[Test, Planes]:
        found: dict[Test, Planes] = {}
        for rule in self.program.rules.values():
            for leaf in rule.leaves:
                if leaf not in found:
                    found[leaf] = self.old_atoms.get(leaf) or self.planes(leaf)
        return found

    def planes(self, leaf: Test) -> Planes:
        """Compute one leaf over everybody."""
        truth, unknown = evaluate_test(leaf, Selection(self.table, slice(None)))
        if unknown is True:
            none = np.zeros(self.words, np.uint64)
            return Planes(none, ~none)
        true = self.packed(truth)
        where = self.unknown_of(leaf, unknown)
        if where is None:
            return Planes(true, true)
        return Planes(true & ~where, true | where)

    def packed(self, truth: Bools | bool) -> Words:
        if np.ndim(truth) == 0:
            return np.full(self.words, ~np.uint64(0) if truth else np.uint64(0))
        return pack(np.asarray(truth))

    def unknown_of(self, leaf: Test, unknown: Bools | bool) -> Words | None:
        """Return the bitmap of the unknown; facts share theirs among the leaves."""
        if isinstance(unknown, bool):
            return None
        facts = facts_of(leaf)
        if not is_strict(leaf):
            return pack(unknown)
        planes = [one for one in map(self.unknown_fact, facts) if one is not None]
        return reduce(np.bitwise_or, planes) if planes else None

    def unknown_fact(self, name: str) -> Words | None:
        """Return where a fact is unknown, or None if it is known of everybody."""
        if name not in self.unknown_planes:
            column = self.table.columns.get(name)
            if column is None:
                self.unknown_planes[name] = np.full(self.words, ~np.uint64(0))
            else:
                self.unknown_planes[name] = None if column.unknown is None else pack(column.unknown)
        return self.unknown_planes[name]


class _Memo:
    """The planes of whole conditions in one block; many rules share them."""

    def __init__(self, leaves: Mapping[Test, Planes]) -> None:
        self.planes = dict(leaves)

    def __call__(self, test: Test) -> Planes:
        found = self.planes.get(test)
        if found is None:
            found = self.planes[test] = join_planes(test, self.planes.__getitem__)
        return found


def _blocks(words: int, size: int) -> Iterator[slice]:
    for start in range(0, words, size):
        yield slice(start, min(start + size, words))


class _RuleMaker:
    """Fills the bitmaps and amounts of one rule, block by block."""

    def __init__(self, rule: RuleTest, table: FactTable, planes: NDArray[np.uint64]) -> None:
        self.rule = rule
        self.table = table
        self.eligible, self.unknown, self.near = planes
        self.varies = rule.amount is not None and not isinstance(rule.amount, Constant)
        self.amounts: Amounts = np.empty(0, np.int64)
        self.filled = 0

    def conditions(self, words: slice, planes: _Memo) -> None:
        """Join the conditions of a block.

        `near` first holds "at most one condition is not true": that is so after one more
        condition if it is true, or if everything before it was. At last those go of whom
        every condition is true.
        """
        ok, possible, near = self.eligible[words], self.unknown[words], self.near[words]
        ones = [planes(atom.test) for atom in self.rule.atoms]
        ok[:], possible[:] = ones[0].true, ones[0].possible
        near[:] = ~np.uint64(0)
        either_one = np.empty_like(ok)
        for one in ones[1:]:
            np.bitwise_or(ok, one.true, out=either_one)
            np.bitwise_and(near, either_one, out=near)
            np.bitwise_and(ok, one.true, out=ok)
            np.bitwise_and(possible, one.possible, out=possible)
        for atom, one in zip(self.rule.atoms, ones, strict=True):
            if atom.waits_for_office:
                np.bitwise_and(near, one.true, out=near)
            elif not atom.advised:
                np.bitwise_and(near, one.possible, out=near)
        np.bitwise_xor(near, ok, out=near)
        np.bitwise_xor(possible, ok, out=possible)
        if words.stop * WORD > len(self.table):
            for part in (ok, possible, near):
                clear_tail(part, len(self.table))

    def require_amount(self, unknown_fact: Callable[[str], Words | None]) -> None:
        """Move those whose amount cannot be known to the unknown, as far as facts tell it."""
        amount = self.rule.amount
        if amount is None or not is_strict(amount):
            return
        for unknown in map(unknown_fact, facts_of(amount)):
            if unknown is not None:
                doubtful = self.eligible & unknown
                self.eligible ^= doubtful
                self.unknown |= doubtful

    def pay(self, words: slice) -> None:
        """Compute the amounts of a block."""
        amount = self.rule.amount
        rows = rows_of(self.eligible[words])
        if amount is None or not len(rows):
            return
        known = is_strict(amount)  # so whoever lacks a fact of it is not here any more
        picked = Selection(self.table, rows, start=words.start * WORD, known=known)
        numbers, unknown = evaluate_value(amount, picked)
        if unknown is not False:
            where = np.broadcast_to(unknown, rows.shape)
            set_bits(self.eligible[words], rows[where], to=False)
            set_bits(self.unknown[words], rows[where], to=True)
            numbers = np.broadcast_to(np.asarray(numbers, np.int64), rows.shape)[~where]
            rows = rows[~where]
        self.amounts[self.filled : self.filled + len(rows)] = numbers
        self.filled += len(rows)

    def done(self) -> RuleRun:
        if self.varies:
            amounts = self.amounts[: self.filled]
        else:
            amount = self.rule.amount
            number = amount.number if isinstance(amount, Constant) else 0
            amounts = np.broadcast_to(np.int64(number), (count_bits(self.eligible),))
        return RuleRun(
            eligible=self.eligible, unknown=self.unknown, near=self.near, amount_fen=amounts
        )
