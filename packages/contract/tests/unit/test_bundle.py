"""Solutions as folders and archives: one digest for every form, nothing hostile gets in."""

import gzip
import io
import itertools
import json
import os
import struct
import subprocess
import tarfile
import zipfile

import pytest

from liudu.contract import (
    BrokenArchiveError,
    BundleLimits,
    EncryptedArchiveError,
    ManifestError,
    NameCollisionError,
    NoBundleError,
    NoManifestError,
    NotAFileError,
    TooBigError,
    UnsafeNameError,
    bundle_digest,
    open_bundle,
    read_manifest,
)

MANIFEST = {
    "contract": "liudu.trial/1",
    "name": "a",
    "version": "1",
    "entry": ["./run.sh"],
    "mode": "batch",
}
FILES = {
    "liudu-solution.json": (json.dumps(MANIFEST).encode(), 0o644),
    "run.sh": (b"#!/bin/sh\n", 0o755),
    "模型/weights.bin": (bytes(range(256)) * 5000, 0o600),
    "empty": (b"", 0o640),
}

MOMENTS = itertools.count(1)  # no two members of a tar have one time


def as_folder(path, files=None):
    for name, (data, mode) in (files or FILES).items():
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        target.chmod(mode)
    return path


def as_zip(path, files=None, *, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, (data, mode) in (files or FILES).items():
            member = zipfile.ZipInfo(name)
            member.external_attr = (mode | 0o100000) << 16
            archive.writestr(member, data, compression)
    return path


def as_tar(path, files=None, *, members=()):
    with tarfile.open(path, "w:gz") as archive:
        for name, (data, mode) in (FILES if files is None else files).items():
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(data), mode, next(MOMENTS)
            archive.addfile(member, io.BytesIO(data))
        for member in members:
            archive.addfile(member)
    return path


def opened(path, into, **limits):
    return open_bundle(path, into=into, limits=BundleLimits(**limits))


def test_a_folder_a_zip_and_a_tar_of_one_solution_have_one_digest(tmp_path):
    forms = [
        as_folder(tmp_path / "s"),
        as_zip(tmp_path / "s.zip"),
        as_zip(tmp_path / "backwards.zip", dict(reversed(FILES.items()))),
        as_tar(tmp_path / "s.tar.gz"),
    ]

    bundles = [opened(form, tmp_path / f"into{i}") for i, form in enumerate(forms)]

    assert {bundle.digest for bundle in bundles} == {bundle_digest(forms[0])}
    assert {bundle.file_count for bundle in bundles} == {4}
    assert bundles[0].manifest.entry == ("./run.sh",)
    weights = bundles[1].folder / "模型" / "weights.bin"
    assert weights.read_bytes() == FILES["模型/weights.bin"][0]


def test_the_digest_is_the_one_that_the_format_page_describes(tmp_path):
    as_folder(tmp_path, {"b": (b"", 0o644), "a": (b"x", 0o755)})
    listing = (
        "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 x a\n"
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 - b\n"
    )

    shell = subprocess.run(["sha256sum"], input=listing.encode(), capture_output=True, check=True)

    assert bundle_digest(tmp_path) == "sha256:" + shell.stdout.decode().split()[0]


@pytest.mark.parametrize(
    "change",
    [
        {"run.sh": (b"#!/bin/sh\n", 0o644)},
        {"run.sh": (b"#!/bin/sh\n ", 0o755)},
        {"empty2": (b"", 0o644)},
    ],
)
def test_the_digest_changes_with_content_name_and_executable_bit(tmp_path, change):
    before = bundle_digest(as_folder(tmp_path / "before"))

    assert bundle_digest(as_folder(tmp_path / "after", FILES | change)) != before


def test_times_owners_other_bits_and_empty_folders_do_not_change_the_digest(tmp_path):
    before = bundle_digest(as_folder(tmp_path / "s"))
    (tmp_path / "s" / "nothing").mkdir()
    (tmp_path / "s" / "empty").chmod(0o600)
    os.utime(tmp_path / "s" / "run.sh", (1, 1))

    assert bundle_digest(tmp_path / "s") == before


def member(name, kind, **more):
    found = tarfile.TarInfo(name)
    found.type = kind
    for key, value in more.items():
        setattr(found, key, value)
    return found


@pytest.mark.parametrize(
    ("hostile", "what"),
    [
        (member("l", tarfile.SYMTYPE, linkname="/etc/passwd"), "a symbolic link"),
        (member("l", tarfile.LNKTYPE, linkname="run.sh"), "a hard link"),
        (member("p", tarfile.FIFOTYPE), "a named pipe"),
        (member("d", tarfile.CHRTYPE, devmajor=1, devminor=5), "a device"),
        (member("b", tarfile.BLKTYPE), "a device"),
    ],
)
def test_a_tar_with_anything_but_plain_files_is_refused(tmp_path, hostile, what):
    with pytest.raises(NotAFileError, match=what):
        opened(as_tar(tmp_path / "s.tar.gz", members=[hostile]), tmp_path / "into")


def test_a_link_in_a_zip_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        link = zipfile.ZipInfo("link")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")

    with pytest.raises(NotAFileError, match="a symbolic link"):
        opened(tmp_path / "s.zip", tmp_path / "into")


@pytest.mark.parametrize("kind", ["link", "dangling", "pipe", "folder"])
def test_a_folder_with_a_link_or_a_pipe_is_refused(tmp_path, kind):
    folder = as_folder(tmp_path / "s")
    target = {"link": "run.sh", "dangling": "nowhere", "folder": "/etc"}.get(kind)
    if target is None:
        os.mkfifo(folder / "odd")
    else:
        (folder / "odd").symlink_to(target)

    with pytest.raises(NotAFileError, match="odd"):
        opened(folder, tmp_path / "into")


@pytest.mark.parametrize("form", [as_zip, as_tar])
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../evil", "leads out"),
        ("a/../../evil", "leads out"),
        ("/etc/evil", "absolute"),
        ("a//b", "empty step"),
        ("a\\b", "backslash"),
        ("a\nb", "control characters"),
        ("a/" * 40 + "b", "folders deep"),
        ("x" * 241, "241 characters"),
    ],
)
def test_a_name_that_leads_astray_is_refused_and_writes_nothing(tmp_path, form, name, why):
    into = tmp_path / "deep" / "into"

    with pytest.raises(UnsafeNameError, match=why) as caught:
        opened(form(tmp_path / "s", {name: (b"evil", 0o644)}), into)

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "s"]
    assert str(caught.value).isprintable()


