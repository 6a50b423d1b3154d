"""What a rule says of one subject, and the sentences that say it."""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum

import attrs

from liudu.contract import Language
from liudu.rules._fact import Words, money_text
from liudu.rules._pack import Rule, Stacking
from liudu.rules._payment import PaymentEffect


class Status(StrEnum):
    """What a rule says of a subject. Never yes or no: YAML reads those as booleans."""

    ELIGIBLE = "eligible"
    INELIGIBLE = "ineligible"
    UNKNOWN = "unknown"


STATUS = {1: Status.ELIGIBLE, 0: Status.INELIGIBLE, -1: Status.UNKNOWN}


@attrs.frozen(kw_only=True)
class UsedFact:
    """A fact as it was used; `value` and `said`, in both languages, are None where unknown."""

    name: str
    label: Words
    value: str | None
    bureau: str
    document: str
    said: Words | None = None


@attrs.frozen(kw_only=True)
class AtomState:
    """One condition: its sentence, whether it holds (None: unknown), and on what facts."""

    say: Words
    holds: bool | None
    written: str
    facts: tuple[UsedFact, ...]
    open_parameters: tuple[str, ...]
    advice: Words | None
    clause: str

    @property
    def mark(self) -> str:
        """✓, ✗ or ?."""
        return {True: "✓", False: "✗", None: "?"}[self.holds]


@attrs.frozen(kw_only=True)
class Step:
    """Something to do or to get, in an order that works."""

    say: Words
    bureau: str
    document: str = ""
    working_days: int | None = None


@attrs.frozen(kw_only=True)
class Fellow:
    """Another rule of the same group, of this pack or of another.

    Attributes
    ----------
    pack, pack_title
        Where it stands; of a pack that is not there only its name is known.
    title
        What people call it; ``pack/rule`` where its pack is not there.
    amount_fen
        What it pays to this subject; None where that is not final.

    """

    pack: str
    pack_title: Words
    rule: str
    title: Words
    amount_fen: int | None


@attrs.frozen(kw_only=True)
class Determination:
    """What one rule says of one subject on one day, and why.

    Attributes
    ----------
    id
        ``sha256:…`` over the facts used, the pack's version, the day and the rule: the same
        id is the same answer for ever.
    amount_fen
        What the rule alone brings; None unless eligible, 0 for a benefit that is not money.
    payable_fen
        After groups and limits per subject; None unless eligible, or if not final.
    near
        Whether exactly one condition is missing and something can be done about it.
    would_bring_fen
        For a near miss, the amount with the facts as they are; None where it depends on the
        very fact that is missing.
    missing
        The facts that are unknown and decide, with who holds them.
    open_parameters
        Parameters that the office has not set and that decide.
    steps
        What to do, documents in the order in which they need each other.
    outweighed_by
        The rule of the same group that pays instead: its name, with that of its pack before
        it if it is another (``pack/rule``); empty if there is none.
    instead
        The same rule with what it pays; None where its own amount is not final.
    outweighs
        The rules of the same group that would apply and are not paid beside this one.
    waits_for
        The rules of the same group on which it depends whether this amount is final.
    after_payment
        The facts that its payment changes; none unless eligible.

    """

    id: str
    rule: Rule
    pack: str
    version: str
    on: date
    subject: str
    status: Status
    amount_fen: int | None
    payable_fen: int | None
    near: bool
    would_bring_fen: int | None
    atoms: tuple[AtomState, ...]
    facts: tuple[UsedFact, ...]
    missing: tuple[UsedFact, ...]
    open_parameters: tuple[str, ...]
    steps: tuple[Step, ...]
    outweighed_by: str
    stack: Stacking | None = None
    instead: Fellow | None = None
    outweighs: tuple[Fellow, ...] = ()
    waits_for: tuple[Fellow, ...] = ()
    after_payment: tuple[PaymentEffect, ...] = ()
    open_said: tuple[Words, ...] = ()
    """What people call the open parameters."""

    def reason(self, language: Language) -> str:
        """Return why, in one or two sentences."""
        return _reason(self, language)


def _reason(one: Determination, language: Language) -> str:
    if one.status is Status.ELIGIBLE:
        return _why(one, language)
    if one.status is Status.INELIGIBLE:
        return _why_not(one, language)
    return _why_unknown(one, language)


def _why(one: Determination, language: Language) -> str:
    zh = language == "zh"
    if one.rule.amount is None:
        benefit = one.rule.benefit.say(language) if one.rule.benefit else ""
        return f"全部条件符合：{benefit}。" if zh else f"All conditions hold: {benefit}."
    amount = money_text(one.amount_fen or 0, language)
    text = f"全部条件符合，金额 {amount}。" if zh else f"All conditions hold: {amount}."
    if one.instead is not None:
        text += _instead(one, one.instead, language)
    elif one.payable_fen is None:
        text += _waiting(one, language)
    elif one.payable_fen != one.amount_fen:
        paid = money_text(one.payable_fen, language)
        text += f"因上限实付 {paid}。" if zh else f" A limit leaves {paid}."
    if one.outweighs:
        titles = _titles(one.outweighs, one.pack, language)
        verb = "is" if len(one.outweighs) == 1 else "are"
        text += f"同组的{titles}不重复享受。" if zh else f" {titles} {verb} not paid besides."
    return text


