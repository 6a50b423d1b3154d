# ruff: noqa: PLC0415 - each engine is imported only where it is installed
"""One engine, one pack, one process: prints CPU seconds, wall seconds and peak memory as JSON.

Started by rules_speed.py, ours and the peers alike, each in the environment that has it:

    python bench/rules_worker.py ENGINE --rules 200 --subjects 1000000 --repeats 3

Every engine gets the facts as numpy columns in memory and must return every rule's amounts for
every subject. `liudu` keeps three values, every condition and the near misses; `liudu_known` is
the same without an unknown cell: the very facts that the peers get, and more of the eligible.
The peers have two values and keep none.

What counts: the CPU seconds of all threads of the process, the median of the repeats. The first
run of a process, in which the system hands out its memory, is therefore rarely the one told; so
for every engine. Compiling the rules counts for nobody. What an engine does to take a table in
counts for it and is told apart as well: the checks of ours; the population that OpenFisca and
PolicyEngine number and their `set_input`. Polars, DuckDB and zen get theirs taken in beforehand.
Money comes in the unit that an engine computes in: fen for ours, yuan for the others, which
compute in floating point. DuckDB answers as an Arrow table, the cheapest of its ways.
"""

import argparse
import gc
import importlib
import json
import resource
import sys
import time
from datetime import date
from importlib.metadata import version

import numpy as np
from rules_city import MONEY, as_pack, make, rules_of, unknown

SIGNS = {">=": np.greater_equal, "<=": np.less_equal, ">": np.greater}
ON = date(2026, 6, 1)


def measure(work, repeats, take_in=None):
    """Take the table in, run the work on it, and return its last result with all seconds.

    `cpu_s` and `wall_s` are of both, `intake_cpu_s` of the first alone.
    """
    cpu_s, intake_cpu_s, wall_s, taken, result = [], [], [], None, None
    for _ in range(repeats):
        taken = result = None
        gc.collect()  # what an engine leaves in circles shall not count as its peak
        cpu, wall = time.process_time(), time.perf_counter()
        taken = take_in() if take_in else None
        intake_cpu_s.append(time.process_time() - cpu)
        result = work(taken) if take_in else work()
        cpu_s.append(time.process_time() - cpu)
        wall_s.append(time.perf_counter() - wall)
    return result, {"cpu_s": cpu_s, "intake_cpu_s": intake_cpu_s, "wall_s": wall_s}


def liudu(rules, count, repeats, share=0.06):
    from liudu.rules import Column, FactTable, compile_pack, read_pack, run

    pack = read_pack(as_pack(rules))
    program = compile_pack(pack, on=ON)
    facts = make(count)
    facts = {n: v * 100 if n in MONEY else v for n, v in facts.items()}
    blank = unknown(count, share) if share else None

    def take_in():
        columns = {n: Column(v, blank[n] if blank else None) for n, v in facts.items()}
        return FactTable.of(pack.facts, columns)

    result, told = measure(lambda table: run(program, table), repeats, take_in)
    eligible = sum(one.eligible for one in result.counts()) / len(rules) / count
    total = sum(one.total_fen for one in result.rules.values()) / 100
    return {**told, "total_yuan": total, "eligible": eligible}


def liudu_known(rules, count, repeats):
    """Ours without anything unknown, to compare the sums with those of the peers."""
    return liudu(rules, count, repeats, share=0)


def framework(name):
    def run(rules, count, repeats):
        def module(part):
            return importlib.import_module(f"{name}_core.{part}")

        system = _system(module, rules)
        place = "simulation_builder" if name == "openfisca" else "simulations"
        builder = module(place).SimulationBuilder
        facts = make(count)

        def take_in():
            simulation = builder().build_default_simulation(system, count)
            for fact, values in facts.items():
                simulation.set_input(fact, "2026", values)
            return simulation

        def work(simulation):
            return [simulation.calculate(rule.name, "2026") for rule in rules]

        result, told = measure(work, repeats, take_in)
        return {**told, "total_yuan": sum(float(one.sum(dtype=np.float64)) for one in result)}

    return run


def _system(module, rules):
    build, variable = module("entities").build_entity, module("variables").Variable
    year = module("periods").YEAR
    one = build(key="enterprise", plural="enterprises", label="e", is_person=True)
    roles = [{"key": "m", "plural": "ms", "label": "m"}]
    many = build(key="g", plural="gs", label="g", roles=roles)
    system = module("taxbenefitsystems").TaxBenefitSystem([one, many])

    def add(name, kind, **extra):
        body = {"value_type": kind, "entity": one, "definition_period": year, "label": name}
        system.add_variable(type(name, (variable,), {**body, **extra}))

    kinds = {"b": bool, "i": int}
    for name, values in make(1).items():
        add(name, float if name in MONEY else kinds[values.dtype.kind])
    for rule in rules:
        add(rule.name, float, formula=_formula(rule))
    return system


def _formula(rule):
    def formula(enterprise, period, parameters=None):
        holds = True
        for name, sign, value in rule.conditions:
            cell = enterprise(name, period)
            if sign in SIGNS:
                holds = holds * SIGNS[sign](cell, value)
            else:
                holds = holds * (cell if sign == "is" else np.logical_not(cell))
        return holds * _amount(rule, enterprise, period)

    return formula


