"""Server time and queries of the main pages at 10,000 needs, 50,000 solutions and 100,000 trials.

Run: uv run python bench/platform_pages.py [--small]

Each database, SQLite and PostgreSQL, is filled alike and asked by a process of its own: middleware,
queries and templates are timed, the network is not. A page is asked for under many keys and
filters, so that no cache answers for it; the first answer after a start is kept apart.
"""

import gc
import itertools
import json
import sys
import time

from platform_databases import fill, in_each_database, session_of
from record import write_result

ROUNDS, PER_ROUND = 5, 20
LIMITS_MS = {"sqlite": 250, "postgresql": 150}
SMALL = {"organisations": 600, "vendors": 300, "needs": 500, "solutions": 2000, "trials": 4000}


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * len(ordered)))]


def people():
    """An officer, a need owner and a vendor, logged in."""
    from django.test import Client

    from liudu.platform.actors import Role
    from liudu.platform.identity.models import Membership, Organisation, User
    from liudu.platform.needs.models import Need
    from liudu.platform.supply.models import Vendor

    bureau = Organisation.objects.create(
        name="场景办", kind="bureau", created_at=Organisation.objects.first().created_at
    )
    homes = {
        Role.OFFICER: bureau,
        Role.NEED_OWNER: Need.objects.first().owner,
        Role.VENDOR: Vendor.objects.first().organisation,
    }
    clients = {"visitor": Client()}
    for role, organisation in homes.items():
        user = User.objects.create_user(f"{role}@example.org", None, name=role)
        Membership.objects.create(
            user=user, organisation=organisation, role=role, since=organisation.created_at
        )
        clients[role.value] = Client()
        clients[role.value].cookies["sessionid"] = session_of(user)
    return clients


def pages():
    """Name, who asks, and the addresses to be asked for in turn."""
    from platform_city import DISTRICTS, SECTORS, THINGS

    from liudu.platform.needs.models import Need
    from liudu.platform.supply.models import Certificate, Solution
    from liudu.platform.trials.models import Trial

    def keys(rows):
        return list(rows.values_list("key", flat=True)[:: max(1, rows.count() // 97)][:97])

    needs = keys(Need.objects.filter(status="published").order_by("pk"))
    solutions = keys(Solution.objects.order_by("pk"))
    trials = keys(Trial.objects.exclude(verdict="").order_by("pk"))
    cases = keys(Certificate.objects.filter(public=True, verdict="passed").order_by("pk"))
    codes = [sector[0] for sector in SECTORS]
    districts = [district[0] for district in DISTRICTS]
    return [
        ("home", "visitor", ["/"]),
        ("needs", "visitor", [f"/needs/?page={n}" for n in range(1, 30)]),
        ("needs, filtered", "officer",
         [f"/needs/?sector={s}&district={d}&stage=trial" for s in codes for d in districts]),
        ("needs, searched", "visitor", [f"/needs/?q={thing}" for thing in THINGS]),
        ("a need", "visitor", [f"/needs/{key}/" for key in needs]),
        ("a need, for the office", "officer", [f"/needs/{key}/" for key in needs]),
        ("solutions, searched", "visitor", [f"/solutions/?q={thing}" for thing in THINGS]),
        ("a solution", "visitor", [f"/solutions/{key}/" for key in solutions]),
        ("trials", "officer", [f"/trials/?page={n}" for n in range(1, 30)]),
        ("a trial", "officer", [f"/trials/{key}/" for key in trials]),
        ("board", "officer", ["/office/board/", *(f"/office/board/?sector={s}" for s in codes)]),
        ("what waits, for the office", "officer", ["/office/"]),
        ("what waits, for a vendor", "vendor", ["/office/"]),
        ("cases", "visitor", [f"/cases/?page={n}" for n in range(1, 30)]),
        ("a case", "visitor", [f"/cases/{key}/" for key in cases]),
        ("search", "visitor", [f"/search/?q={thing}" for thing in THINGS]),
    ]  # fmt: skip


def timed(client, address):
    """Milliseconds and number of queries of one answer."""
    from django.db import connection

    queries = []

    def count(execute, sql, params, many, context):
        queries.append(sql)
        return execute(sql, params, many, context)

    begin = time.perf_counter()
    with connection.execute_wrapper(count):
        response = client.get(address)
        body = getattr(response, "content", b"") or b"".join(response.streaming_content)
    took_ms = (time.perf_counter() - begin) * 1000
    if response.status_code != 200 or not body:
        sys.exit(f"{address} answered {response.status_code}")
    return took_ms, len(queries)


def measure(sizes):
    """Fill the database, ask for every page, and print what was seen as JSON."""
    fill(sizes)
    gc.collect()
    gc.freeze()  # as the program of the web server does (`liudu.platform.wsgi`)
    clients, seen = people(), {}
    for name, who, addresses in pages():
        first_ms, _queries = timed(clients[who], addresses[0])
        turn = itertools.cycle(addresses[1:] + addresses[:1])
        rounds = [
            [timed(clients[who], next(turn)) for _ in range(PER_ROUND)] for _ in range(ROUNDS)
        ]
        times = [ms for one in rounds for ms, _count in one]
        p95s = [percentile([ms for ms, _count in one], 0.95) for one in rounds]
        seen[name] = {
            "first_ms": round(first_ms, 1),
            "p50_ms": round(percentile(times, 0.5), 1),
            "p95_ms": round(percentile(times, 0.95), 1),
            "interval": {"p95_ms": [round(min(p95s), 1), round(max(p95s), 1)]},
            "queries_max": max(count for one in rounds for _ms, count in one),
        }
    print(json.dumps(seen))


def main():
    small = "--small" in sys.argv
    if "--measure" in sys.argv:
        measure(SMALL if small else None)
        return
    figures = {}
    for name, output in in_each_database(__file__, "--measure", *(["--small"] * small)):
        seen = json.loads(output.splitlines()[-1])
        worst = max(seen, key=lambda page: seen[page]["p95_ms"])
        figures[name] = {
            "pages": seen,
            "worst": worst,
            "p95_ms_max": seen[worst]["p95_ms"],
            "interval": {"p95_ms_max": seen[worst]["interval"]["p95_ms"]},
            "limit_ms": LIMITS_MS[name],
        }
        print(f"\n{name}: the slowest is “{worst}”, p95 {seen[worst]['p95_ms']} ms"
              f" (asked: under {LIMITS_MS[name]})")  # fmt: skip
        for page, row in seen.items():
            print(f"  {page:28} p50 {row['p50_ms']:7.1f}  p95 {row['p95_ms']:7.1f}"
                  f"  first {row['first_ms']:7.1f}  queries {row['queries_max']:3}")  # fmt: skip
    if not small:
        write_result("platform_pages", figures)


if __name__ == "__main__":
    main()
