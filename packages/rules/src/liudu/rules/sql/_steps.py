"""Expressions that build on each other, each computed once, in as few steps as they need."""

import attrs

from liudu.rules.sql._dialect import Grammar

HEIGHT_MAX = 30  # databases limit how deep an expression nests; SQLite at 1000 inner nodes


@attrs.frozen
class Piece:
    """A part of the query: its text and the step after which it can be read.

    `height` counts nested operations; 0 is a column or a constant, which may be repeated.
    """

    sql: str
    step: int = 0
    height: int = 0
    number: int | None = None

    @property
    def may_be_null(self) -> bool:
        """Whether it is not a constant."""
        return self.number is None


class Steps:
    """The columns that each step adds to those before it."""

    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar
        self.added: list[list[str]] = []
        self.known: dict[str, Piece] = {}

    def join(self, form: str, *pieces: Piece) -> Piece:
        """Return the text ``form`` with pieces in its braces."""
        sql = form.format(*(piece.sql for piece in pieces))
        step = max((piece.step for piece in pieces), default=0)
        height = 1 + max((piece.height for piece in pieces), default=0)
        piece = Piece(sql, step, height)
        return self.column(piece) if height > HEIGHT_MAX else piece

    def column(self, piece: Piece) -> Piece:
        """Return a piece that may be repeated: a column of its own unless it is simple."""
        if not piece.height:
            return piece
        if piece.sql not in self.known:
            name = f"x{len(self.known) + 1}"
            while len(self.added) <= piece.step:
                self.added.append([])
            self.added[piece.step].append(f"{piece.sql} AS {name}")
            self.known[piece.sql] = Piece(name, piece.step + 1)
        return self.known[piece.sql]

    def constant(self, number: int) -> Piece:
        """Return a whole number of 64 bits."""
        plain = str(number) if number >= 0 else f"({number})"
        return Piece(self.grammar.big.format(plain), number=number)

    def divide(self, form: str, divisor: int, *pieces: Piece) -> Piece:
        """Return a quotient; the dividend is not negative, or the division leaves no rest."""
        return self.join(f"({form} {self.grammar.divide} {divisor})", *pieces)

    def rest(self, piece: Piece, divisor: int) -> Piece:
        """Return the rest of division towards minus infinity: 0 to divisor - 1."""
        return self.column(self.join(f"((({{}} % {divisor}) + {divisor}) % {divisor})", piece))

    def floor(self, piece: Piece, divisor: int) -> Piece:
        """Return the quotient towards minus infinity."""
        simple = self.column(piece)
        return self.divide("({} - {})", divisor, simple, self.rest(simple, divisor))
