"""How long it takes to explain one subject over the wire: all clauses of the city, every reason.

    uv run python bench/platform_subject.py

A fresh home on SQLite, the 36 clauses of cities/suzhou in their packs, one company and one person
with every fact that the policies ask of them, gunicorn with one worker on the loopback. A request
goes through login session, permission, facts from the database, the rules, JSON. Each answer is
compared with the first.
"""

import http.cookiejar
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

import numpy as np
from record import write_result

ROOT = Path(__file__).parents[1]
REQUESTS = 400
WARM = 30
PASSWORD = "a long enough password"  # noqa: S105 - of a home that is thrown away
SEED = """
import django
django.setup()
from pathlib import Path
from liudu.platform import clock
from liudu.platform.actors import SYSTEM
from liudu.platform.funding import queries, services
from liudu.platform.identity.models import Membership, Organisation, User
at = clock.now()
services.load_policies(by=SYSTEM, at=at, folder=Path("cities/suzhou/policies"))
company = Organisation.objects.create(name="Bench", kind="company", created_at=at)
user = User.objects.create_user("bench@example.com", "a long enough password", name="Bench")
Membership.objects.create(user=user, organisation=company, role="member", since=at)
subjects = [
    services.subject_for_organisation(at=at, organisation=company),
    services.subject_for_user(at=at, user=user),
]
known = {"bool": "true", "count": "3", "money": "100000", "rate": "0.5", "date": "2025-09-01"}
for subject in subjects:
    for name, facts in queries.fact_catalogue(subject.kind, on=clock.today()).items():
        fact = facts[0]
        text = fact.type.labels[-1] if fact.type.labels else known[fact.type.kind]
        services.enter_fact(by=SYSTEM, at=at, subject=subject, name=name, text=text)
    print(subject.kind, subject.key)
"""


def seeded(environment):
    """Make the home and return the keys of the subjects by kind."""
    where = {"env": environment, "cwd": ROOT}
    subprocess.run(["liudu", "manage", "migrate", "-v0"], check=True, **where)
    command = [sys.executable, "-c", SEED]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **where)
    return dict(line.split() for line in done.stdout.splitlines())


def cpu_s(server):
    """Return the CPU seconds that the workers of a server have used so far."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    ticks = 0
    for child in children:
        fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def opened(address):
    """Return a browser that has logged in."""
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    for _ in range(100):
        try:
            browser.open(f"{address}/accounts/login/").read()
            break
        except OSError:
            time.sleep(0.1)
    token = next(one.value for one in jar if one.name == "csrftoken")
    form = {"login": "bench@example.com", "password": PASSWORD, "csrfmiddlewaretoken": token}
    browser.open(f"{address}/accounts/login/", urllib.parse.urlencode(form).encode()).read()
    return browser


def timed(browser, url):
    """Return the milliseconds of every request and how many rules answer."""
    first = browser.open(url).read()
    times = []
    for index in range(WARM + REQUESTS):
        start = time.perf_counter()
        answer = browser.open(url).read()
        if index >= WARM:
            times.append((time.perf_counter() - start) * 1e3)
        if answer != first:
            raise SystemExit("Two answers to one question differ.")
    return times, len(json.loads(first))


def main():
    home = Path(tempfile.mkdtemp(prefix="liudu-bench-"))
    environment = {
        **os.environ,
        "LIUDU_HOME": str(home),
        "DJANGO_SETTINGS_MODULE": "liudu.platform.settings",
    }
    environment.pop("DATABASE_URL", None)
    keys = seeded(environment)
    port = free_port()
    command = ["gunicorn", "-w", "1", "-b", f"127.0.0.1:{port}", "liudu.platform.wsgi"]
    server = subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    answer = {"requests": REQUESTS, "workers": 1, "database": "SQLite"}
    try:
        browser = opened(address)
        for kind, key in keys.items():
            before = cpu_s(server)
            times, count = timed(browser, f"{address}/api/funding/subjects/{key}/explanation")
            cpu_ms = (cpu_s(server) - before) * 1e3 / (WARM + REQUESTS)
            low, middle, high = np.quantile(times, [0.05, 0.5, 0.95])
            answer[kind] = {"rules": count, "p05_ms": low, "p50_ms": middle, "p95_ms": high}
            answer[kind]["server_cpu_ms"] = cpu_ms
            answer[kind]["p95s_ms"] = [np.quantile(part, 0.95) for part in np.array_split(times, 4)]
            print(
                f"{kind}: {count} rules, p50 {middle:.1f} ms, p95 {high:.1f} ms, "
                f"{cpu_ms:.1f} ms of the server's processor"
            )
        slowest = max(keys, key=lambda kind: answer[kind]["p95_ms"])
        answer["p95_ms"] = answer[slowest]["p95_ms"]
        parts = answer[slowest]["p95s_ms"]
        answer["interval"] = {"p95_ms": [min(parts), max(parts)]}  # of four quarters
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(home, ignore_errors=True)
    if "--print-only" not in sys.argv:
        write_result("platform_subject", answer)


if __name__ == "__main__":
    main()