def test_a_name_that_is_not_utf8_is_refused(tmp_path):
    folder = as_folder(tmp_path / "s")
    (folder / os.fsdecode(b"\xff.bin")).touch()

    with pytest.raises(UnsafeNameError, match="not UTF-8"):
        opened(folder, tmp_path / "into")


def test_a_zip_with_chinese_names_in_gbk_is_refused_and_in_unmarked_utf8_is_taken(tmp_path):
    def unmarked(name, path):
        as_zip(path, FILES | {"AAAAAA": (b"x", 0o644)})
        path.write_bytes(path.read_bytes().replace(b"AAAAAA", name))
        return path

    good = opened(unmarked("数据".encode(), tmp_path / "utf8.zip"), tmp_path / "into1")
    assert (good.folder / "数据").is_file()
    with pytest.raises(UnsafeNameError, match="not UTF-8"):
        opened(unmarked("模型甲".encode("gbk"), tmp_path / "gbk.zip"), tmp_path / "into2")


@pytest.mark.parametrize("form", [as_zip, as_tar])
@pytest.mark.parametrize(
    ("one", "other"),
    [("Read.me", "read.ME"), ("a", "a/b"), ("a/b", "a"), ("a/b", "A/c"), ("é", "e\u0301")],
)
def test_names_that_some_systems_take_for_one_are_refused(tmp_path, form, one, other):
    files = {one: (b"1", 0o644), other: (b"2", 0o644)}

    with pytest.raises(NameCollisionError):
        opened(form(tmp_path / "s", files), tmp_path / "into")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_one_name_twice_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        archive.writestr("a", "1")
        archive.writestr("a", "2")

    with pytest.raises(NameCollisionError):
        opened(tmp_path / "s.zip", tmp_path / "into")


@pytest.mark.parametrize("form", [as_zip, as_tar])
def test_a_bomb_stops_at_the_limit_and_not_after_it(tmp_path, form):
    bomb = form(tmp_path / "s", {"zeros": (bytes(64 * 1024 * 1024), 0o644)})

    with pytest.raises(TooBigError, match="more than 3 MiB"):
        opened(bomb, tmp_path / "into", size_mib=3)

    written = sum(path.stat().st_size for path in (tmp_path / "into").rglob("*"))
    assert written <= 3 * 1024 * 1024


def test_a_zip_that_lies_about_its_sizes_is_refused(tmp_path):
    path = as_zip(tmp_path / "s.zip", {"zeros": (bytes(8 * 1024 * 1024), 0o644)})
    real, lie = struct.pack("<L", 8 * 1024 * 1024), struct.pack("<L", 10)
    path.write_bytes(path.read_bytes().replace(real, lie))

    with pytest.raises((BrokenArchiveError, TooBigError)):
        opened(path, tmp_path / "into", size_mib=3)


@pytest.mark.parametrize("form", [as_folder, as_zip, as_tar])
def test_too_many_files_are_refused(tmp_path, form):
    many = {f"f{i}": (b"", 0o644) for i in range(11)}

    with pytest.raises(TooBigError, match="more than 10 files"):
        opened(form(tmp_path / "s", many), tmp_path / "into", file_count=10)


def test_a_tar_whose_header_would_fill_the_memory_is_refused(tmp_path):
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 64 * 1024 * 1024
    with gzip.open(tmp_path / "s.tar.gz", "wb", 1) as stream:
        stream.write(header.tobuf() + bytes(header.size))

    with pytest.raises(TooBigError):
        opened(tmp_path / "s.tar.gz", tmp_path / "into")


