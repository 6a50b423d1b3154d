"""Peak memory and time of ten million subjects, taken in chunks, with 200 rules.

    uv run python bench/rules_memory.py

Each chunk is a table of a million enterprises with 6 % of the cells unknown; groups and limits
per subject are settled too. A round is a process of its own, and its peak is what the system says.
The claim is of the dense rules (9 % eligible on average, so many amounts); the sparse ones of
rules_speed.py stand beside them.
"""

import json
import resource
import subprocess
import sys
import time
from datetime import date

from record import write_result
from rules_city import as_pack, make, many_rules, unknown
from rules_ours import as_table

from liudu.rules import compile_pack, read_pack
from liudu.rules._city import run_city

CHUNKS = 10
CHUNK = 1_000_000
RULES = 200
ROUNDS = 2


def once(sparse):
    pack = read_pack(as_pack(many_rules(RULES, sparse=sparse)))
    program = compile_pack(pack, on=date(2026, 6, 1))
    spent = [0.0]

    def tables():
        for index in range(CHUNKS):
            start = time.process_time()
            table = as_table(pack, make(CHUNK, index), unknown(CHUNK, 0.06, index))
            spent[0] += time.process_time() - start
            yield table

    start = time.process_time()
    count = run_city(program, tables())
    told = {
        "subjects": count.subjects,
        "cpu_s": time.process_time() - start - spent[0],
        "eligible": sum(one.eligible for one in count.rules),
        "memory_peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    json.dump(told, sys.stdout)


def measure(name):
    """Return peak memory and CPU seconds of one pack, over the rounds."""
    rounds = []
    for _ in range(ROUNDS):
        command = [sys.executable, __file__, "--once", name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rounds.append(json.loads(done.stdout))
        one = rounds[-1]
        figures = f"{one['memory_peak_mib']:.0f} MiB, {one['cpu_s']:.1f} CPU-s"
        print(f"{one['subjects']:,} subjects × {RULES} {name} rules: {figures}", flush=True)
    return {
        figure: {"value": max(values), "interval": [min(values), max(values)]}
        for figure in ("memory_peak_mib", "cpu_s")
        for values in [[one[figure] for one in rounds]]
    }


def main():
    if "--once" in sys.argv:
        once(sparse=sys.argv[-1] == "sparse")
        return
    head = {"subjects": CHUNKS * CHUNK, "rules": RULES, "chunk": CHUNK}
    write_result("rules_memory", {**head, **measure("dense"), "sparse": measure("sparse")})


if __name__ == "__main__":
    main()
