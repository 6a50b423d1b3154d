"""Bundles come in whole, counted and safe, or not at all."""

import errno
import io
import tarfile
import zipfile

import pytest
import supplies
from django.db import connection

from liudu.contract import Refusal
from liudu.platform.audit.models import Line
from liudu.platform.supply import bundles, queries, services
from liudu.platform.supply.models import Version

pytestmark = [pytest.mark.django_db, pytest.mark.everywhere]
MIB = 1 << 20


@pytest.fixture
def whose():
    """A vendor."""
    return supplies.vendor()


@pytest.fixture
def solution(whose):
    """Its solution."""
    return supplies.solution(whose)


@pytest.fixture(autouse=True)
def private(settings, tmp_path):
    """A private folder of its own for each test."""
    settings.PRIVATE = tmp_path / "private"
    return settings.PRIVATE


def left(private):
    """Return every file below the private folder."""
    return [path for path in private.rglob("*") if path.is_file()] if private.exists() else []


def test_a_bundle_becomes_a_version_with_its_digest_and_waits_for_its_check(whose, solution):
    version = supplies.upload(whose, solution)
    assert version.state == Version.State.WAITING
    assert version.number == 1
    assert version.digest.startswith("sha256:")
    assert version.manifest["tasks"] == ["classify"]
    assert supplies.fresh(solution).task == "classify"
    assert queries.bundle_path(version).read_bytes() == supplies.zipped()
    assert Line.objects.filter(verb="supply.version.uploaded", subject_key=version.key).exists()


def test_only_the_platform_itself_can_read_what_lies_there(whose, solution, private):
    path = queries.bundle_path(supplies.upload(whose, solution))
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert (path.parent / "incoming").stat().st_mode & 0o777 == 0o700
    assert left(private) == [path]


def test_a_tar_gz_is_as_good_as_a_zip(whose, solution):
    version = supplies.upload(whose, solution, supplies.tarred(), file_name="board.tar.gz")
    assert version.manifest["name"] == "board-check"


def test_the_same_bundle_again_is_told_which_version_it_is(whose, solution, private):
    supplies.upload(whose, solution)
    with pytest.raises(services.solutions.SameBundleError) as refusal:
        supplies.upload(whose, solution)
    assert refusal.value.number == 1
    assert "第 1 版" in refusal.value.say("zh")
    assert len(left(private)) == 1


def test_the_same_files_packed_anew_are_known_by_their_digest(whose, solution):
    supplies.upload(whose, solution, supplies.tarred())
    repacked = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(supplies.tarred()), mode="r:gz") as archive:
        names = {entry.name: archive.extractfile(entry).read() for entry in archive}
    with zipfile.ZipFile(repacked, "w") as archive:
        for name, content in names.items():
            archive.writestr(name, content)
    with pytest.raises(services.solutions.SameBundleError):
        supplies.upload(whose, solution, repacked.getvalue())


def test_another_vendor_may_upload_the_same_bundle(whose, solution):
    supplies.upload(whose, solution)
    other = supplies.vendor("另一家")
    assert supplies.upload(other, supplies.solution(other)).number == 1


