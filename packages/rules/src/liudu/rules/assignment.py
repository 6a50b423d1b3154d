"""Which programme shall pay which contract, so that the subject lawfully gets the most.

Where a city and a district both pay a share of one contract but not together (就高不重复), and
each has a cap, taking the higher rate contract by contract is not the best: a contract that
meets an exhausted cap earns nothing there, and would have earned something elsewhere. Dividing
a contract into two, which a subject may do before it signs, can bring more still.

Within programmes that exclude each other this is a transportation problem: contracts are the
supply, caps divided by rates the demand. Its best solution lies at a corner, and every corner is
reached by paying, again and again, all that is left of some contract or as much as exhausts some
cap (G. B. Dantzig, "Linear Programming and Extensions", 1963, chapter 14: a basis is a tree).
The search looks through those steps in whole fen, never sees a state twice and leaves out what
cannot be better. One subject has few contracts; where there are so many that the search ends
early, the answer says by how much the best one could exceed it.
"""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product

import attrs

from liudu.contract import Language, Refusal
from liudu.rules._fact import money_text

WORK_MAX = 200_000  # contracts looked at in all steps; about half a second


class UnknownProgrammeError(Refusal):
    """A contract names a programme that is not given."""

    en = "Contract {contract} names {programme}, which is not given; there are {known}."
    zh = "合同 {contract} 指向未给出的项目 {programme}；现有 {known}。"


class NameTwiceError(Refusal):
    """Two contracts or two programmes have one name; one would be paid for the other."""

    en = "{name} is given twice: names must differ."
    zh = "{name} 出现两次：名称不得重复。"


class BadProgrammeError(Refusal):
    """A programme or contract with a number that cannot be."""

    en = "{name}: {what} is {value}, it must be {wanted}."
    zh = "{name}：{what} 为 {value}，应为 {wanted}。"


