"""Fifty people read and ten write at once, on two web processes: errors, p95, pages a second.

Run: uv run python bench/platform_load.py [--small]

The web server is the one that `liudu up` starts (gunicorn, two processes), on a city of 10,000
needs, 50,000 solutions and 100,000 trials. Readers walk the public pages; writers post drafts of
needs and edit them with an organisation's token. Nobody pauses between two requests, which is
harsher than people are. The clients share the two cores with the server.
"""

import http.client
import itertools
import json
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

from platform_databases import fill, in_each_database
from record import write_result

READERS, WRITERS, SECONDS = 50, 10, 30
SMALL = {"organisations": 600, "vendors": 300, "needs": 500, "solutions": 2000, "trials": 4000}


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * len(ordered)))] if ordered else None


def windows(clients, until):
    """The p95 of each third of the time."""
    seen = [
        (ended, ms)
        for client in clients
        for ended, ms in zip(client.ended_s, client.times_ms, strict=True)
    ]
    edges = [until - SECONDS * share for share in (1, 2 / 3, 1 / 3, -1)]
    thirds = [
        [ms for at, ms in seen if low <= at < high] for low, high in itertools.pairwise(edges)
    ]
    return [percentile(third, 0.95) for third in thirds if third]


class Client:
    """One person with one connection."""

    def __init__(self, port, token=""):
        self.port, self.connection = port, None
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.times_ms, self.ended_s, self.errors = [], [], []

    def ask(self, method, path, body=None):
        """Send one request; keep how long its answer took, or what went wrong."""
        begin = time.perf_counter()
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            content = None if body is None else json.dumps(body)
            headers = self.headers | ({"Content-Type": "application/json"} if body else {})
            self.connection.request(method, path, content, headers)
            response = self.connection.getresponse()
            answer = response.read()
            if response.status >= 400:
                self.errors.append(f"{method} {path} {response.status} {answer[:120]!r}")
            self.times_ms.append((time.perf_counter() - begin) * 1000)
            self.ended_s.append(time.monotonic())
            if response.headers.get("Connection", "").lower() == "close":
                self.close()
            return json.loads(answer) if body and response.status < 400 else None
        except (OSError, http.client.HTTPException) as error:
            self.errors.append(f"{method} {path} {error!r}")
            self.close()
            return None

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


def read(client, addresses, until):
    turn = itertools.cycle(addresses)
    while time.monotonic() < until:
        client.ask("GET", next(turn))


def write(client, until):
    for number in itertools.count():
        if time.monotonic() >= until:
            return
        need = client.ask("POST", "/api/needs", {"title": f"产线外观检测（第 {number} 条）"})
        if need:
            change = {"problem": "人工目检慢，漏检多。", "revision": need["revision"]}
            client.ask("PATCH", f"/api/needs/{need['key']}", change)


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def wait_until_ready(port):
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.2)
    sys.exit("the server did not start")


def prepare(sizes):
    """Fill the database; return the addresses of readers and the writers' tokens."""
    fill(sizes)
    from django.db import connection
    from platform_city import AT

    from liudu.platform import clock
    from liudu.platform.actors import Role
    from liudu.platform.identity import services
    from liudu.platform.identity.models import Membership, Organisation, User
    from liudu.platform.identity.queries import actor_of
    from liudu.platform.needs.models import Need
    from liudu.platform.supply.models import Solution

    tokens = []
    for number, organisation in enumerate(Organisation.objects.order_by("pk")[:WRITERS]):
        user = User.objects.create_user(
            f"writer{number}@example.org", None, name=f"writer {number}"
        )
        Membership.objects.create(
            user=user, organisation=organisation, role=Role.NEED_OWNER, since=AT
        )
        _token, secret = services.make_token(
            by=actor_of(user), at=clock.now(), organisation=organisation, name="bench",
            roles=[Role.NEED_OWNER], expires_at=clock.now().replace(year=clock.now().year + 1),
        )  # fmt: skip
        tokens.append(secret)
    needs = Need.objects.filter(status="published").values_list("key", flat=True)[:40]
    solutions = Solution.objects.values_list("key", flat=True)[:40]
    pages = ["/", "/needs/", f"/needs/?q={quote('晶圆')}", "/solutions/", "/cases/"]
    pages += [f"/needs/{key}/" for key in needs] + [f"/solutions/{key}/" for key in solutions]
    connection.close()
    return pages, tokens


def measure(sizes):
    """Fill the database, start the server, let the crowd in; print what was seen as JSON."""
    pages, tokens = prepare(sizes)
    port = free_port()
    liudu = Path(sys.executable).with_name("liudu")
    options = ["--port", str(port), "--web", "2", "--workers", "0"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen([liudu, "up", *options], **quiet)
    try:
        wait_until_ready(port)
        readers = [Client(port) for _ in range(READERS)]
        writers = [Client(port, token) for token in tokens]
        until = time.monotonic() + SECONDS
        with ThreadPoolExecutor(READERS + WRITERS) as crowd:
            walks = [
                crowd.submit(read, client, pages[n:] + pages[:n], until)
                for n, client in enumerate(readers)
            ] + [crowd.submit(write, client, until) for client in writers]
        for walk in walks:
            walk.result()  # whoever fell over must not be missing in silence
    finally:
        server.terminate()
        server.wait(30)
    reads = [ms for client in readers for ms in client.times_ms]
    p95s = windows(readers, until)
    writes = [ms for client in writers for ms in client.times_ms]
    errors = [error for client in readers + writers for error in client.errors]
    print(json.dumps({
        "errors": len(errors), "first_errors": errors[:5],
        "interval": {"read_p95_ms": [round(min(p95s)), round(max(p95s))]},
        "reads": len(reads), "reads_per_s": round(len(reads) / SECONDS, 1),
        "read_p50_ms": round(percentile(reads, 0.5)), "read_p95_ms": round(percentile(reads, 0.95)),
        "writes": len(writes), "write_p50_ms": round(percentile(writes, 0.5) or 0),
        "write_p95_ms": round(percentile(writes, 0.95) or 0),
    }))  # fmt: skip


def main():
    small = "--small" in sys.argv
    if "--measure" in sys.argv:
        measure(SMALL if small else None)
        return
    figures = {}
    for name, output in in_each_database(__file__, "--measure", *(["--small"] * small)):
        figures[name] = json.loads(output.splitlines()[-1])
        print(name, json.dumps(figures[name], ensure_ascii=False))
    if not small:
        write_result("platform_load", figures)


if __name__ == "__main__":
    main()
