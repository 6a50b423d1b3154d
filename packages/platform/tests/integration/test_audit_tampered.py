"""Somebody with all rights over the database changes the audit: the command names the line."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from importlib import import_module

import pytest
from django.conf import settings
from django.db import connection, transaction
from trial_city import database_url

from liudu.platform.actors import SYSTEM
from liudu.platform.audit.services import record

COMMAND = "from liudu.platform.cli import main; main()"
TRIGGERS = import_module("liudu.platform.audit.migrations.0002_lines_are_only_added")
pytestmark = [
    pytest.mark.everywhere,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
]


@contextmanager
def all_rights():
    """Give a cursor that no trigger stops."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET session_replication_role = replica")
            yield cursor
            cursor.execute("SET session_replication_role = DEFAULT")
            return
        TRIGGERS.fall(None, connection.schema_editor())
        yield cursor
        TRIGGERS.stand(None, connection.schema_editor())


def verify():
    """Run `liudu audit verify` as a process; return its status and its JSON."""
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "audit", "verify", "--json"],
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
    assert done.stdout, done.stderr[-2000:]
    return done.returncode, json.loads(done.stdout)


SWAP = (
    "UPDATE audit_line SET number = 100 WHERE number = 3",
    "UPDATE audit_line SET number = 3 WHERE number = 5",
    "UPDATE audit_line SET number = 5 WHERE number = 100",
)


def test_the_command_names_the_first_line_that_was_changed_removed_or_swapped(at):
    with transaction.atomic():
        for number in range(6):
            record(
                at=at, by=SYSTEM, verb="funding.grant.paid", subject_kind="grant",
                subject_key=f"g{number}", amount_fen=100,
            )  # fmt: skip
    assert verify()[0] == 0
    for deeds, first in (
        (SWAP, 3),
        (("UPDATE audit_line SET content = '{\"amount_fen\": 1}' WHERE number = 2",), 2),
        (("DELETE FROM audit_line WHERE number = 1",), 1),
    ):
        with all_rights() as cursor:
            for sql in deeds:
                cursor.execute(sql)
        status, told = verify()
        assert (status, told["intact"]) == (1, False)
        assert (told["broken_at"], told["count"]) == (first, first - 1)
        assert told["wrong"]
