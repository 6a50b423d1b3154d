"""What is suspicious in what a pack says about its payments."""

import re
from collections.abc import Iterator

from liudu.rules._core import facts_of
from liudu.rules._finding import Finding, error, warning
from liudu.rules._names import names_read
from liudu.rules._pack import Budget, Effect, How, Pack, Rule
from liudu.rules._program import RuleTest
from liudu.rules._source import PackError

CALLED_PAID = re.compile(r"(?:^|_)paid(?:_|$)|已发放|已领|已享受|已付|已拨付|已兑付")


class EffectUnreadError(PackError):
    """A payment changes a fact that nothing reads."""

    en = "{place}: after its payment {rule} changes {fact}, which no rule and no budget reads: leave it out, or write the condition that needs it."  # noqa: E501
    zh = "{place}：规则 {rule} 发放后会改 {fact}，但没有规则或预算用到它：请删去，或补上需要它的条件。"  # noqa: E501


class EffectOpenError(PackError):
    """What a payment changes can be unknown though the payment is not."""

    en = "{place}: what {rule} makes of {fact} needs {facts}, which none of its conditions needs: where it is unknown, {fact} is unknown after the payment."  # noqa: E501
    zh = "{place}：规则 {rule} 对 {fact} 的改动用到 {facts}，而它的条件和金额都没有用到：该事实未知时，发放后 {fact} 也变为未知。"  # noqa: E501


class CountedTwiceError(PackError):
    """A payment is counted by a budget and once more by its rule."""

    en = "{place}: {fact} is what the budget {budget} counts the payments of {rule} in: leave it out here, or it counts twice."  # noqa: E501
    zh = "{place}：预算 {budget} 已经用 {fact} 累计规则 {rule} 的发放：请从这里删去，否则会记两次。"


class EndlessPaymentError(PackError):
    """A rule that is paid in every period and that nothing ends."""

    en = "{place}: {rule} is paid in every period without end: a payment changes nothing that its conditions read. Say with on_payment what it changes, give a budget per subject, or end the rule with valid."  # noqa: E501
    zh = "{place}：规则 {rule} 会每期发放、没有尽头：发放不改变它的条件所用的任何事实。请用 on_payment 写明发放后改什么，或设每个主体的预算，或用 valid 写明截止日。"  # noqa: E501


class NotCountedError(PackError):
    """A rule reads what other payments count, and does not count its own."""

    en = "{place}: {rule} reads {fact}, which is counted after the payment of {others} but not after its own: add it to on_payment."  # noqa: E501
    zh = "{place}：规则 {rule} 用到 {fact}；{others} 发放后会累计它，而本规则发放后没有：请补到 on_payment。"  # noqa: E501


class PaidUncountedError(PackError):
    """A rule that is paid again reads what was paid, and nothing keeps that up to date."""

    en = "{place}: {rule} is paid again and again and reads {fact}, which no payment changes: it is only right after every import. Name it in on_payment."  # noqa: E501
    zh = "{place}：规则 {rule} 按期反复发放，并用到 {fact}，但没有任何发放会更新它：只有每次重新导入才对。请写进 on_payment。"  # noqa: E501


class EffectNeverTestedError(PackError):
    """No test says what a payment changes."""

    en = "{place}: no test of {rule} says what {fact} is after the payment: expect {{after_payment: {{{fact}: …}}}}."  # noqa: E501
    zh = "{place}：规则 {rule} 没有测试写明发放后的 {fact}：请在 expect 中写 {{after_payment: {{{fact}: …}}}}。"  # noqa: E501


def effects_in(pack: Pack) -> Iterator[tuple[Rule, Effect]]:
    """Yield every change that a payment makes, with its rule."""
    return ((rule, effect) for rule in pack.rules.values() for effect in rule.on_payment)


def payment_findings(pack: Pack) -> Iterator[Finding]:
    """Yield what is counted twice, by nobody, or without end."""
    for rule, effect in effects_in(pack):
        for budget in _limits(pack, rule):
            if budget.paid == effect.fact:
                yield error(
                    CountedTwiceError(
                        place=effect.place, fact=effect.fact, budget=budget.name, rule=rule.name
                    )
                )
    for rule in pack.rules.values():
        if rule.payment_months and not _ends(pack, rule):
            yield warning(EndlessPaymentError(place=rule.node.place, rule=rule.name))
        yield from _not_counted(pack, rule)
        yield from _paid_uncounted(pack, rule)


def _limits(pack: Pack, rule: Rule) -> list[Budget]:
    """Return the budgets that count what one subject has had of a rule."""
    return [one for one in pack.budgets.values() if one.paid and rule.name in one.rules]


def _ends(pack: Pack, rule: Rule) -> bool:
    """Return whether something can end the payments of a rule to one subject.

    A limit per subject, the rule's last day, a fact that its own payment changes, a day that
    is compared with today, or a fact that grows old and must be confirmed again.
    """
    read = names_read(pack, rule)
    changed = {effect.fact for effect in rule.on_payment}
    aging = {name for name, fact in pack.facts.items() if fact.valid_days is not None}
    return bool(
        _limits(pack, rule) or rule.period.end or read & changed or read & aging or "today" in read
    )


def _not_counted(pack: Pack, rule: Rule) -> Iterator[Finding]:
    """Find what a recurring rule reads and only the payments of others count."""
    mine = {effect.fact for effect in rule.on_payment}
    for name in sorted(names_read(pack, rule) - mine) if rule.payment_months else ():
        others = [
            other.name
            for other, effect in effects_in(pack)
            if (effect.fact, effect.how) == (name, How.ADDS)
        ]
        if others:
            yield warning(
                NotCountedError(
                    place=rule.node.place, rule=rule.name, fact=name, others=", ".join(others)
                )
            )


def _paid_uncounted(pack: Pack, rule: Rule) -> Iterator[Finding]:
    """Find what a recurring rule reads, is called paid, and nothing counts."""
    counted = {effect.fact for _, effect in effects_in(pack)}
    counted |= {budget.paid for budget in pack.budgets.values()}
    for name in sorted(names_read(pack, rule) - counted) if rule.payment_months else ():
        fact = pack.facts.get(name)
        if fact is not None and (CALLED_PAID.search(name) or CALLED_PAID.search(fact.label.zh)):
            yield warning(PaidUncountedError(place=rule.node.place, rule=rule.name, fact=name))


def open_effects(one: RuleTest) -> Iterator[Finding]:
    """Yield the changes that can be unknown though the payment is not."""
    for effect in one.effects:
        others = facts_of(effect.tree) - one.facts
        if others:
            yield warning(
                EffectOpenError(
                    place=effect.effect.place,
                    rule=one.rule.name,
                    fact=effect.fact,
                    facts=", ".join(sorted(others)),
                )
            )


def untested_effects(rule: Rule) -> Iterator[Finding]:
    """Yield the changes that no test of the rule expects."""
    tested = {name for example in rule.examples for name in example.after_payment}
    for effect in rule.on_payment:
        if effect.fact not in tested:
            yield warning(
                EffectNeverTestedError(place=effect.place, rule=rule.name, fact=effect.fact)
            )
