"""What the four databases write differently; everything else is one text for all."""

from enum import StrEnum

import attrs

from liudu.contract import Refusal


class Dialect(StrEnum):
    """A database that a pack can be written for."""

    DUCKDB = "duckdb"
    POSTGRESQL = "postgresql"
    SQLITE = "sqlite"
    SPARK = "spark"


class UnwritableTextError(Refusal):
    """A name or label that no database takes."""

    en = "{text!r} has a NUL character, which no database keeps: take it out of the pack."
    zh = "{text!r} 含有 NUL 字符，数据库无法保存：请从政策包中去掉。"


@attrs.frozen(kw_only=True)
class Grammar:
    """The differences, one row a database.

    Attributes
    ----------
    quote
        What encloses a name. SQLite takes ``"x"`` as the text x where no column x exists, and
        would answer instead of failing; backticks have no such second meaning.
    divide
        Division of whole numbers towards zero.
    least, greatest, skips_null
        The extreme of several numbers; PostgreSQL, DuckDB and Spark leave NULL out, so that it
        must be asked for, SQLite answers NULL.
    big
        A whole number of 64 bits: two small literals would be computed in 32.
    day_number
        A date as days since 1970-01-01.
    fence
        What keeps one step of the query apart, so that its columns are computed once:
        PostgreSQL and SQLite would write each expression into every place that uses it.
    columns_max, branches_max
        Columns of one result; SELECTs in one UNION ALL.
    """

    quote: str = '"'
    divide: str = "/"
    least: str = "LEAST"
    greatest: str = "GREATEST"
    skips_null: bool = True
    big: str = "CAST({} AS BIGINT)"
    no_number: str = "CAST(NULL AS BIGINT)"
    no_truth: str = "CAST(NULL AS BOOLEAN)"
    day_number: str
    step: str = "{name} AS (SELECT {columns} FROM {source})"
    day_type: str = "DATE"
    truth_type: str = "BOOLEAN"
    text_type: str = "TEXT"
    has_checks: bool = True
    escapes_backslash: bool = False
    columns_max: int = 4000
    branches_max: int = 10_000


GRAMMARS = {
    Dialect.DUCKDB: Grammar(divide="//", day_number="({} - DATE '1970-01-01')"),
    Dialect.POSTGRESQL: Grammar(
        day_number="({} - DATE '1970-01-01')",
        step="{name} AS (SELECT {columns} FROM {source} OFFSET 0)",
        columns_max=1600,
    ),
    Dialect.SQLITE: Grammar(
        quote="`",
        least="min",
        greatest="max",
        skips_null=False,
        big="{}",
        no_number="NULL",
        no_truth="NULL",
        day_number="(CAST(strftime('%s', {}) AS INTEGER) / 86400)",
        step="{name} AS MATERIALIZED (SELECT {columns} FROM {source})",
        day_type="TEXT",
        truth_type="INTEGER",
        columns_max=2000,
        branches_max=500,
    ),
    Dialect.SPARK: Grammar(
        quote="`",
        divide="div",
        day_number="datediff({}, DATE '1970-01-01')",
        text_type="STRING",
        has_checks=False,
        escapes_backslash=True,
    ),
}


def identifier(name: str, grammar: Grammar) -> str:
    """Return a name as the database reads it; dots part a schema from its table."""
    _require_text(name)
    quote = grammar.quote
    return ".".join(quote + part.replace(quote, quote * 2) + quote for part in name.split("."))


def literal(text: str, grammar: Grammar) -> str:
    """Return a text as a literal."""
    _require_text(text)
    if grammar.escapes_backslash:
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return "'" + text.replace("'", "''") + "'"


def _require_text(text: str) -> None:
    if "\0" in text:
        raise UnwritableTextError(text=text)
