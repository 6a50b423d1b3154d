"""Django set up once for the tests of the desk; each test has a database of its own."""

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import attrs
import numpy as np
import pytest

from liudu.outbreak.desk.settings import Site, configure
from liudu.outbreak.series import SeriesTable, week_number, write_series

ROOT = Path(tempfile.mkdtemp(prefix="liudu-desk-tests-"))
AT = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
LAST = week_number("2026-W46", calendar="iso")
WEEKS = 120
PASSWORD = "a long enough password"  # noqa: S105 - of a user that lives for one test

configure(Site(folder=ROOT / "template", hosts=("testserver", "localhost"), mail="off"))

from django.conf import settings  # noqa: E402 - after configure
from django.core.cache import cache  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402

from liudu.outbreak.desk import services, watching  # noqa: E402

# What makes passwords safe makes tests slow.
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
call_command("migrate", verbosity=0, interactive=False)
connection.close()


def pytest_sessionfinish():
    connection.close()
    shutil.rmtree(ROOT, ignore_errors=True)


@pytest.fixture
def site(tmp_path):
    """A fresh data folder with a migrated, empty database."""
    template = settings.LIUDU_SITE
    fresh = attrs.evolve(template, folder=tmp_path / "data")
    fresh.own.mkdir(parents=True)
    connection.close()
    shutil.copy(ROOT / "template" / "desk" / "desk.sqlite3", fresh.database)
    settings.LIUDU_SITE = fresh
    connection.settings_dict["NAME"] = str(fresh.database)
    cache.clear()
    yield fresh
    connection.close()
    settings.LIUDU_SITE = template


@pytest.fixture
def counts(site):
    """Write a table with two unusual rises in the newest week."""
    rng = np.random.default_rng(11)
    keys = [(d, s) for d in ("昆山市", "太仓市") for s in ("诺如病毒", "百日咳")]
    rows = np.array([rng.poisson(10, WEEKS) for _ in keys], float)
    rows[0, -1], rows[3, -1] = 70, 45
    table = SeriesTable(
        columns=("district", "disease"), keys=tuple(keys), calendar="iso",
        first_week=LAST - WEEKS + 1, counts=rows,
    )  # fmt: skip
    write_series(site.folder / "series.csv", table)
    return table


def _detect():
    run = services.begin_run(at=AT, by="test")
    watching.detect_newest(run)
    run.refresh_from_db()
    return run


@pytest.fixture
def detect():
    """Return the function that runs a detection to its end."""
    return _detect


@pytest.fixture
def detected(counts):
    """The signals of the newest week, raised."""
    run = _detect()
    assert run.state == "done", run.message_en
    return run


@pytest.fixture
def member(site):
    """Return a function that makes a member and a client signed in as that member."""

    def made(name="lin", *, role="investigator", districts=(), language="zh"):
        user = services.create_user(
            name, password=PASSWORD, role=role, districts=districts, at=AT, by="test"
        )
        client = Client()
        client.force_login(user)
        client.cookies["liudu_lang"] = language
        return client

    return made
