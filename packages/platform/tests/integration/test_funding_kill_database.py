"""The database goes away, is locked or full in the middle of a matching: the worker goes on."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from clusters import fresh_cluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PROGRAM = Path(__file__).parents[1] / "mortal.py"
MIGRATE = """
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
"""


@pytest.fixture
def environment(tmp_path):
    """Where the processes of this city find their database."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LIUDU_")}
    return {
        **kept,
        "LIUDU_HOME": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path}/city.sqlite3",
        "DJANGO_SETTINGS_MODULE": "liudu.platform.settings",
    }


def hindered(environment, how):
    """Start a worker whose database will be hindered."""
    subprocess.run([sys.executable, "-c", MIGRATE], env=environment, check=True)
    return subprocess.Popen(
        [sys.executable, PROGRAM, "hinder", "1", how],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process, line=""):
    """Let a worker go on; return its log once all is right."""
    said, log = process.communicate(line, timeout=200)
    assert process.returncode == 0, log[-3000:]
    assert json.loads(said.splitlines()[-1])["problems"] == []
    return log


def test_a_matching_goes_on_after_postgresql_was_stopped_at_once(environment):
    with fresh_cluster() as cluster:
        environment["DATABASE_URL"] = cluster.url
        with hindered(environment, "away") as process:
            assert process.stdout.readline().strip() == "halfway"
            cluster.control("-m", "immediate", "stop")
            process.stdin.write("go on\n")
            process.stdin.flush()
            assert any("takes no work, trying again" in one for one in process.stderr)
            cluster.control("start")
            ended(process)


def test_a_matching_goes_on_after_another_writer_held_the_file_too_long(environment):
    with hindered(environment, "locked") as process:
        assert process.stdout.readline().strip() == "halfway"
        other = sqlite3.connect(environment["DATABASE_URL"].removeprefix("sqlite:///"))
        other.execute("BEGIN IMMEDIATE")
        process.stdin.write("go on\n")
        process.stdin.flush()
        assert any(
            "takes no work, trying again: database is locked" in one for one in process.stderr
        )
        other.rollback()
        other.close()
        ended(process)


def test_a_matching_goes_on_after_the_disk_was_full(environment):
    with hindered(environment, "full") as process:
        assert any("takes no work, trying again" in one for one in process.stderr)
        ended(process, "go on\n")


def test_a_matching_keeps_its_version_though_another_process_loads_a_new_text(environment):
    with hindered(environment, "loaded") as process:
        assert process.stdout.readline().strip() == "halfway"
        load = "import mortal; mortal.load_another()"
        subprocess.run(
            [sys.executable, "-c", load], env=environment, cwd=PROGRAM.parent, check=True
        )
        ended(process, "go on\n")
