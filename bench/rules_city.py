"""A made-up city and made-up packs for the benchmarks of the rules, the same for every engine.

Twenty-two facts of each enterprise, money in whole yuan. A rule is a list of conditions
(fact, operator, value) and an amount: a share of a base with a cap, a fixed award, or tiers.
"""

from dataclasses import dataclass

import numpy as np

BOOLS = {
    "in_suzhou": 0.93, "legal": 0.85, "credit_bad": 0.02, "is_ai": 0.12, "corpus_related": 0.1,
    "dataset_std": 0.05, "platform_ok": 0.02, "consortium_lead": 0.004, "service_platform": 0.004,
    "compute_related": 0.07, "opc": 0.05,
}  # fmt: skip
MONEY = {  # share of enterprises that have any, scale of a gamma distribution in yuan
    "corpus_contract": (0.06, 8e5), "dataset_approved": (0.05, 6e5), "platform_invest": (0.04, 4e6),
    "pilot_invest": (0.02, 5e6), "compute_spend": (0.15, 5e5),
}  # fmt: skip
COUNTS = {"prize": 3, "pilot_role": 2, "filed": 100, "employees": 1000, "founder_age": 120,
          "months_open": 2400}  # fmt: skip
FACTS = (*BOOLS, *MONEY, *COUNTS)
MONEY_MAX_YUAN = 1_000_000_000
PARAMETER = "{type: money, unit: yuan, label: 算力下限, values: {2026-01-01: 100000}}"
BASE = (("in_suzhou", "is", None), ("legal", "is", None), ("credit_bad", "not", None))
SPARSE = ("is_ai", "dataset_std", "platform_ok", "opc", "service_platform", "consortium_lead")


@dataclass(frozen=True)
class Rule:
    name: str
    conditions: tuple
    base: str | None  # the fact of which a share is paid
    percent: int
    cap_yuan: int  # or the fixed award
    tiers: tuple = ()  # ((value, yuan), …) of the fact `base`


def make(count, seed=7):
    """Return the facts of `count` enterprises: bool, or whole numbers (money in yuan)."""
    rng = np.random.default_rng(seed)
    facts = {name: rng.random(count) < share for name, share in BOOLS.items()}
    for name, (share, scale) in MONEY.items():
        facts[name] = np.where(rng.random(count) < share, rng.gamma(2.0, scale, count), 0)
        facts[name] = np.minimum(facts[name], MONEY_MAX_YUAN).astype(np.int64)
    facts["prize"] = rng.choice(4, count, p=[0.985, 0.003, 0.005, 0.007]).astype(np.int16)
    facts["pilot_role"] = rng.choice(3, count, p=[0.98, 0.005, 0.015]).astype(np.int16)
    facts["filed"] = np.minimum(rng.poisson(0.03, count), 100).astype(np.int16)
    facts["employees"] = rng.poisson(9, count).astype(np.int16)
    facts["founder_age"] = rng.integers(20, 65, count).astype(np.int16)
    facts["months_open"] = rng.integers(0, 240, count).astype(np.int16)
    return facts


def unknown(count, share, seed=9):
    """Return where each fact is unknown."""
    rng = np.random.default_rng(seed)
    return {name: rng.random(count, dtype=np.float32) < share for name in FACTS}


def ten_rules():
    """Return the ten rules of the shapes of a real pack."""

    def rule(name, *conditions, base=None, percent=0, cap, tiers=()):
        return Rule(name, (*BASE, *conditions), base, percent, cap, tiers)

    def is_(name):
        return (name, "is", None)

    def none(name):
        return (name, "not", None)

    return [
        rule("r1", none("corpus_related"), ("corpus_contract", ">", 0),
             base="corpus_contract", percent=20, cap=2_000_000),
        rule("r2", is_("dataset_std"), ("dataset_approved", ">", 0),
             base="dataset_approved", percent=100, cap=2_000_000),
        rule("r3", is_("platform_ok"), ("platform_invest", ">", 0),
             base="platform_invest", percent=30, cap=5_000_000),
        rule("r4", is_("consortium_lead"), cap=2_000_000),
        rule("r5", is_("service_platform"), cap=500_000),
        rule("r6", ("prize", ">=", 1), base="prize", cap=0,
             tiers=((1, 2_000_000), (2, 1_000_000), (3, 500_000))),
        rule("r7", ("pilot_role", ">=", 2), ("pilot_invest", ">", 0),
             base="pilot_invest", percent=40, cap=5_000_000),
        rule("r8", is_("is_ai"), none("compute_related"), ("compute_spend", ">=", 100_000),
             base="compute_spend", percent=30, cap=2_000_000),
        rule("r9", is_("is_ai"), ("filed", ">=", 1), cap=500_000),
        rule("r10", is_("opc"), ("employees", "<=", 5), ("founder_age", "<=", 45),
             ("months_open", "<=", 36), cap=100_000),
    ]  # fmt: skip


