"""The commands as real processes: they speak, refuse in words, start, restart and end."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from liudu.console import Console
from liudu.platform.commands.up import environment_of

SUZHOU = Path(__file__).parents[4] / "cities" / "suzhou"
START_S = 120


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def environment(home):
    clean = {key: value for key, value in os.environ.items() if not key.startswith("LIUDU_")}
    clean.pop("DATABASE_URL", None)
    return clean | {
        "LIUDU_HOME": str(home),
        "LIUDU_LANG": "en",
        "DJANGO_SETTINGS_MODULE": "liudu.platform.settings",
        "PYTHONWARNINGS": "default",
    }


@pytest.fixture
def liudu(environment):
    """Run a command to its end."""

    def run(*arguments, stdin="", **more):
        return subprocess.run(
            [sys.executable, "-m", "liudu.platform.cli", *arguments],
            env=environment | more,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=START_S,
            check=False,
        )

    return run


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_help_names_every_command_at_once(liudu):
    told = liudu("--help")
    assert told.returncode == 0
    for name in ("up", "demo", "worker", "city", "doctor", "audit", "user", "organisation"):
        assert f"\n  {name}" in told.stdout


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
def test_what_a_command_writes_is_for_its_user_alone_even_where_files_are_made_open(liudu, home):
    before = os.umask(0)
    try:
        assert liudu("manage", "migrate").returncode == 0
    finally:
        os.umask(before)
    written = [home / "private", *(path for path in home.iterdir() if path.is_file())]
    assert home / "liudu.sqlite3" in written
    assert {path.name: path.stat().st_mode & 0o077 for path in written} == {
        path.name: 0 for path in written
    }


@pytest.mark.slow
def test_a_bad_pack_ends_with_2_and_every_line_that_is_wrong(liudu, tmp_path):
    folder = tmp_path / "city"
    shutil.copytree(SUZHOU, folder, ignore=shutil.ignore_patterns("policies"))
    path = folder / "places.yaml"
    path.write_text(path.read_text("utf-8").replace("kind: park", "kind: garden"), "utf-8")
    for verb in ("check", "load"):
        told = liudu("city", verb, str(folder))
        assert told.returncode == 2
        assert "places.yaml:" in told.stderr
    answer = json.loads(liudu("city", "check", str(folder), "--json").stdout)
    assert {problem["file"] for problem in answer["error"]["problems"]} == {"places.yaml"}


@pytest.mark.slow
def test_a_city_is_loaded_people_are_made_and_the_audit_holds_until_somebody_changes_it(
    liudu, home
):
    first = json.loads(liudu("city", "load", str(SUZHOU), "--json").stdout)
    assert first["fresh"]
    assert not json.loads(liudu("city", "load", str(SUZHOU), "--json").stdout)["fresh"]
    bureau = json.loads(liudu("organisation", "create", "场景办", "--json").stdout)["key"]
    made = liudu(
        *("user", "create", "office@example.org", "--name", "沈知行", "--password-stdin"),
        *("--organisation", bureau, "--role", "officer"),
        stdin="a long enough passphrase\n",
    )
    assert made.returncode == 0, made.stderr
    again = liudu(
        "user", "create", "office@example.org", "--password-stdin", stdin="another passphrase!\n"
    )
    assert again.returncode == 2
    assert liudu("audit", "verify").returncode == 0
    subprocess.run(
        [sys.executable, "-c", TAMPER, str(home / "liudu.sqlite3")], check=True, timeout=START_S
    )
    told = liudu("audit", "verify", "--json")
    assert told.returncode == 1
    assert json.loads(told.stdout)["broken_at"] == 1


TAMPER = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as database:
    found = database.execute("select name from sqlite_master where type='trigger'").fetchall()
    for (name,) in found:
        database.execute(f'drop trigger "{name}"')
    database.execute("update audit_line set actor_name='nobody' where number=1")
"""


@pytest.mark.slow
def test_the_audit_of_no_database_cannot_be_verified(liudu):
    assert liudu("audit", "verify").returncode == 3


@pytest.mark.slow
def test_the_doctor_tells_of_this_machine(liudu):
    told = liudu("doctor", "--json")
    answer = json.loads(told.stdout)
    codes = {finding["code"] for finding in answer["findings"]}
    assert {"home", "disk", "sandbox", "font", "database", "queue", "clock", "keys"} <= codes
    assert told.returncode == (0 if answer["trials_possible"] else 1)