def bomb():
    """Return a zip of 2 MiB that unpacks to 2 GiB."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("liudu-solution.json", "{}")
        with archive.open("zeros", "w", force_zip64=True) as stream:
            for _ in range(12):
                stream.write(bytes(MIB))
    return target.getvalue()


HOSTILE = {
    "a path that leads out": (lambda: supplies.zipped({"../evil.py": "x"}), "UnsafeName"),
    "an absolute path": (lambda: supplies.zipped({"/etc/evil": "x"}), "UnsafeName"),
    "a backslash": (lambda: supplies.zipped({"..\\evil.py": "x"}), "UnsafeName"),
    "a symbolic link in a zip": (
        lambda: supplies.zipped(links={"secrets": "/etc/passwd"}),
        "NotAFile",
    ),
    "a symbolic link in a tar": (
        lambda: supplies.tarred(
            (supplies.member("secrets", kind=tarfile.SYMTYPE, link="/etc/passwd"), b"")
        ),
        "NotAFile",
    ),
    "a hard link": (
        lambda: supplies.tarred(
            (supplies.member("twin", kind=tarfile.LNKTYPE, link="main.py"), b"")
        ),
        "NotAFile",
    ),
    "a device": (
        lambda: supplies.tarred((supplies.member("null", kind=tarfile.CHRTYPE), b"")),
        "NotAFile",
    ),
    "a pipe": (
        lambda: supplies.tarred((supplies.member("pipe", kind=tarfile.FIFOTYPE), b"")),
        "NotAFile",
    ),
    "a tar that leads out": (
        lambda: supplies.tarred((supplies.member("../../evil"), b"x")),
        "UnsafeName",
    ),
    "no manifest": (lambda: supplies.zipped(manifest=None), "NoManifest"),
    "a manifest of another contract": (
        lambda: supplies.zipped(manifest={**supplies.MANIFEST, "contract": "else/9"}),
        "ContractVersion",
    ),
    "a manifest that breaks rules": (
        lambda: supplies.zipped(manifest={**supplies.MANIFEST, "mode": "magic"}),
        "Manifest",
    ),
    "an entry that is not there": (
        lambda: supplies.zipped(manifest={**supplies.MANIFEST, "entry": ["./nothing"]}),
        "Manifest",
    ),
    "a zip cut half-way": (lambda: supplies.zipped()[:-40], "BrokenArchive"),
    "a tar cut half-way": (lambda: supplies.tarred()[:-20], "BrokenArchive"),
    "no archive": (lambda: b"hello, I am a picture", "NoBundle"),
    "an empty file": (lambda: b"", "EmptyBundle"),
    "two names that are one": (lambda: supplies.zipped({"MAIN.PY": "x"}), "NameCollision"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_bundle_is_refused_at_once_and_leaves_nothing(kind, whose, solution, private):
    make, code = HOSTILE[kind]
    with pytest.raises(Refusal) as refusal:
        supplies.upload(whose, solution, make(), file_name="mine.zip")
    assert refusal.value.code == code
    assert refusal.value.say("zh") != refusal.value.say("en")
    assert left(private) == []
    assert not Version.objects.exists()


def test_a_refusal_calls_the_file_as_its_vendor_does(whose, solution):
    with pytest.raises(ValueError, match=r"mine\.zip holds"):
        supplies.upload(whose, solution, supplies.zipped({"../x": ""}), file_name="C:\\mine.zip")


def test_a_bomb_stops_at_the_limit(whose, solution, private, monkeypatch):
    limits = bundles.BundleLimits(size_mib=8)
    monkeypatch.setattr(bundles, "UNPACKED", limits)
    with pytest.raises(ValueError, match="more than 8 MiB"):
        supplies.upload(whose, solution, bomb())
    assert left(private) == []


def test_a_bomb_inside_a_bomb_is_just_a_file_that_nobody_opens(whose, solution, monkeypatch):
    monkeypatch.setattr(bundles, "UNPACKED", bundles.BundleLimits(size_mib=8))
    nested = supplies.zipped({"inner.zip": bomb()})
    assert supplies.upload(whose, solution, nested).state == Version.State.WAITING


def test_more_files_than_allowed_are_refused(whose, solution, private):
    many = supplies.zipped({f"d/{number}": "" for number in range(20_001)})
    with pytest.raises(ValueError, match="20000 files"):
        supplies.upload(whose, solution, many)
    assert left(private) == []


def test_three_hundred_mebibytes_are_refused_as_soon_as_the_limit_is_passed(
    whose, solution, private
):
    taken = 0

    def stream():
        nonlocal taken
        for _ in range(300):
            taken += 1
            yield bytes(MIB)

    with pytest.raises(bundles.BundleTooLargeError, match="at most 200 MiB"):
        services.upload_version(
            by=whose.actor, at=supplies.AT, solution=solution, file_name="b.zip", chunks=stream()
        )
    assert taken == 201
    assert left(private) == []


def test_a_full_disk_is_the_platforms_fault_and_leaves_nothing(
    whose, solution, private, monkeypatch
):
    class Full(io.BytesIO):
        def write(self, _data):
            raise OSError(errno.ENOSPC, "No space left on device")

    class ReceiverOnFullDisk(bundles.Receiver):
        def __init__(self, file_name):
            super().__init__(file_name)
            self._file.close()
            self._file = Full()

    monkeypatch.setattr(bundles, "Receiver", ReceiverOnFullDisk)
    with pytest.raises(bundles.NoRoomError) as refusal:
        supplies.upload(whose, solution)
    assert refusal.value.machine
    assert "不是您的问题" in refusal.value.say("zh")
    assert left(private) == []


def test_a_disk_that_fills_up_while_unpacking_is_the_platforms_fault_too(
    whose, solution, private, monkeypatch
):
    def full(*_args, **_named):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(bundles, "open_bundle", full)
    with pytest.raises(bundles.NoRoomError):
        supplies.upload(whose, solution)
    assert left(private) == []


def test_a_stream_that_breaks_leaves_nothing(whose, solution, private):
    def broken():
        yield supplies.zipped()[:100]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        services.upload_version(
            by=whose.actor, at=supplies.AT, solution=solution, file_name="b.zip", chunks=broken()
        )
    assert left(private) == []


def test_a_version_that_cannot_be_written_leaves_no_file(whose, solution, private, monkeypatch):
    def failing(**_named):
        raise RuntimeError("the audit is away")

    monkeypatch.setattr(services.solutions, "record", failing)
    with pytest.raises(RuntimeError):
        supplies.upload(whose, solution)
    assert left(private) == []
    assert not Version.objects.exists()


def test_what_a_killed_upload_left_is_swept_after_a_day(whose, solution, private):
    version = supplies.upload(whose, solution)
    receiver = bundles.Receiver("half.zip")
    receiver.take(b"half")
    orphan = bundles.path_of("nobodyknows0")
    orphan.write_bytes(b"x")
    assert len(left(private)) == 3
    services.reap_checks(supplies.AT)
    assert len(left(private)) == 3
    later = bundles.LEFT_BEHIND * 40_000  # long after whatever the machine's clock says
    services.reap_checks(supplies.AT + later)
    assert left(private) == [queries.bundle_path(version)]
    receiver.discard()


@pytest.mark.django_db(transaction=True)
def test_the_same_upload_twice_at_once_makes_one_version(whose, solution, private):
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - only here

    def go(_number):
        try:
            return supplies.upload(whose, solution).number
        except services.solutions.SameBundleError as refusal:
            return f"is {refusal.number}"
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(map(str, pool.map(go, range(4))))
    assert answers == ["1", "is 1", "is 1", "is 1"]
    assert len(left(private)) == 1