def many_rules(count, *, sparse, seed=3):
    """Return rules over 120 conditions; `sparse` ones begin with a rare fact, as real ones do."""
    rng = np.random.default_rng(seed)
    conditions = [(name, word, None) for name in BOOLS for word in ("is", "not")]
    sample, numbers = make(20_000, 5), [*MONEY, *COUNTS]
    while len(conditions) < 120:
        name = numbers[rng.integers(len(numbers))]
        limit = int(np.quantile(sample[name], rng.uniform(0.3, 0.97)))
        found = (name, (">=", "<=", ">")[rng.integers(3)], limit)
        conditions += [found] if found not in conditions else []
    return [_random_rule(rng, index, conditions, sparse=sparse) for index in range(count)]


def _random_rule(rng, index, conditions, *, sparse):
    chosen = list(BASE) + ([(SPARSE[index % len(SPARSE)], "is", None)] if sparse else [])
    picks = rng.choice(len(conditions), rng.integers(2, 5), replace=False)
    chosen += [conditions[pick] for pick in picks]
    base = list(MONEY)[rng.integers(len(MONEY))]
    percent, cap = int(rng.integers(5, 51)), int(rng.integers(1, 50)) * 100_000
    return Rule(f"q{index}", tuple(dict.fromkeys(chosen)), base, percent, cap)


def rules_of(count, *, sparse=False):
    """Return the ten rules, or as many random ones."""
    return ten_rules() if count == 10 else many_rules(count, sparse=sparse)


def as_pack(rules):
    """Return the rules as a pack of ours."""
    lines = ["pack: city", 'version: "1"', "title: 城市", "facts:"]
    lines += [f"  {name}: {{type: bool, label: {name}, bureau: 局}}" for name in BOOLS]
    lines += [
        f"  {name}: {{type: money, unit: yuan, label: {name}, bureau: 局, max: {MONEY_MAX_YUAN}}}"
        for name in MONEY
    ]
    lines += [
        f"  {name}: {{type: count, label: {name}, bureau: 局, max: {top}}}"
        for name, top in COUNTS.items()
    ]
    lines += ["parameters:", f"  compute_min: {PARAMETER}", "rules:"]
    for rule in rules:
        lines += [f"  {rule.name}:", "    title: 规则", "    clause: 一", "    bureau: 局"]
        lines += ["    subject: enterprise", "    rounding: down", "    when:"]
        for place, (name, sign, value) in enumerate(rule.conditions):
            act = ", act: 办理" if place % 2 else ""
            lines.append(f"      - {{atom: '{_condition(name, sign, value)}', say: 条件{act}}}")
        lines.append(f"    amount: '{_amount(rule)}'")
    return "\n".join(lines) + "\n"


def _condition(name, sign, value):
    if sign in ("is", "not"):
        return name if sign == "is" else f"not {name}"
    if (name, value) == ("compute_spend", 100_000):
        return f"{name} {sign} compute_min"
    return f"{name} {sign} {f'yuan({value})' if name in MONEY else value}"


def _amount(rule):
    if rule.tiers:
        rest = "yuan(0)"
        for value, yuan in reversed(rule.tiers):
            rest = f"(yuan({yuan}) if {rule.base} == {value} else {rest})"
        return rest
    if rule.base is None:
        return f"yuan({rule.cap_yuan})"
    return f"min({rule.percent / 100} * {rule.base}, yuan({rule.cap_yuan}))"