def test_a_zip_whose_table_of_contents_would_fill_the_memory_is_refused(tmp_path):
    data = as_zip(tmp_path / "s.zip").read_bytes()
    end = data.rindex(b"PK\x05\x06")
    huge = data[: end + 12] + struct.pack("<L", 1 << 30) + data[end + 16 :]
    (tmp_path / "s.zip").write_bytes(huge)

    with pytest.raises(TooBigError):
        opened(tmp_path / "s.zip", tmp_path / "into")


def test_an_encrypted_zip_is_refused(tmp_path):
    path = as_zip(tmp_path / "s.zip")
    data = bytearray(path.read_bytes())
    at = data.find(b"PK\x01\x02")
    data[at + 8] |= 1
    path.write_bytes(data)

    with pytest.raises(EncryptedArchiveError, match="without a password"):
        opened(path, tmp_path / "into")


@pytest.mark.parametrize("form", [as_zip, as_tar])
@pytest.mark.parametrize("kept", [0.3, 0.9, 0.999])
def test_an_archive_that_is_cut_short_is_refused(tmp_path, form, kept):
    path = form(tmp_path / "s", FILES | {"noise": (os.urandom(100_000), 0o644)})
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])

    with pytest.raises(BrokenArchiveError, match="damaged or cut short"):
        opened(path, tmp_path / "into")


@pytest.mark.parametrize("form", [as_zip, as_tar])
def test_an_archive_with_flipped_bytes_is_refused_or_was_not_harmed(tmp_path, form):
    data = form(tmp_path / "s").read_bytes()
    whole = opened(tmp_path / "s", tmp_path / "whole").digest
    for trial in range(60):
        at = trial * len(data) // 60
        (tmp_path / "s").write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        try:
            digest = opened(tmp_path / "s", tmp_path / f"into{trial}").digest
        except (BrokenArchiveError, EncryptedArchiveError, TooBigError, NoBundleError):
            continue
        except (UnsafeNameError, NoManifestError, NameCollisionError, NotAFileError, ManifestError):
            continue  # the flipped byte was in a name or a mode
        assert digest.startswith("sha256:")
        assert digest == whole or form is as_zip  # only a zip's modes have no checksum


@pytest.mark.parametrize(
    ("data", "what"), [(b"Rar!\x1a\x07", "nor a .zip"), (b"", "nor a .zip"), (None, "not there")]
)
def test_what_is_no_archive_is_refused(tmp_path, data, what):
    if data is not None:
        (tmp_path / "s.zip").write_bytes(data)

    with pytest.raises(NoBundleError, match=what):
        opened(tmp_path / "s.zip", tmp_path / "into")


def test_a_solution_packed_with_its_folder_is_told_to_pack_the_content(tmp_path):
    files = {f"s/{name}": content for name, content in FILES.items()}

    with pytest.raises(NoManifestError, match="pack what that folder holds"):
        opened(as_zip(tmp_path / "s.zip", files), tmp_path / "into")


@pytest.mark.parametrize(
    ("entry", "path", "sentence"),
    [
        (["./absent"], "$.entry[0]", "is not in the solution"),
        (["./empty"], "$.entry[0]", "is not executable"),
        (["run.sh"], "$.entry[0]", 'write "./run.sh"'),
        (["../x"], "$.entry[0]", "leads out"),
        (["python3", "main.py"], "$.entry[1]", "main.py is not in the solution"),
        (["sh"], "$.entry[0]", "name the script"),
        (["./dos.sh"], "$.entry[0]", "Unix line ends"),
    ],
)
def test_an_entry_that_cannot_start_is_explained(tmp_path, entry, path, sentence):
    files = FILES | {"dos.sh": (b"#!/bin/sh\r\n", 0o755)}
    files["liudu-solution.json"] = (json.dumps(MANIFEST | {"entry": entry}).encode(), 0o644)

    with pytest.raises(ManifestError) as caught:
        read_manifest(as_folder(tmp_path / "s", files))

    [problem] = caught.value.facts["problems"]
    assert (problem.path, sentence in problem.en) == (path, True)


@pytest.mark.parametrize("entry", [["./run.sh"], ["sh", "run.sh"], ["python3", "-m", "x"], ["awk"]])
def test_an_entry_that_may_start_is_taken(tmp_path, entry):
    manifest = (json.dumps(MANIFEST | {"entry": entry}).encode(), 0o644)
    folder = as_folder(tmp_path / "s", FILES | {"liudu-solution.json": manifest})

    assert read_manifest(folder).entry == tuple(entry)


def test_a_bill_of_materials_must_be_there(tmp_path):
    manifest = (json.dumps(MANIFEST | {"bom": "bom.json"}).encode(), 0o644)

    with pytest.raises(ManifestError, match=r"bom\.json is not in the solution"):
        read_manifest(as_folder(tmp_path / "s", FILES | {"liudu-solution.json": manifest}))
