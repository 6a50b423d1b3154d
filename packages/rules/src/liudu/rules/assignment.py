"""Which programme shall pay which contract, so that the subject lawfully gets the most.

Where a city and a district both pay a share of one contract but not together (就高不重复), and
each has a cap, taking the higher rate contract by contract is not the best: a contract that
meets an exhausted cap earns nothing there, and would have earned something elsewhere. Dividing
a contract into two, which a subject may do before it signs, can bring more still.

Within programmes that exclude each other this is a mixed-integer programme: which programme pays
which contract is yes or no, what it pays of it is a number. HiGHS solves it (Huangfu and Hall,
"Parallelizing the dual revised simplex method", Math. Prog. Comp. 10, 2018; here through scipy).
Its answer only says who pays what; the money is then counted again in whole fen. Where there are
so many contracts that it ends early, the answer says by how much the best one could exceed it.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import block_array, csr_array, diags_array, eye_array

from liudu.contract import Language, Refusal
from liudu.rules._fact import money_text

NODES_MAX = 200  # of the solver's tree, so that the same input ends at the same answer
LARGEST = (1e6, 1e3, 1.0, 1e5)
"""What the largest sum is to the solver: its tolerances are absolute, so large is exact. Now and
then HiGHS fails at one of them and not at the next."""


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
    solvers = [_Solver(contracts, offers, divide=divide) for offers in _exclusive(programmes)]
    order = [one.name for one in contracts]
    found = [part for solver in solvers for part in solver.best()]
    parts = tuple(sorted(found, key=lambda part: order.index(part.contract)))
    whole = best_assignment(contracts, programmes).parts if divide else parts
    best = parts if _total(parts) > _total(whole) else whole
    gap = sum(solver.reach_fen for solver in solvers) - _total(best)
    rounding = len(contracts) + len(programmes) if divide else 0
    return Assignment(
        parts=best,
        total_fen=_total(best),
        highest_rate_fen=sum(_by_hand(contracts, one) for one in _exclusive(programmes)),
        undivided_fen=_total(whole),
        gap_max_fen=gap if gap > rounding else 0,
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


@attrs.frozen
class _Pair:
    """A contract and a programme that may pay it."""

    contract: Contract
    offer: Programme


class _Solver:
    """Programmes that exclude each other, and the contracts that they may pay."""

    def __init__(
        self, contracts: Sequence[Contract], offers: Sequence[Programme], *, divide: bool
    ) -> None:
        self.contracts = sorted(contracts, key=lambda one: -one.amount_fen)
        self.offers = offers  # highest rate first
        self.divide = divide
        self.pairs = [
            _Pair(contract, offer)
            for contract in self.contracts
            for offer in offers
            if offer.name in contract.programmes
            and offer.pays(contract.amount_fen, left_fen=offer.cap_fen)
        ]
        self.reach_fen = 0

    def best(self) -> tuple[Part, ...]:
        """Return the best parts, and keep what the best of all could bring at most."""
        if not self.pairs:
            return ()
        largest = max(pair.contract.amount_fen for pair in self.pairs)
        tries = (self.solved(one / largest) for one in LARGEST)
        bases = next((one for one in tries if one is not None), np.zeros(len(self.pairs)))
        parts = self.counted([int(one) for one in bases])
        self.reach_fen = max(self.reach_fen, _total(parts))
        return parts

    def solved(self, scale: float) -> NDArray[np.float64] | None:
        """Return how much of its contract each pair takes, in fen; None without an answer.

        The unknowns are, for each pair: whether it pays, what it takes, what it pays.
        """
        count = len(self.pairs)
        amounts = scale * np.array([float(pair.contract.amount_fen) for pair in self.pairs])
        gains = np.concatenate([np.zeros(2 * count), np.full(count, -1.0)])
        asked: dict[str, Any] = {
            "integrality": np.concatenate([np.ones(count), np.zeros(2 * count)]),
            "bounds": Bounds(
                np.zeros(3 * count), np.concatenate([np.ones(count), amounts, amounts])
            ),
            "constraints": self.constraints(amounts, scale),
        }
        options: Any = {"mip_rel_gap": 0.0, "node_limit": NODES_MAX}
        found = milp(gains, **asked, options=options)
        if found.x is None:  # HiGHS now and then fails to undo its own simplification
            found = milp(gains, **asked, options=options | {"presolve": False})
        bound = found.mip_dual_bound if found.mip_dual_bound is not None else -np.inf
        caps_fen = sum(one.cap_fen for one in self.offers)
        self.reach_fen = int(min(-bound / scale + 0.5, caps_fen))
        if found.x is None:  # the solver failed, or its tree ended before any answer
            return None
        takes, pays = np.round(found.x[:count]), found.x[2 * count :]
        bases = np.round(found.x[count : 2 * count] / scale)
        return np.where((takes > 0) & (pays > 0), bases, 0.0)

    def whole_fen(self) -> list[int]:
        """Return what each programme pays of the whole of its contract, if it paid nothing else."""
        return [
            pair.offer.pays(pair.contract.amount_fen, left_fen=pair.offer.cap_fen)
            for pair in self.pairs
        ]

    def constraints(self, amounts: NDArray[np.float64], scale: float) -> LinearConstraint:
        """Return that contracts are taken once, whole or at least the minimum, within the caps."""
        count = len(self.pairs)
        smallest = [
            scale * pair.offer.contract_min_fen if self.divide else amounts[index]
            for index, pair in enumerate(self.pairs)
        ]
        # Undivided, what is paid is known to the fen; divided, it is a share of what is taken.
        whole = np.zeros(count) if self.divide else scale * np.array(self.whole_fen(), float)
        share = np.array([float(pair.offer.rate) * self.divide for pair in self.pairs])
        one = eye_array(count)
        rows: Any = block_array(
            [
                [-diags_array(amounts), one, None],  # what is not chosen takes nothing
                [diags_array(smallest), -one, None],  # what is chosen takes enough
                [-diags_array(whole), -diags_array(share), one],  # pays its share at most
                [None, _belongs([pair.contract for pair in self.pairs], self.contracts), None],
                [None, None, _belongs([pair.offer for pair in self.pairs], self.offers)],
            ],
            format="csr",
        )
        limits = [
            *np.zeros(3 * count),
            *(scale * contract.amount_fen for contract in self.contracts),
            *(scale * offer.cap_fen for offer in self.offers),
        ]
        return LinearConstraint(rows, ub=np.array(limits))

    def counted(self, bases: list[int]) -> tuple[Part, ...]:
        """Return the parts in whole fen; what rounding left over is taken where it still pays."""
        rest = {one.name: one.amount_fen for one in self.contracts}
        left = {one.name: one.cap_fen for one in self.offers}
        taken = dict(enumerate(bases))
        for index, pair in enumerate(self.pairs):
            wanted = max(taken[index], pair.offer.contract_min_fen) if taken[index] else 0
            taken[index] = min(wanted, rest[pair.contract.name])
            rest[pair.contract.name] -= taken[index]
        parts: list[Part] = []
        for index, pair in self.by_need(taken):
            contract, offer = pair.contract, pair.offer
            useful = max(offer.exhausts(left[offer.name]) - taken[index], 0)
            more = min(rest[contract.name], useful) if self.divide else 0
            base = taken[index] + more
            paid = offer.pays(base, left_fen=left[offer.name])
            if paid:
                rest[contract.name] -= more
                left[offer.name] -= paid
                parts.append(Part(contract.name, offer.name, base, paid))
        return tuple(parts)

    def by_need(self, taken: dict[int, int]) -> list[tuple[int, _Pair]]:
        """Return the pairs that take something, the highest rate and largest part first."""
        chosen = [(index, pair) for index, pair in enumerate(self.pairs) if taken[index]]
        return sorted(chosen, key=lambda one: (-one[1].offer.rate, -taken[one[0]], one[0]))


def _belongs(of_pairs: Sequence[object], ones: Sequence[object]) -> Any:  # noqa: ANN401 - scipy's stubs lose the shape
    """Return a row for each of some things: 1 for the pairs that it belongs to."""
    return csr_array([[float(mine is one) for mine in of_pairs] for one in ones])


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
    chinese = language == "zh"
    total, by_hand, divided, gap = (
        money_text(one, language)
        for one in (
            found.total_fen,
            found.total_fen - found.highest_rate_fen,
            found.total_fen - found.undivided_fen,
            found.gap_max_fen,
        )
    )
    said = [f"合计 {total}" if chinese else f"{total} in all"]
    if found.total_fen > found.highest_rate_fen:
        zh, en = (
            f"比逐份合同就高选择多 {by_hand}",
            f"{by_hand} more than the highest contract by contract",
        )
        said.append(zh if chinese else en)
    else:
        said.append("与逐份合同就高选择相同" if chinese else "as the highest contract by contract")
    if found.divided:
        said.append(f"比不拆分多 {divided}" if chinese else f"{divided} more than without dividing")
    if found.gap_max_fen:
        zh, en = (
            f"组合过多，最优方案至多还能多 {gap}",
            f"the best of all could bring up to {gap} more",
        )
        said.append(zh if chinese else en)
    return ("，".join(said) + "。") if chinese else (", ".join(said) + ".")
