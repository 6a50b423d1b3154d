"""The same pack as SQL: DuckDB, PostgreSQL, SQLite and Spark SQL.

The query agrees with `liudu.rules.run` on every combination of true, false and unknown. It is
written from the same tree of whole numbers that the bitmaps are computed from; groups, caps
and budgets stay with the engine.
"""

from liudu.rules.sql._dialect import Dialect, UnwritableTextError
from liudu.rules.sql._rows import answer_rows, fact_rows
from liudu.rules.sql._statement import (
    NoRuleHoldsError,
    Source,
    TooWideError,
    UnknownRuleError,
    answers_sql,
    counts_sql,
    facts_table_sql,
)

__all__ = [
    "Dialect",
    "NoRuleHoldsError",
    "Source",
    "TooWideError",
    "UnknownRuleError",
    "UnwritableTextError",
    "answer_rows",
    "answers_sql",
    "counts_sql",
    "fact_rows",
    "facts_table_sql",
]
