"""The tests that stand beside the rules."""

from collections.abc import Iterator, Sequence
from datetime import date

import attrs

from liudu.contract import Language, Refusal
from liudu.rules._determination import Determination, Status
from liudu.rules._explain import explain
from liudu.rules._fact import money_text
from liudu.rules._pack import Example, Pack, Rule
from liudu.rules._payment import PaymentEffect, effects_of
from liudu.rules._program import compile_pack
from liudu.rules._table import encoded_row


@attrs.frozen(kw_only=True)
class Difference:
    """One thing that a test expects and the rule does not say."""

    what_zh: str
    what_en: str
    expected: str
    found: str
    problem: Refusal | None = None
    """Why the test cannot be run at all."""

    def say(self, language: Language) -> str:
        """Return it as a sentence."""
        if self.problem is not None:
            return self.problem.say(language).rstrip(".。")
        if language == "zh":
            return f"{self.what_zh}：应为 {self.expected}，实为 {self.found}"
        return f"{self.what_en}: expected {self.expected}, found {self.found}"


@attrs.frozen(kw_only=True)
class Outcome:
    """How one test went; it passed if there are no differences."""

    rule: Rule
    example: Example
    determination: Determination | None
    differences: tuple[Difference, ...]

    @property
    def passed(self) -> bool:
        """Whether the rule says what the test expects."""
        return not self.differences


def run_examples(pack: Pack, *, on: date | None = None) -> tuple[Outcome, ...]:
    """Return how every test of a pack went.

    Parameters
    ----------
    pack
        The pack.
    on
        The day of the tests that name none; by default the last day on which something
        changes in the pack while the rule holds.

    Raises
    ------
    PackRefusedError
        If the pack is wrong.

    """
    return tuple(
        _outcome(pack, rule, example, example.on or on or _default_day(pack, rule))
        for rule in pack.rules.values()
        for example in rule.examples
    )


def _default_day(pack: Pack, rule: Rule) -> date:
    """Return the last day of change on which the rule holds, else its first day."""
    held = [day for day in pack.epochs() if rule.in_force(day)]
    return held[-1] if held else (rule.period.start or pack.epochs()[0])


def _outcome(pack: Pack, rule: Rule, example: Example, on: date) -> Outcome:
    try:
        program = compile_pack(pack, on=on, subject=rule.subject, settings=example.settings)
    except Refusal as error:
        cannot = Difference(what_zh="", what_en="", expected="", found="", problem=error)
        return Outcome(rule=rule, example=example, determination=None, differences=(cannot,))
    if rule.name not in program.rules:
        found = Difference(
            what_zh="当日有效", what_en="in force that day", expected="true", found="false"
        )
        return Outcome(rule=rule, example=example, determination=None, differences=(found,))
    table = encoded_row(pack.facts, example.given)
    said = next(one for one in explain(program, table) if one.rule.name == rule.name)
    paid = said.status is Status.ELIGIBLE
    effects = effects_of(program, program.rules[rule.name], table) if paid else ()
    differences = (*_differences(example, said), *_after_payment(pack, example, effects))
    return Outcome(rule=rule, example=example, determination=said, differences=differences)


def _after_payment(
    pack: Pack, example: Example, effects: Sequence[PaymentEffect]
) -> Iterator[Difference]:
    changed = {one.fact.name: one for one in effects}
    for name, expected in example.after_payment.items():
        before = example.given.get(name)
        found = changed[name].after(before) if name in changed else before
        if found != expected:
            fact = pack.facts[name]
            yield Difference(
                what_zh=f"发放后的 {name}",
                what_en=f"{name} after the payment",
                expected="?" if expected is None else fact.show(expected, "en"),
                found="?" if found is None else fact.show(found, "en"),
            )


def _differences(example: Example, said: Determination) -> Iterator[Difference]:
    if said.status != example.status:
        yield Difference(
            what_zh="结论", what_en="status", expected=example.status, found=said.status
        )
    if example.amount_fen is not None and said.amount_fen != example.amount_fen:
        found = "-" if said.amount_fen is None else money_text(said.amount_fen, "en")
        yield Difference(
            what_zh="金额",
            what_en="amount",
            expected=money_text(example.amount_fen, "en"),
            found=found,
        )
    if example.missing is not None:
        missing = tuple(sorted([*(one.name for one in said.missing), *said.open_parameters]))
        if missing != example.missing:
            yield Difference(
                what_zh="缺少",
                what_en="missing",
                expected=", ".join(example.missing) or "-",
                found=", ".join(missing) or "-",
            )
    if example.near is not None and said.near != example.near:
        yield Difference(
            what_zh="只差一步",
            what_en="near",
            expected=str(example.near).lower(),
            found=str(said.near).lower(),
        )
