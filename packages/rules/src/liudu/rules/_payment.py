"""What a payment changes: the facts that the next payment will read."""

import attrs
import numpy as np

from liudu.contract import Language
from liudu.rules._core import Test, Value
from liudu.rules._evaluate import (
    Known,
    Selection,
    ThreeValued,
    evaluate_test,
    evaluate_value,
)
from liudu.rules._fact import Fact
from liudu.rules._pack import How
from liudu.rules._program import EffectTest, Program, RuleTest
from liudu.rules._table import FactTable

UNKNOWN = {"zh": "未知", "en": "unknown"}


@attrs.frozen(kw_only=True)
class PaymentEffect:
    """One fact that a payment changes.

    Attributes
    ----------
    fact
        The fact.
    how
        Whether it becomes the number, or the number is added to what is known of it.
    number
        In the fact's encoding; None where what it is computed from is unknown.

    """

    fact: Fact
    how: How
    number: int | None

    def after(self, before: int | None) -> int | None:
        """Return the fact after the payment, in its encoding; None is unknown."""
        if self.how is How.BECOMES or self.number is None:
            return self.number
        return None if before is None else before + self.number

    def say(self, language: Language) -> str:
        """Return the change as a reader takes it in: 已发放月数 +3."""
        label = self.fact.label.say(language)
        if self.number is None:
            return f"{label}：{UNKNOWN['zh']}" if language == "zh" else f"{label}: unknown"
        if self.how is How.ADDS:
            shown = self.fact.show(abs(self.number), language)
            return f"{label} {'+' if self.number >= 0 else '−'}{shown}"
        shown = self.fact.show(self.number, language)
        return f"{label}：{shown}" if language == "zh" else f"{label}: {shown}"


def effects_of(
    program: Program, rule: RuleTest, table: FactTable, row: int = 0
) -> tuple[PaymentEffect, ...]:
    """Return what the payment of a rule changes about one subject of a table.

    All is computed from the facts as they were before the payment, so the order does not
    matter, and the same facts, pack and day give the same for ever.

    Parameters
    ----------
    program
        The pack on the day of the determination.
    rule
        One of its rules.
    table, row
        The facts that the determination was made from, and which row of them.

    """
    one = Selection(table, slice(row, row + 1))
    facts = program.pack.facts
    return tuple(
        PaymentEffect(fact=facts[effect.fact], how=effect.effect.how, number=_number(effect, one))
        for effect in rule.effects
    )


def _number(effect: EffectTest, one: Selection) -> int | None:
    found: ThreeValued | Known
    if isinstance(effect.tree, Test):
        found = evaluate_test(effect.tree, one)
    elif isinstance(effect.tree, Value):
        found = evaluate_value(effect.tree, one)
    number, unknown = (np.asarray(part).reshape(-1)[0] for part in found)
    return None if unknown else int(number)
