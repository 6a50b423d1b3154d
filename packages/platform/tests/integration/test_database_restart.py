"""The database goes away in the middle and comes back: said so, nothing half written."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from http.cookiejar import CookieJar

import pytest
from clusters import fresh_cluster

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("restart"),  # one cluster and one city for all
]
WORLD = """
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from liudu.platform.clock import now
from liudu.platform.actors import SYSTEM
from liudu.platform.identity import services
services.create_user(by=SYSTEM, at=now(), email="li@example.com", password="six degrees of a city")
"""
COUNTS = """
import django, json; django.setup()
from liudu.platform.audit.queries import verify_chain
from liudu.platform.identity.models import Organisation
found = verify_chain()
names = list(Organisation.objects.order_by("pk").values_list("name", flat=True))
print(json.dumps({"names": names, "count": found.count, "broken": str(found.broken)}))
"""
HALF = """
import django, os, sys; django.setup()
from django.db import OperationalError, connection, transaction
from liudu.platform.clock import now
from liudu.platform.actors import SYSTEM
from liudu.platform.identity import services
try:
    with transaction.atomic():
        services.found_organisation(by=SYSTEM, at=now(), name="只写了一半", kind="company")
        print("half", flush=True)
        sys.stdin.readline()
except OperationalError:
    print("away", flush=True)
services.found_organisation(by=SYSTEM, at=now(), name="重连之后", kind="company")
"""


@pytest.fixture(scope="module")
def cluster():
    """A fresh cluster of its own."""
    with fresh_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def environment(cluster, tmp_path_factory):
    """Where the processes of this city find their database."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LIUDU_")}
    named = {
        **kept,
        "LIUDU_HOME": str(tmp_path_factory.mktemp("home")),
        "LIUDU_EMAIL": "memorymail://",
        "DATABASE_URL": cluster.url,
        "DJANGO_SETTINGS_MODULE": "liudu.platform.settings",
    }
    run(WORLD, named)
    return named


def run(program, environment):
    """Run a program and return what it said last."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip().splitlines()[-1:] or [""]


class Browser:
    """A person's browser: keeps cookies, follows nothing, does not fear a status."""

    def __init__(self, url):
        self.url, self.jar = url, CookieJar()
        keep = urllib.request.HTTPCookieProcessor(self.jar)
        self.opener = urllib.request.build_opener(keep)

    def get(self, path):
        """Return status and text."""
        return self._open(urllib.request.Request(self.url + path))  # noqa: S310 - our own server

    def post(self, path, **fields):
        """Send a form with its token."""
        token = self.get(path)[1].partition('name="csrfmiddlewaretoken" value="')[2]
        return self.send(path, csrfmiddlewaretoken=token.partition('"')[0], **fields)

    def send(self, path, **fields):
        """Send a form as it is."""
        data = urllib.parse.urlencode(fields).encode()
        request = urllib.request.Request(self.url + path, data)  # noqa: S310 - our own server
        request.add_header("Referer", self.url + path)
        return self._open(request)

    def _open(self, request):
        try:
            with self.opener.open(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture
def browser(environment, tmp_path):
    """A browser at a server of one process, which therefore keeps its connections."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (tmp_path / "server.log").open("w") as log:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "liudu.platform.wsgi", "--threads", "2"),
                *("--worker-class", "gthread", "--bind", f"127.0.0.1:{port}"),
            ],
            env=environment,
            stdout=log,
            stderr=log,
        )
        there = Browser(f"http://127.0.0.1:{port}")
        try:
            for _ in range(100):
                try:
                    there.get("/accounts/login/")
                    break
                except OSError:
                    time.sleep(0.2)
            yield there
        finally:
            server.terminate()
            server.wait(20)


def test_a_post_into_a_database_that_is_away_is_told_so_and_done_when_it_is_back(
    browser, cluster, environment
):
    login = {"login": "li@example.com", "password": "six degrees of a city", "next": "/me/"}
    assert browser.post("/accounts/login/", **login)[0] == 200
    status, page = browser.get("/organisations/new/")
    assert status == 200
    token = page.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    form = {"csrfmiddlewaretoken": token, "name": "停电时的公司", "kind": "company"}

    cluster.control("-m", "immediate", "stop")
    status, page = browser.send("/organisations/new/", **form)
    assert status == 503
    assert "停电时的公司" in page  # what was written is not lost
    assert "Traceback" not in page

    cluster.control("start")
    status, _ = browser.send("/organisations/new/", **form)
    assert status == 200
    found = json.loads(run(COUNTS, environment)[0])
    assert found["names"].count("停电时的公司") == 1
    assert found["broken"] == "None"


def test_a_restart_between_two_requests_is_not_noticed(browser, cluster):
    assert browser.get("/")[0] == 200
    cluster.control("-m", "fast", "restart")
    assert browser.get("/")[0] == 200


def test_a_transaction_that_the_restart_cuts_leaves_nothing(cluster, environment):
    with subprocess.Popen(
        [sys.executable, "-c", HALF],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout.readline().strip() == "half"
        cluster.control("-m", "immediate", "restart")
        said, _ = writer.communicate("go on\n", timeout=60)
    assert said.strip() == "away"
    assert writer.returncode == 0
    found = json.loads(run(COUNTS, environment)[0])
    assert "只写了一半" not in found["names"]
    assert "重连之后" in found["names"]
    assert found["broken"] == "None"
