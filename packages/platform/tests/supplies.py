"""What the tests of supply stand on: bundles, good and hostile, and a city with two vendors."""

import io
import json
import stat
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import attrs

from liudu.platform.actors import Actor, Role
from liudu.platform.city.models import Sector
from liudu.platform.identity.models import Membership, Organisation, User
from liudu.platform.needs.models import Need
from liudu.platform.supply import services
from liudu.platform.supply.models import Vendor, Version
from liudu.trial import certificate as certificates
from liudu.trial import keys

AT = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
EXAMPLES = Path(__file__).parents[3] / "examples" / "solutions"
MANIFEST = {
    "contract": "liudu.trial/1",
    "name": "board-check",
    "version": "1.0.0",
    "entry": ["python3", "main.py"],
    "mode": "batch",
    "tasks": ["classify"],
    "runtime": {"use": "system"},
    "resources": {"cpu": 1, "memory_mib": 256},
}
TARGETS = {
    "task": "classify",
    "positive": "defective",
    "targets": [
        {"metric": "miss_rate", "op": "<", "limit": 0.1},
        {"metric": "overkill_rate", "op": "<=", "limit": 0.2},
    ],
}


def zipped(files=None, *, manifest=MANIFEST, links=None):
    """Return a zip: the manifest, `files` by name, and symbolic links by name."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        if manifest is not None:
            archive.writestr("liudu-solution.json", json.dumps(manifest))
        for name, content in {"main.py": "print()", **(files or {})}.items():
            archive.writestr(zipfile.ZipInfo(name), content)
        for name, leads_to in (links or {}).items():
            entry = zipfile.ZipInfo(name)
            entry.create_system = 3
            entry.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(entry, leads_to)
    return target.getvalue()


def tarred(*members, manifest=MANIFEST):
    """Return a tar.gz: the manifest, a program, and further members of any kind."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for name, content in (("liudu-solution.json", json.dumps(manifest)), ("main.py", "")):
            entry = tarfile.TarInfo(name)
            entry.size = len(content.encode())
            archive.addfile(entry, io.BytesIO(content.encode()))
        for entry, content in members:
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return target.getvalue()


def member(name, *, kind=tarfile.REGTYPE, link=""):
    """Return a tar's header of any kind."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, link
    return entry


def packed(name):
    """Return one of the examples as a zip."""
    folder = EXAMPLES / name
    files = {
        path.name: path.read_text() for path in folder.iterdir() if path.suffix in {".py", ".sh"}
    }
    manifest = json.loads((folder / "liudu-solution.json").read_text())
    target = io.BytesIO(zipped(files, manifest=manifest))
    return target.getvalue()


@attrs.frozen(kw_only=True)
class Party:
    """An organisation and who acts for it."""

    organisation: Organisation
    user: User
    actor: Actor


def party(name, *roles, kind="company"):
    """Make an organisation with one person who has these roles."""
    organisation = Organisation.objects.create(name=name, kind=kind, created_at=AT)
    user = User.objects.create_user(
        f"{organisation.key}@example.org", "a long enough password", name=name
    )
    for role in roles:
        Membership.objects.create(user=user, organisation=organisation, role=role, since=AT)
    actor = Actor(
        kind="person",
        key=user.key,
        name=name,
        organisation_key=organisation.key,
        organisation_name=name,
        roles=frozenset(roles),
    )
    return Party(organisation=organisation, user=user, actor=actor)


def vendor(name="看得见科技"):
    """Make a vendor."""
    made = party(name, Role.VENDOR)
    services.register_vendor(by=made.actor, at=AT, organisation=made.organisation)
    return made


def solution(whose, *, name="电路板缺陷检测", public=True):
    """Make a solution."""
    return services.add_solution(
        by=whose.actor,
        at=AT,
        vendor=Vendor.objects.get(organisation=whose.organisation),
        name=name,
        name_en="Board check",
        public=public,
    )


def upload(whose, of, content=None, *, file_name="board.zip"):
    """Upload a bundle."""
    return services.upload_version(
        by=whose.actor,
        at=AT,
        solution=of,
        file_name=file_name,
        chunks=[content if content is not None else zipped()],
    )


def conforming(whose, of, **manifest):
    """Make a version that has passed its check."""
    count = of.versions.count()
    version = upload(whose, of, zipped({"n.txt": str(count)}, manifest={**MANIFEST, **manifest}))
    Version.objects.filter(pk=version.pk).update(
        state=Version.State.CONFORMS, checked_at=AT, lease_until=None
    )
    return Version.objects.select_related("solution__vendor__organisation").get(pk=version.pk)


def need(whose, *, targets=TARGETS, title="检出电路板开路"):
    """Make a published need."""
    sector, _ = Sector.objects.get_or_create(
        code="manufacturing", defaults={"number": 1, "name": "制造", "name_en": "Manufacturing"}
    )
    return Need.objects.create(
        owner=whose.organisation,
        title=title,
        title_en="Find open circuits",
        sector=sector,
        targets=targets,
        status=Need.Status.PUBLISHED,
        stage_at=AT,
        created_at=AT,
        updated_at=AT,
        published_at=AT,
    )


def platform_key(settings):
    """Return the platform's key, made where the settings say."""
    return keys.load_or_make(settings.CERTIFICATE_KEY)[0]


def document(key, *, digest, verdict="passed", simulated=True):
    """Return a signed certificate."""
    answers = {"passed": "proved", "failed": "refuted", "undecided": "not_yet"}
    target = {
        "metric": "miss_rate",
        "op": "<",
        "limit": 0.1,
        "answer": answers[verdict],
        "confidence": 0.95,
        "point": 0.0,
        "lower": 0.0,
        "upper": 0.0487,
        "events": 0,
        "trials": 60,
    }
    parts = ("commitment", "data", "labels", "protocol", "scorer")
    result = {
        "contract": "liudu.trial/1",
        "task": "classify",
        "verdict": verdict,
        "reason": "ok",
        "simulated": simulated,
        "solution": {"name": "board-check", "version": "1.0.0"},
        "scorer": {"name": "classify", "version": "1"},
        "targets": [target],
        "level": {"asked": "bwrap", "had": "bwrap"},
        "digests": {**{part: f"sha256:{part}" for part in parts}, "solution": digest},
    }
    return certificates.issue(result, key=key, at=AT, need="检出电路板开路")


def filed(version, of, *, key, trial_key="trial0000001", verdict="passed", by=None):
    """File a certificate of a version."""
    return services.file_certificate(
        by=by or Actor(kind="system", name="Liudu"),
        at=AT,
        version=version,
        need=of,
        trial_key=trial_key,
        verdict=verdict,
        document=document(key, digest=version.digest, verdict=verdict),
    )


def fresh(row):
    """Return a row as the database has it now."""
    return type(row).objects.get(pk=row.pk)
