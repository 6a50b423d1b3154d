"""A core tree as SQL: the same three values, the same whole numbers."""

from collections.abc import Callable
from typing import Any

from liudu.rules._core import (
    Add,
    Both,
    Choose,
    Compare,
    Constant,
    Contrary,
    Core,
    Either,
    FactTrue,
    FactValue,
    Fixed,
    Greatest,
    Least,
    MonthsAfter,
    MonthsBetween,
    Multiply,
    OneOf,
    OpenTest,
    OpenValue,
    Quotient,
    Rounding,
    Sign,
    Subtract,
)
from liudu.rules.sql._calendar import months_after, months_between
from liudu.rules.sql._dialect import Grammar
from liudu.rules.sql._steps import Piece, Steps

SIGNS = {Sign.EQUAL: "=", Sign.DIFFERENT: "<>"}
ROUND_UP = {
    Rounding.UP: "{rest} > 0",
    Rounding.HALF_UP: "2 * {rest} >= {divisor}",
    Rounding.HALF_EVEN: "2 * {rest} > {divisor} OR (2 * {rest} = {divisor} AND {whole} % 2 <> 0)",
}


def fact_column(name: str) -> str:
    """Return the column that holds a fact in its encoding; never a reserved word."""
    return f"f_{name}"


class Writer:
    """Writes trees; what is needed twice becomes a column of an earlier step."""

    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar
        self.steps = Steps(grammar)
        self.written: dict[Core, Piece] = {}
        self.forms: dict[type[Core], Callable[[Any], Piece]] = {
            FactValue: self.fact,
            FactTrue: self.fact,
            Constant: lambda tree: self.steps.constant(tree.number),
            OpenValue: lambda _: Piece(grammar.no_number),
            OpenTest: lambda _: Piece(grammar.no_truth),
            Fixed: lambda tree: Piece("TRUE" if tree.truth else "FALSE"),
            Add: self.pair("({} + {})"),
            Subtract: self.pair("({} - {})"),
            Multiply: self.pair("({} * {})"),
            Least: self.extreme(grammar.least),
            Greatest: self.extreme(grammar.greatest),
            Choose: self.choose,
            MonthsAfter: lambda tree: months_after(self(tree.day), self(tree.months), self.steps),
            MonthsBetween: lambda tree: months_between(
                self(tree.start), self(tree.end), self.steps
            ),
            Quotient: self.quotient,
            Compare: self.compare,
            OneOf: self.one_of,
            Both: self.connective(" AND "),
            Either: self.connective(" OR "),
            Contrary: lambda tree: self.steps.join("(NOT {})", self(tree.test)),
        }

    def __call__(self, tree: Core) -> Piece:
        """Return a tree as a piece of the query."""
        if tree not in self.written:
            self.written[tree] = self.forms[type(tree)](tree)
        return self.written[tree]

    def column(self, tree: Core) -> Piece:
        """Return a tree as a piece that may be repeated."""
        return self.steps.column(self(tree))

    def fact(self, tree: FactValue | FactTrue) -> Piece:
        return Piece(fact_column(tree.name))

    def pair(self, form: str) -> Callable[[Any], Piece]:
        return lambda tree: self.steps.join(form, self(tree.left), self(tree.right))

    def connective(self, word: str) -> Callable[[Any], Piece]:
        def write(tree: Both | Either) -> Piece:
            parts = [self(test) for test in tree.tests]
            return self.steps.join("(" + word.join(["{}"] * len(parts)) + ")", *parts)

        return write

    def extreme(self, function: str) -> Callable[[Any], Piece]:
        """Write LEAST or GREATEST that is NULL if a part is."""

        def write(tree: Least | Greatest) -> Piece:
            parts = [self.column(value) for value in tree.values]
            call = f"{function}({', '.join(['{}'] * len(parts))})"
            doubtful = [part for part in parts if part.may_be_null]
            if not self.grammar.skips_null or not doubtful:
                return self.steps.join(call, *parts)
            guard = " OR ".join(["{} IS NULL"] * len(doubtful))
            form = f"CASE WHEN {guard} THEN NULL ELSE {call} END"
            return self.steps.join(form, *doubtful, *parts)

        return write

    def choose(self, tree: Choose) -> Piece:
        # CASE WHEN takes ELSE where the test is unknown; compared with both, it stays unknown.
        form = "CASE {} WHEN TRUE THEN {} WHEN FALSE THEN {} END"
        return self.steps.join(form, self(tree.test), self(tree.then), self(tree.otherwise))

    def quotient(self, tree: Quotient) -> Piece:
        value = self.column(tree.value)
        rest = self.steps.rest(value, tree.divisor)
        whole = self.steps.divide("({} - {})", tree.divisor, value, rest)
        if tree.rounding is not Rounding.DOWN:
            whole = self.steps.column(whole)
            test = ROUND_UP[tree.rounding].format(
                rest="{0}", whole="{1}", divisor=self.steps.constant(tree.divisor).sql
            )
            form = f"({{1}} + CASE WHEN {test} THEN 1 ELSE 0 END)"
            whole = self.steps.join(form, rest, whole)
        return whole if tree.step == 1 else self.steps.join(f"({{}} * {tree.step})", whole)

    def compare(self, tree: Compare) -> Piece:
        sign = SIGNS.get(tree.sign, str(tree.sign))
        return self.steps.join(f"({{}} {sign} {{}})", self(tree.left), self(tree.right))

    def one_of(self, tree: OneOf) -> Piece:
        numbers = ", ".join(map(str, tree.numbers))
        return self.steps.join(f"({{}} IN ({numbers}))", self(tree.value))