@attrs.frozen(kw_only=True)
class Programme:
    """Somebody who pays a share of contracts, up to a cap.

    Attributes
    ----------
    name
        How it is called, unique.
    rate
        The share that is paid, 0 to 1; a payment is rounded down to whole fen.
    cap_fen
        What is left for this subject: of the cap, and of the budget if that is less.
    excludes
        Programmes with the same word never pay one contract, or one part of it, together;
        empty if it goes with everything.
    contract_min_fen
        The smallest contract, or part, that it pays.
    """

    name: str
    rate: Fraction
    cap_fen: int
    excludes: str = ""
    contract_min_fen: int = 0

    def pays(self, base_fen: int, *, left_fen: int) -> int:
        """Return what it pays of a base with so much of its cap left, in fen."""
        if base_fen < self.contract_min_fen:
            return 0
        return min(left_fen, int(base_fen * self.rate))

    def exhausts(self, left_fen: int) -> int:
        """Return the smallest base, in fen, that uses up what is left of the cap."""
        return max(self.contract_min_fen, -(-left_fen // self.rate)) if self.rate else 0


@attrs.frozen(kw_only=True)
class Contract:
    """What may be paid for.

    Attributes
    ----------
    name
        Unique.
    amount_fen
        The eligible amount.
    programmes
        The programmes whose conditions it meets.
    """

    name: str
    amount_fen: int
    programmes: tuple[str, ...]


@attrs.frozen
class Part:
    """What one programme pays of one contract: `paid_fen` for `base_fen` of its amount."""

    contract: str
    programme: str
    base_fen: int
    paid_fen: int


@attrs.frozen(kw_only=True)
class Assignment:
    """The best lawful combination.

    Attributes
    ----------
    parts
        Who pays what, in the order of the contracts.
    total_fen
        What the subject gets in all.
    highest_rate_fen
        What it would get if each contract, largest first, went to the programme that pays
        most for it at that moment: what one would do by hand.
    undivided_fen
        The best without dividing any contract.
    gap_max_fen
        By how much another combination could bring more at most; 0 if every one was compared.
    """

    parts: tuple[Part, ...]
    total_fen: int
    highest_rate_fen: int
    undivided_fen: int
    gap_max_fen: int
    contracts: tuple[Contract, ...]
    programmes: tuple[Programme, ...]

    @property
    def divided(self) -> tuple[str, ...]:
        """The contracts of which programmes that exclude each other pay different parts."""
        words = {one.name: one.excludes for one in self.programmes}
        pairs = [(part.contract, words[part.programme]) for part in self.parts]
        twice = {pair[0] for pair in pairs if pair[1] and pairs.count(pair) > 1}
        return tuple(one.name for one in self.contracts if one.name in twice)

    def reasons(self, language: Language) -> tuple[str, ...]:
        """Return sentences that explain the combination to the subject."""
        return tuple(_reasons(self, language))


def best_assignment(
    contracts: Sequence[Contract], programmes: Sequence[Programme], *, divide: bool = False
) -> Assignment:
    """Return who shall pay what so that the subject gets the most.

    Programmes that exclude each other never pay the same contract, or with `divide` the same
    part of it; others add up. Without dividing, no combination brings more (but for
    `gap_max_fen`). Each part is rounded down to whole fen, so a division may be less than the
    best one by a fen for each contract and programme. The same input gives the same answer.

    Parameters
    ----------
    contracts, programmes
        What there is; each with a name of its own.
    divide
        Whether a contract may be divided between programmes that exclude each other.

    Raises
    ------
    UnknownProgrammeError, NameTwiceError, BadProgrammeError
        If the input contradicts itself.
    """
    _require_sound(contracts, programmes)
    searches = [_Search(contracts, offers, divide=divide) for offers in _exclusive(programmes)]
    order = [one.name for one in contracts]
    found = [part for search in searches for part in search.best()]
    parts = tuple(sorted(found, key=lambda part: order.index(part.contract)))
    whole = best_assignment(contracts, programmes).parts if divide else parts
    best = parts if _total(parts) > _total(whole) else whole
    reach = sum(search.reach_fen for search in searches)
    return Assignment(
        parts=best,
        total_fen=_total(best),
        highest_rate_fen=sum(_by_hand(contracts, one) for one in _exclusive(programmes)),
        undivided_fen=_total(whole),
        gap_max_fen=max(0, reach - _total(best)),
        contracts=tuple(contracts),
        programmes=tuple(programmes),
    )


def _exclusive(programmes: Sequence[Programme]) -> Iterator[list[Programme]]:
    """Yield the programmes that exclude each other; between such sets nothing is shared."""
    words = dict.fromkeys(one.excludes for one in programmes if one.excludes)
    highest = sorted(programmes, key=lambda one: -one.rate)
    yield from ([one for one in highest if one.excludes == word] for word in words)
    yield from ([one] for one in highest if not one.excludes)


def _by_hand(contracts: Sequence[Contract], offers: Sequence[Programme]) -> int:
    """Return what comes of taking the highest payment contract by contract, largest first."""
    left = {one.name: one.cap_fen for one in offers}
    for contract in sorted(contracts, key=lambda one: -one.amount_fen):
        pays = {
            one.name: one.pays(contract.amount_fen, left_fen=left[one.name])
            for one in offers
            if one.name in contract.programmes
        }
        if pays:
            highest = max(pays, key=lambda name: pays[name])
            left[highest] -= pays[highest]
    return sum(one.cap_fen for one in offers) - sum(left.values())


Choice = tuple[Part, ...]
Money = Mapping[str, int]
State = tuple[Money, Money, Choice]


class _Search:
    """Depth first; the largest contracts first, for they leave the least to gain."""

    def __init__(
        self, contracts: Sequence[Contract], offers: Sequence[Programme], *, divide: bool
    ) -> None:
        names = {one.name for one in offers}
        chosen = [one for one in contracts if names & set(one.programmes)]
        self.contracts = sorted(chosen, key=lambda one: -one.amount_fen)
        self.offers = offers  # highest rate first
        self.choices = self.choices_divided if divide else self.choices_whole
        self.caps_fen = sum(one.cap_fen for one in offers)
        self.seen: set[tuple[int, ...]] = set()
        self.found: tuple[int, Choice] = (0, ())
        self.reach_fen = 0
        once = 2 * len(self.contracts) * len(offers) + 1  # to the end of one combination
        self.steps_max = max(once, WORK_MAX // (len(self.contracts) + 1))

    def best(self) -> Choice:
        """Return the best parts, and keep what the best of all could bring at most."""
        left = {one.name: one.cap_fen for one in self.offers}
        rest = {one.name: one.amount_fen for one in self.contracts}
        todo: list[State] = [(rest, left, ())]
        while todo and len(self.seen) < self.steps_max:
            todo += reversed(list(self.visit(*todo.pop())))
        unseen = [self.reach(rest, left) for rest, left, _ in todo]
        self.reach_fen = max(self.found[0], *unseen, 0)
        return self.found[1]

    def visit(self, rest: Money, left: Money, parts: Choice) -> Iterator[State]:
        """Yield the states that one more step leads to, if they can be better."""
        state = (*rest.values(), *left.values())
        if state in self.seen:
            return
        self.seen.add(state)
        total = self.caps_fen - sum(left.values())
        if total > self.found[0]:
            self.found = (total, parts)
        if self.reach(rest, left) <= self.found[0]:
            return
        for contract, spent, part in self.choices(rest, left):
            after = {**rest, contract: rest[contract] - spent}
            if part is None:
                yield after, left, parts
            else:
                caps = {**left, part.programme: left[part.programme] - part.paid_fen}
                yield after, caps, (*parts, part)

    def reach(self, rest: Money, left: Money) -> int:
        """Return what can be had at most from here, with what is paid already."""
        rates = {one.name: one.rate for one in self.offers if left[one.name] > 0}
        by_contract = sum(
            int(rest[one.name] * max((rates[n] for n in one.programmes if n in rates), default=0))
            for one in self.contracts
        )
        paid = self.caps_fen - sum(left.values())
        return paid + min(by_contract, self.poured(sum(rest.values()), left))

    def poured(self, supply: int, left: Money) -> int:
        """Return what all that is left would bring if it could be divided at will."""
        most = 0
        for offer in self.offers:
            need = left[offer.name] // offer.rate if offer.rate else supply
            if need >= supply:
                return most + int(supply * offer.rate)
            most, supply = most + left[offer.name], supply - need
        return most

    def choices_whole(self, rest: Money, left: Money) -> Iterator[tuple[str, int, Part | None]]:
        """Yield who may pay the next contract; nobody, if nobody pays anything for it.

        Paying never hurts: a programme pays the smaller of its cap and the sum.
        """
        contract = next((one for one in self.contracts if rest[one.name]), None)
        if contract is None:
            return
        amount = rest[contract.name]
        parts = [self.part(contract, offer, amount, left) for offer in self.offers]
        paying = sorted((one for one in parts if one), key=lambda part: -part.paid_fen)
        for part in paying:
            yield contract.name, amount, part
        if not paying:
            yield contract.name, amount, None

    def choices_divided(self, rest: Money, left: Money) -> Iterator[tuple[str, int, Part | None]]:
        """Yield what may be paid next of any contract."""
        for offer, contract in product(self.offers, self.contracts):
            for base in self.bases(rest[contract.name], offer, left[offer.name]):
                part = self.part(contract, offer, base, left)
                if part is not None:
                    yield contract.name, base, part

    def part(self, contract: Contract, offer: Programme, base: int, left: Money) -> Part | None:
        """Return what a programme pays of a base, or None if it pays nothing."""
        if offer.name not in contract.programmes:
            return None
        paid = offer.pays(base, left_fen=left[offer.name])
        return Part(contract.name, offer.name, base, paid) if paid else None

    def bases(self, rest: int, offer: Programme, left: int) -> list[int]:
        """Return the bases to try, largest first.

        All that is left of the contract or what just exhausts the cap; or so much that
        another programme's smallest contract remains.
        """
        most = min(rest, offer.exhausts(left))
        minima = {one.contract_min_fen for one in self.offers if one is not offer}
        smaller = {rest - least for least in minima if least and 0 < rest - least < most}
        return sorted({most, *smaller}, reverse=True)


def _total(parts: Sequence[Part]) -> int:
    return sum(part.paid_fen for part in parts)


def _require_sound(contracts: Sequence[Contract], programmes: Sequence[Programme]) -> None:
    known = [one.name for one in programmes]
    for names in (known, [one.name for one in contracts]):
        for name in names:
            if names.count(name) > 1:
                raise NameTwiceError(name=name)
    for programme in programmes:
        if not 0 <= programme.rate <= 1:
            raise BadProgrammeError(
                name=programme.name, what="rate", value=programme.rate, wanted="0 – 1"
            )
        _require_not_negative(programme.name, "cap_fen", programme.cap_fen)
        _require_not_negative(programme.name, "contract_min_fen", programme.contract_min_fen)
    for contract in contracts:
        _require_not_negative(contract.name, "amount_fen", contract.amount_fen)
        for name in contract.programmes:
            if name not in known:
                raise UnknownProgrammeError(
                    contract=contract.name, programme=name, known=", ".join(known) or "-"
                )


def _require_not_negative(name: str, what: str, value: int) -> None:
    if value < 0:
        raise BadProgrammeError(name=name, what=what, value=value, wanted="≥ 0")


def _reasons(found: Assignment, language: Language) -> Iterator[str]:
    chinese = language == "zh"
    programmes = {one.name: one for one in found.programmes}
    for name in found.divided:
        bases = [part.base_fen for part in found.parts if part.contract == name]
        sizes = [money_text(base, language) for base in bases]
        yield (
            f"把合同 {name} 在签订前分为 {'、'.join(sizes)} 几份，各由不同项目资助。"
            if chinese
            else f"Divide contract {name} before it is signed into {', '.join(sizes)}, each paid "
            "by another programme."
        )
    for part in found.parts:
        yield _part_reason(part, programmes[part.programme], language)
    paid = {part.contract for part in found.parts}
    for contract in found.contracts:
        if contract.name not in paid:
            yield (
                f"合同 {contract.name} 得不到资助：没有适用的项目，或额度已用于他处。"
                if chinese
                else f"Contract {contract.name} is paid by nobody: no programme fits, or the caps "
                "bring as much elsewhere."
            )
    yield _comparison(found, language)


def _part_reason(part: Part, programme: Programme, language: Language) -> str:
    base, paid = (money_text(one, language) for one in (part.base_fen, part.paid_fen))
    share = f"{float(programme.rate):.4%}".rstrip("0%").rstrip(".") + "%"
    capped = part.paid_fen < int(part.base_fen * programme.rate)
    if language == "zh":
        why = "，以其剩余额度为限" if capped else ""
        return f"合同 {part.contract}：{part.programme} 按 {base} 的 {share} 资助 {paid}{why}。"
    why = ", all that is left of its cap" if capped else ""
    return f"Contract {part.contract}: {part.programme} pays {share} of {base}, {paid}{why}."


def _comparison(found: Assignment, language: Language) -> str:
    total = money_text(found.total_fen, language)
    by_hand = money_text(found.total_fen - found.highest_rate_fen, language)
    divided = money_text(found.total_fen - found.undivided_fen, language)
    gap = money_text(found.gap_max_fen, language)
    if language == "zh":
        text = f"合计 {total}，比逐份合同就高选择多 {by_hand}"
        text += f"，比不拆分多 {divided}" if found.divided else ""
        return text + (f"；组合过多，最优方案至多还能多 {gap}。" if found.gap_max_fen else "。")
    text = f"{total} in all, {by_hand} more than the highest payment contract by contract"
    text += f", {divided} more than without dividing" if found.divided else ""
    more = f"; with so many combinations the best could bring up to {gap} more."
    return text + (more if found.gap_max_fen else ".")
