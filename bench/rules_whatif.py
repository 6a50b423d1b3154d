"""How long it takes to move one threshold for a whole city.

    uv run python bench/rules_whatif.py

A million enterprises, ten rules and then 200; the lowest invoice that a compute voucher pays for
is moved, and everything that depends on it is computed anew: the rules that name it are compiled,
its condition, the rules that use it, their amounts. Every answer is compared with a run from
nothing.
"""

import time
from datetime import date
from fractions import Fraction

import numpy as np
from record import write_result
from rules_city import Rule, as_pack, make, many_rules, ten_rules, unknown
from rules_ours import as_table

from liudu.rules import compile_pack, read_pack, run
from liudu.rules._compare import what_if
from liudu.rules._program import recompile

SUBJECTS = 1_000_000
MOVES = 60
ON = date(2026, 6, 1)


def voucher():
    return next(rule for rule in ten_rules() if rule.name == "r8")


def packs():
    many = many_rules(199, sparse=True)
    return {"10": ten_rules(), "200": [*many, voucher()]}


def same(one, two):
    return all(
        np.array_equal(one.rules[name].eligible, rule.eligible)
        and np.array_equal(one.rules[name].unknown, rule.unknown)
        and np.array_equal(one.rules[name].near, rule.near)
        and np.array_equal(one.rules[name].amount_fen, rule.amount_fen)
        for name, rule in two.rules.items()
    )


def measure(rules: list[Rule]):
    pack = read_pack(as_pack(rules))
    table = as_table(pack, make(SUBJECTS), unknown(SUBJECTS, 0.06))
    before = run(compile_pack(pack, on=ON), table)
    settings = [{"compute_min": Fraction(5_000_000 + 100_000 * step)} for step in range(MOVES)]
    what_if(before, settings[-1])
    cpu_ms, wall_ms, compile_ms = [], [], []
    for setting in settings:
        cpu, wall = time.process_time(), time.perf_counter()
        after = what_if(before, setting)
        cpu_ms.append((time.process_time() - cpu) * 1e3)
        wall_ms.append((time.perf_counter() - wall) * 1e3)
        cpu = time.process_time()
        recompile(before.program, setting)
        compile_ms.append((time.process_time() - cpu) * 1e3)
    afresh = run(compile_pack(pack, on=ON, settings=settings[-1]), table)
    if not same(after, afresh):
        raise SystemExit("A what-if differs from a run from nothing.")
    return {"cpu_ms": cpu_ms, "wall_ms": wall_ms, "of_which_compiling_cpu_ms": compile_ms}


def quantiles(values):
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    return {"value": float(middle), "interval": [float(low), float(high)]}


def main():
    answer = {"subjects": SUBJECTS, "moves": MOVES, "interval_is": "5 % to 95 % of the moves"}
    for name, rules in packs().items():
        answer[name] = {kind: quantiles(values) for kind, values in measure(rules).items()}
        for kind, one in answer[name].items():
            low, high = one["interval"]
            print(f"{name} rules, {kind}: {one['value']:.2f} ({low:.2f} to {high:.2f})")
    write_result("rules_whatif", answer)


if __name__ == "__main__":
    main()
