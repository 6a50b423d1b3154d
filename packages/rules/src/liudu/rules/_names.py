"""Which facts, parameters and definitions a rule uses."""

from collections.abc import Iterable

from liudu.rules._expression import Written, names
from liudu.rules._pack import Pack, Rule


def names_of(pack: Pack, rule: Rule) -> set[str]:
    """Return every name that a rule uses, through definitions."""
    effects = [one.written for one in rule.on_payment]
    return names_read(pack, rule) | through_definitions(pack, effects)


def names_read(pack: Pack, rule: Rule) -> set[str]:
    """Return every name in a rule's conditions, amount and cap, through definitions."""
    money = [one for one in (rule.amount, rule.cap) if one is not None]
    return through_definitions(pack, [*(atom.test for atom in rule.atoms), *money])


def through_definitions(pack: Pack, written: Iterable[Written]) -> set[str]:
    """Return every name that some expressions use, also within the definitions they use."""
    waiting = [name for one in written for name in names(one.tree)]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            if name in pack.definitions:
                waiting += names(pack.definitions[name].tree)
    return found
