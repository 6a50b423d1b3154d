"""No grant is paid twice: real processes on a real database, killed wherever they are.

The suite meets a seeded share of all points; `LIUDU_KILL_SHARE=1` meets every one of them
(about seven hundred), `LIUDU_KILL_SEED` draws others.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from trial_city import database_url

pytestmark = [
    pytest.mark.everywhere,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(900),  # of a machine under load; all points take some minutes
]
PROGRAM = Path(__file__).parents[1] / "mortal.py"
SEED = os.environ.get("LIUDU_KILL_SEED", "20261120")
SHARE = os.environ.get("LIUDU_KILL_SHARE", "0.1")


def mortal(*words):
    """Run the program and return what it says."""
    done = subprocess.run(
        [sys.executable, PROGRAM, *words],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "liudu.platform.settings",
            "LIUDU_HOME": str(settings.HOME),
            "DATABASE_URL": database_url(),
        },
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_everybody_is_paid_once_though_processes_are_killed_at_every_step():
    told = mortal("deliver", SEED, SHARE)
    assert told["problems"] == []
    assert sum(told["kills"].values()) >= 700 * float(SHARE) / 2


def test_two_workers_of_which_one_is_killed_grant_once_and_keep_the_budget():
    told = mortal("pair", SEED, "6")
    assert told["problems"] == []
    assert told["kills"]["pair"] >= 1
