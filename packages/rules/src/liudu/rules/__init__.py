"""Policies as data, over a whole city at once.

A pack (`read_pack`) is compiled for a day (`compile_pack`) and computed over a table of facts
(`run`). See docs/reference/rule-packs.md for the language.
"""

from liudu.rules._bitmap import Planes
from liudu.rules._core import Rounding
from liudu.rules._evaluate import add_months, months_between
from liudu.rules._fact import Fact, Words, money_text
from liudu.rules._kind import Kind, Type, day_number, day_of
from liudu.rules._lower import Setting
from liudu.rules._pack import (
    Atom,
    Budget,
    Document,
    Group,
    Pack,
    PackRefusedError,
    Parameter,
    Period,
    Provenance,
    Rule,
    Stacking,
    read_pack,
)
from liudu.rules._program import Program, RuleTest, compile_pack, version_on
from liudu.rules._run import RuleCount, RuleRun, Run, run
from liudu.rules._source import PackError, Place
from liudu.rules._table import Column, FactTable, row_of

__all__ = [
    "Atom",
    "Budget",
    "Column",
    "Document",
    "Fact",
    "FactTable",
    "Group",
    "Kind",
    "Pack",
    "PackError",
    "PackRefusedError",
    "Parameter",
    "Period",
    "Place",
    "Planes",
    "Program",
    "Provenance",
    "Rounding",
    "Rule",
    "RuleCount",
    "RuleRun",
    "RuleTest",
    "Run",
    "Setting",
    "Stacking",
    "Type",
    "Words",
    "add_months",
    "compile_pack",
    "day_number",
    "day_of",
    "money_text",
    "months_between",
    "read_pack",
    "row_of",
    "run",
    "version_on",
]