@pytest.mark.slow
def test_the_doctor_says_that_a_postgresql_out_of_reach_stops_trials(liudu):
    told = liudu("doctor", "--json", DATABASE_URL="postgresql://nobody:x@127.0.0.1:1/nothing")
    answer = json.loads(told.stdout)
    (database,) = [one for one in answer["findings"] if one["code"] == "database"]
    assert told.returncode == 1
    assert database["stops_trials"]
    assert "DATABASE_URL" in database["remedy"]


@pytest.mark.slow
def test_a_taken_port_is_said_in_words_with_another_to_take(liudu, port):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        told = liudu("up", "--port", str(port))
    assert told.returncode == 3
    assert f"--port {port + 1}" in told.stderr


@contextmanager
def started(environment, *arguments):
    """Start a command that stays up; end it politely, or else by force."""
    process = subprocess.Popen(
        [sys.executable, "-m", "liudu.platform.cli", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        process.stdout.close()


def ready(process):
    """Return what the command says once its pages answer."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("}"):
            return json.loads("".join(lines))
    raise AssertionError("".join(lines))


def fetched(url):
    with urlopen(url, timeout=30) as answer:  # noqa: S310 - our own pages
        return answer.status, answer.read().decode()


def children_of(pid):
    """Return number and command line of the processes below another."""
    found = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            line = (status.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, ValueError):
            continue
        if parent == pid:
            found[int(status.parent.name)] = line
    return found


def eventually(holds, *, seconds=150):
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        if holds():
            return True
        time.sleep(0.2)
    return False


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_a_killed_worker_is_started_again_and_all_end_with_their_keeper(environment, port):
    arguments = ("up", "--json", "--port", str(port), "--workers", "1", "--web", "1")
    with started(environment, *arguments) as process:
        url = ready(process)["url"]
        assert fetched(url)[0] == 200
        before = children_of(process.pid)
        (worker,) = [pid for pid, line in before.items() if "worker" in line.split()]
        os.kill(worker, signal.SIGKILL)
        assert eventually(
            lambda: any(
                "worker" in line.split() and pid != worker
                for pid, line in children_of(process.pid).items()
            )
        )
        family = children_of(process.pid)
        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 0
    assert not [pid for pid in family if Path(f"/proc/{pid}").exists()]
    with pytest.raises(URLError):
        fetched(url)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel to end orphans")
def test_nothing_is_left_when_the_keeper_itself_is_killed(environment, port):
    arguments = ("up", "--json", "--port", str(port), "--workers", "1", "--web", "1")
    with started(environment, *arguments) as process:
        ready(process)
        family = children_of(process.pid)
        process.kill()
        process.wait()
    assert eventually(lambda: not [pid for pid in family if Path(f"/proc/{pid}").exists()])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_demo_turns_the_loop_to_a_certificate_that_verifies(environment, home, port):
    pytest.importorskip("liudu.inspect", reason="the demo's solution is packed by liudu-inspect")
    told = subprocess.run(
        [
            *(sys.executable, "-m", "liudu.platform.cli", "demo", "--check", "--json"),
            *("--port", str(port), "--workers", "1", "--web", "1", "--pieces", "300"),
            *("--city", str(SUZHOU)),
        ],
        env=environment,
        capture_output=True,
        text=True,
        timeout=560,
        check=False,
    )
    assert told.returncode == 0, told.stdout[-2000:] + told.stderr[-2000:]
    assert '"verified": true' in told.stdout
    assert (home / "demo" / "accounts.json").is_file()


def test_the_processes_of_a_platform_speak_the_language_of_their_keeper():
    console = Console(language="en", json=False)
    assert environment_of(console)["LIUDU_LANG"] == "en"


@pytest.mark.slow
def test_a_demo_does_not_touch_a_platform_that_is_none(liudu, environment, port):
    assert liudu("organisation", "create", "场景办").returncode == 0
    for options in ((), ("--fresh",)):
        told = liudu("demo", "--port", str(port), "--city", str(SUZHOU), *options)
        assert told.returncode == 2
        assert "no demo" in told.stderr
