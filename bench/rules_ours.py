"""The made-up city of rules_city.py as a table of ours."""

from rules_city import MONEY

from liudu.rules import Column, FactTable


def as_table(pack, facts, blank=None):
    """Return the table; `blank` says where a fact is unknown."""
    columns = {
        name: Column(values * 100 if name in MONEY else values, blank[name] if blank else None)
        for name, values in facts.items()
    }
    return FactTable.of(pack.facts, columns)