def _instead(one: Determination, other: Fellow, language: Language) -> str:
    """Say which rule pays instead, how much if that is final, and by which kind of stacking."""
    zh = language == "zh"
    title = _titles((other,), one.pack, language)
    amount = "" if other.amount_fen is None else f" {money_text(other.amount_fen, language)}"
    if one.stack is Stacking.HIGHEST:
        return (
            f"就高不重复：由{title}发放{amount}，本条不再发放。"
            if zh
            else f" Only the highest is paid: {title} pays{amount} instead."
        )
    if one.stack is Stacking.FIRST:
        return (
            f"{title}在先，由其发放{amount}，本条不再发放。"
            if zh
            else f" {title} comes first and pays{amount} instead."
        )
    return (
        f"同组合计已达上限（其中{title}{amount}），本条不再发放。"
        if zh
        else f" The limit of the group is reached ({title} pays{amount}); nothing is left."
    )


def _waiting(one: Determination, language: Language) -> str:
    """Say on what it depends whether the amount is final."""
    zh = language == "zh"
    if not one.waits_for:
        return (
            "最终金额还取决于尚未确定的事项。"
            if zh
            else " The final amount still depends on what is open."
        )
    titles = _titles(one.waits_for, one.pack, language)
    if one.stack is Stacking.EXCLUSIVE:
        return (
            f"与{titles}不能同时享受，须由人工认定。"
            if zh
            else f" It excludes {titles}; a person decides."
        )
    return (
        f"最终金额还取决于是否享受{titles}。"
        if zh
        else f" The final amount still depends on {titles}."
    )


def _inner(title: str) -> str:
    """Return a title as it stands within quotation marks."""
    return title.replace("“", "‘").replace("”", "’")


def _titles(fellows: Sequence[Fellow], pack: str, language: Language) -> str:
    """Name rules, with the title of their pack where it is another."""
    if language == "zh":
        return "、".join(
            f"“{_inner(one.title.zh)}”" + ("" if one.pack == pack else f"（{one.pack_title.zh}）")
            for one in fellows
        )
    return ", ".join(
        one.title.say("en") + ("" if one.pack == pack else f" ({one.pack_title.say('en')})")
        for one in fellows
    )


def _why_not(one: Determination, language: Language) -> str:
    zh = language == "zh"
    lacking = [atom for atom in one.atoms if atom.holds is False]
    said = _joined([_with_values(atom, language) for atom in lacking], language)
    text = f"不符合：{said}。" if zh else f"Not met: {said}."
    advice = [atom.advice.say(language) for atom in lacking if atom.advice]
    if advice and len(advice) == len(lacking):
        text += (
            f"可以：{_joined(advice, language)}。"
            if zh
            else f" You can: {_joined(advice, language)}."
        )
    return text + (_only_this(one, language) if one.near else "")


def _only_this(one: Determination, language: Language) -> str:
    """Say that one step is missing, and what it would bring if that is known."""
    zh = language == "zh"
    if not one.would_bring_fen:
        return "只差这一项。" if zh else " Only this is missing."
    amount = money_text(one.would_bring_fen, language)
    return (
        f"只差这一项，可得 {amount}。" if zh else f" Only this is missing; it would bring {amount}."
    )


def _why_unknown(one: Determination, language: Language) -> str:
    zh = language == "zh"
    parts: list[str] = []
    if one.missing:
        held = [_with_holder(fact, language) for fact in one.missing]
        said = _joined(held, language)
        parts.append(
            f"还不能判定，缺少：{said}。" if zh else f"Cannot be decided yet; missing: {said}."
        )
    if one.open_parameters:
        said = _joined([words.say(language) for words in one.open_said], language)
        parts.append(f"主管部门尚未确定：{said}。" if zh else f"The office has not set: {said}.")
    if one.near and one.would_bring_fen:
        amount = money_text(one.would_bring_fen, language)
        parts.append(f"若属实可得 {amount}。" if zh else f"If so, it brings {amount}.")
    return ("" if zh else " ").join(parts)


def _with_values(atom: AtomState, language: Language) -> str:
    """Return a condition with what is on record about its facts."""
    zh = language == "zh"
    said = atom.say.say(language)
    known = [(one.label.say(language), one.said.say(language)) for one in atom.facts if one.said]
    if not known:
        return said
    shown = _joined(
        [f"{label}：{value}" if zh else f"{label}: {value}" for label, value in known], language
    )
    if [label for label, _ in known] == [said]:  # not the same words twice
        shown = f"登记为：{known[0][1]}" if zh else f"on record: {known[0][1]}"
    if said.endswith(("）", ")")):
        return f"{said[:-1]}；{shown}）" if zh else f"{said[:-1]}; {shown})"
    return f"{said}（{shown}）" if zh else f"{said} ({shown})"


def _with_holder(fact: UsedFact, language: Language) -> str:
    label = fact.label.say(language)
    if not fact.bureau:
        return label
    return f"{label}（{fact.bureau}）" if language == "zh" else f"{label} (held by {fact.bureau})"


def _joined(parts: Sequence[str], language: Language) -> str:
    return ("；" if language == "zh" else "; ").join(parts)