def _amount(rule, enterprise, period):
    if rule.tiers:
        cell = enterprise(rule.base, period)
        return np.select([cell == v for v, _ in rule.tiers], [y for _, y in rule.tiers], 0.0)
    if rule.base is None:
        return rule.cap_yuan
    return np.minimum(rule.percent / 100 * enterprise(rule.base, period), rule.cap_yuan)


def polars(rules, count, repeats):
    import polars as pl

    frame = pl.DataFrame(make(count))

    def test(name, sign, value):
        column = pl.col(name)
        if sign in ("is", "not"):
            return column if sign == "is" else ~column
        return {">=": column >= value, "<=": column <= value, ">": column > value}[sign]

    def amount(rule):
        if rule.tiers:
            return pl.col(rule.base).replace_strict(dict(rule.tiers), default=0.0)
        if rule.base is None:
            return pl.lit(float(rule.cap_yuan))
        share = pl.col(rule.base) * (rule.percent / 100)
        return share.clip(upper_bound=float(rule.cap_yuan))

    columns = [
        pl.when(pl.all_horizontal([test(*one) for one in rule.conditions]))
        .then(amount(rule))
        .otherwise(0.0)
        .alias(rule.name)
        for rule in rules
    ]
    result, told = measure(lambda: frame.lazy().select(columns).collect(), repeats)
    return {**told, "total_yuan": sum(result.sum().row(0))}


def duckdb(rules, count, repeats):
    import duckdb as database
    import pyarrow as pa
    from pyarrow import compute

    connection = database.connect()
    connection.register("frame", pa.table(make(count)))
    connection.execute("CREATE TABLE facts AS SELECT * FROM frame").fetchall()

    def test(name, sign, value):
        if sign in ("is", "not"):
            return name if sign == "is" else f"NOT {name}"
        return f"{name} {sign} {value}"

    def amount(rule):
        if rule.tiers:
            cases = " ".join(f"WHEN {value} THEN {yuan}" for value, yuan in rule.tiers)
            return f"CASE {rule.base} {cases} ELSE 0 END"
        if rule.base is None:
            return str(rule.cap_yuan)
        return f"LEAST({rule.percent / 100} * {rule.base}, {rule.cap_yuan})"

    columns = ", ".join(
        f"CASE WHEN {' AND '.join(test(*one) for one in rule.conditions)} "
        f"THEN CAST({amount(rule)} AS DOUBLE) ELSE 0 END AS {rule.name}"
        for rule in rules
    )
    query = f"SELECT {columns} FROM facts"  # noqa: S608
    result, told = measure(lambda: connection.sql(query).to_arrow_table(), repeats)
    return {**told, "total_yuan": sum(compute.sum(one).as_py() for one in result.columns)}


def zen(rules, count, repeats):
    import zen as engine

    def test(name, sign, value):
        if sign in ("is", "not"):
            return name if sign == "is" else f"not {name}"
        return f"{name} {sign} {value}"

    def amount(rule):
        if rule.tiers:
            rest = "0"
            for value, yuan in reversed(rule.tiers):
                rest = f"({rule.base} == {value} ? {yuan} : {rest})"
            return rest
        if rule.base is None:
            return str(rule.cap_yuan)
        return f"min([{rule.percent / 100} * {rule.base}, {rule.cap_yuan}])"

    expressions = [
        {"id": rule.name, "key": rule.name,
         "value": f"{' and '.join(test(*one) for one in rule.conditions)} ? {amount(rule)} : 0"}
        for rule in rules
    ]  # fmt: skip
    at = {"x": 0, "y": 0}
    nodes = [
        {"id": "i", "type": "inputNode", "name": "in", "position": at},
        {"id": "x", "type": "expressionNode", "name": "x", "position": at,
         "content": {"expressions": expressions}},
        {"id": "o", "type": "outputNode", "name": "out", "position": at},
    ]  # fmt: skip
    edges = [
        {"id": f"e{one}", "type": "edge", "sourceId": one, "targetId": two}
        for one, two in (("i", "x"), ("x", "o"))
    ]
    graph = {"contentType": "application/vnd.gorules.decision", "nodes": nodes, "edges": edges}
    decisions = engine.ZenEngine({"loader": {"type": "static", "content": {"city": graph}}})
    columns = [values.tolist() for values in make(count).values()]
    names = list(make(1))
    calls = [
        {"key": "city", "context": dict(zip(names, row, strict=True))}
        for row in zip(*columns, strict=True)
    ]
    result, told = measure(lambda: decisions.evaluate_batch(calls), repeats)
    total = 0.0
    for one in result:
        answer = one.get("data", one).get("result", one)
        total += sum(answer.values())
    return {**told, "total_yuan": total}


ENGINES = {
    "liudu": (liudu, "liudu-rules"),
    "liudu_known": (liudu_known, "liudu-rules"),
    "openfisca": (framework("openfisca"), "OpenFisca-Core"),
    "policyengine": (framework("policyengine"), "policyengine-core"),
    "polars": (polars, "polars"),
    "duckdb": (duckdb, "duckdb"),
    "zen": (zen, "zen-engine"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("--rules", type=int, default=10)
    parser.add_argument("--sparse", action="store_true")
    parser.add_argument("--subjects", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    work, package = ENGINES[given.engine]
    told = work(rules_of(given.rules, sparse=given.sparse), given.subjects, given.repeats)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    json.dump({"version": version(package), "memory_peak_mib": peak, **told}, sys.stdout)


if __name__ == "__main__":
    main()
