"""What trials need: a published need with a promise, an offer with a bundle, data in a zip."""

import io
import os
import subprocess
import sys
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import connection

from liudu.platform.actors import SYSTEM, Actor, Role
from liudu.platform.city.models import Sector
from liudu.platform.identity.models import Organisation
from liudu.platform.needs.models import Need
from liudu.platform.supply import bundles
from liudu.platform.supply.models import Offer, Solution, Vendor, Version
from liudu.platform.trials import services
from liudu.platform.trials.models import Seal, Trial
from liudu.platform.trials.runner import seal as seal_now

AT = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
MANIFEST = """{"contract": "liudu.trial/1", "name": "bright", "version": "1", "vendor": "test",
"entry": ["python3", "main.py"], "mode": "batch", "tasks": ["classify"],
"runtime": {"use": "system"}, "resources": {"cpu": 1, "memory_mib": 256},
"licence": "Apache-2.0"}"""
ANSWER = """
import json, os, pathlib, time
source, target = pathlib.Path(os.environ["LIUDU_IN"]), pathlib.Path(os.environ["LIUDU_OUT"])
{before}
with (target / "predictions.jsonl").open("w") as out:
    for line in (source / "items.jsonl").open():
        item = json.loads(line)
        label = "bad" if b"x" in (source / item["path"]).read_bytes() else "ok"
        out.write(json.dumps({{"id": item["id"], "label": label, "score": 0.5}}) + "\\n")
"""
TARGETS = {
    "task": "classify",
    "positive": "bad",
    "mode": "batch",
    "level": "process",
    "targets": [
        {"metric": "miss_rate", "op": "<", "limit": 0.5, "confidence": 0.95},
        {"metric": "overkill_rate", "op": "<=", "limit": 0.5, "confidence": 0.95},
    ],
}


def organisation(name, *, kind="company"):
    """Return an organisation of that name."""
    return Organisation.objects.get_or_create(name=name, defaults={"kind": kind, "created_at": AT})[
        0
    ]


def actor(of, *roles):
    """Return somebody with roles who acts for an organisation."""
    return Actor(
        kind="person",
        key=f"{of.key}-{len(roles)}",
        name="某人",
        organisation_key=of.key,
        organisation_name=of.name,
        roles=frozenset(Role(role) for role in roles),
    )


def a_need(owner, *, targets=None):
    """Return a published need."""
    sector, _ = Sector.objects.get_or_create(
        code="manufacturing", defaults={"number": 1, "name": "制造", "name_en": "Manufacturing"}
    )
    return Need.objects.create(
        owner=owner,
        title="焊点漏检",
        sector=sector,
        targets=targets or TARGETS,
        status=Need.Status.PUBLISHED,
        created_at=AT,
        updated_at=AT,
        published_at=AT,
    )


def an_offer(need, *, vendor="六角视觉", before="", files=None):
    """Return an offer of a version that conforms; `before` is run before its first answer."""
    who, _ = Vendor.objects.get_or_create(
        organisation=organisation(vendor), defaults={"updated_at": AT}
    )
    solution = Solution.objects.create(
        vendor=who, name="明察", created_at=AT, updated_at=AT, task="classify"
    )
    version = Version.objects.create(
        solution=solution,
        number=1,
        file_name="bright.zip",
        size_bytes=1,
        archive_digest=solution.key,
        state=Version.State.CONFORMS,
        uploaded_at=AT,
        uploaded_by="某人",
    )
    content = {"liudu-solution.json": MANIFEST, "main.py": ANSWER.format(before=before)}
    path = bundles.path_of(version.key)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(zipped(files or content))
    return Offer.objects.create(need=need, version=version, vendor=who, offered_at=AT)


def zipped(files):
    """Return files by name as the bytes of a zip."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def some_data(*, count=20, name="{:03}.txt", bad="bad", ok="ok"):
    """Return a zip with pieces of which every other is bad, and their labels."""
    files, rows = {}, ["file,label"]
    for number in range(count):
        file = name.format(number)
        files[f"data/{file}"] = f"{number} {'x' if number % 2 else 'o'}"
        rows.append(f"{file},{bad if number % 2 else ok}")
    return io.BytesIO(zipped({**files, "labels.csv": "\n".join(rows) + "\n"}))


def a_seal(need, *, data=None, simulated=True):
    """Return a seal of a need, sealed here and now."""
    sealed = services.seal_data(
        by=actor(need.owner, "need_owner"),
        at=AT,
        need=need,
        stream=data or some_data(),
        simulated=simulated,
    )
    seal_now(sealed.key)
    sealed.refresh_from_db()
    assert sealed.state == Seal.State.SEALED, sealed.reason_code
    return sealed


def a_trial(need, *, vendor="六角视觉", before="", files=None):
    """Return a queued trial."""
    offer = an_offer(need, vendor=vendor, before=before, files=files)
    return services.start_trial(by=SYSTEM, at=AT, offer=offer)


def database_url():
    """Return where another process finds the database of this test."""
    if connection.vendor == "sqlite":
        return f"sqlite:///{connection.settings_dict['NAME']}"
    address = connection.settings_dict
    host = address["HOST"] or address["OPTIONS"]["host"]
    return f"postgres://{address['USER']}@/{address['NAME']}?host={host}"


def worker(*, once=True, lease_s=2, url=""):
    """Start a worker as a process of its own."""
    code = (
        "import django; django.setup(); from liudu.platform.trials.work import run_worker; "
        f"run_worker(once={once}, idle_s=0.1)"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "liudu.platform.settings",
            "LIUDU_HOME": str(settings.HOME),
            "LIUDU_TRIAL_LEASE_S": str(lease_s),
            "DATABASE_URL": url or database_url(),
        },
        stderr=subprocess.PIPE,
        text=True,
    )


def until(condition, *, seconds=240):
    """Wait until something is so; fail if it never is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come to that")


def now(trial):
    """Return a trial as the database has it."""
    return Trial.objects.get(pk=trial.pk)


def files_below(folder):
    """Return the names of all files below a folder."""
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*"))
