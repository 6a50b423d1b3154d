"""A solution on disk: a folder, a ``.zip`` or a ``.tar.gz``, taken apart as hostile."""

import hashlib
import os
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

import attrs

from liudu.contract._archive import Entry, UnreadableArchive, tar_entries, zip_entries
from liudu.contract._entry import entry_problems
from liudu.contract._manifest import MANIFEST_FILE, Manifest, ManifestError
from liudu.contract._problem import shown
from liudu.contract._refusal import Refusal

BYTES_A_MIB = 1024 * 1024
_BLOCK_BYTES = 1024 * 1024
_UNPACKED_AT_S = 315_532_800  # 1980-01-01, the least moment that a zip can hold


class BundleError(Refusal):
    """A solution cannot be opened; nothing of it is used."""

    en = "{file} is not a solution."
    zh = "{file} 不是方案。"


class NoBundleError(BundleError):
    """Nothing is there, or something that is neither a folder nor an archive."""

    en = "{file} is {found}: give a folder, a .zip or a .tar.gz."
    zh = "{file} {found_zh}：请给出文件夹、.zip 或 .tar.gz。"


class BrokenArchiveError(BundleError):
    """The archive is truncated or damaged."""

    en = "{file} is damaged or cut short ({what}): pack it again and compare the sizes."
    zh = "{file} 已损坏或不完整（{what}）：请重新打包，并核对文件大小。"


class EncryptedArchiveError(BundleError):
    """The archive asks for a password."""

    en = "{file} is encrypted ({name}): pack it without a password; nobody reads it but the runner."
    zh = "{file} 已加密（{name}）：请不设密码重新打包，除运行器外无人读取。"


class TooBigError(BundleError):
    """More bytes or files than allowed; found while unpacking, not after."""

    en = "{file} has more than {limit} {unit}: leave out what the solution does not need."
    zh = "{file} 超过 {limit} {unit_zh}：请去掉方案用不到的内容。"


class UnsafeNameError(BundleError):
    """A file name that leads out of the folder, or that not every system can hold."""

    en = "{file} holds the name {name}: {why}. Rename it."
    zh = "{file} 中有文件名 {name}：{why_zh}。请改名。"


class NameCollisionError(BundleError):
    """Two names that are one on some systems, so that the solution would differ from itself."""

    en = (
        "{file} holds both {name} and {other}, which some systems take for one name: "
        "rename or remove one."
    )
    zh = "{file} 中同时有 {name} 和 {other}，在部分系统上它们是同一个名字：请改名或删去一个。"


class NotAFileError(BundleError):
    """A link, a device, a pipe: not a plain file."""

    en = "{file} holds {name}, which is {kind}: put a copy of the file itself there."
    zh = "{file} 中的 {name} 是{kind_zh}：请换成文件本身的副本。"


class NoManifestError(BundleError):
    """There is no manifest at the top."""

    en = "{file} has no {manifest} at its top{hint_en}."
    zh = "{file} 的顶层没有 {manifest}{hint_zh}。"


@attrs.frozen(kw_only=True)
class BundleLimits:
    """How large a solution may be, counted while it is unpacked."""

    size_mib: int = 2048
    file_count: int = 20_000
    path_characters: int = 240
    depth: int = 32


_LIMITS = BundleLimits()


@attrs.frozen(kw_only=True)
class Bundle:
    """A solution, unpacked and read.

    Attributes
    ----------
    folder
        Plain files and folders only; nothing else refers to it.
    manifest
        What the solution declares.
    digest
        ``sha256:<hex>`` over its files: names, contents and whether they are executable.
    size_mib, file_count
        Over all its files.

    """

    folder: Path
    manifest: Manifest
    digest: str
    size_mib: float
    file_count: int


def open_bundle(path: Path, *, into: Path, limits: BundleLimits = _LIMITS) -> Bundle:
    """Copy or unpack a solution into an empty folder and read its manifest.

    Parameters
    ----------
    path
        A folder, a ``.zip`` or a ``.tar.gz``; an archive is known by its first bytes.
    into
        A folder that is empty or does not exist yet. It belongs to the caller, who removes it,
        also after an error.
    limits
        Kept while unpacking: a bomb stops at the limit, not after it.

    Raises
    ------
    BundleError
        A subclass for what is wrong with the files.
    ManifestError
        What is wrong with the manifest, including an entry that the bundle cannot start.

    """
    name = path.name or str(path)
    into.mkdir(parents=True, exist_ok=True)
    unpacking = _Unpacking(file=name, into=into, limits=limits)
    with _entries(path, name=name, limits=limits) as entries:
        for entry in entries:
            unpacking.take(entry)
    manifest = read_manifest(into, file=name)
    return Bundle(
        folder=into,
        manifest=manifest,
        digest=bundle_digest(into),
        size_mib=unpacking.size_bytes / BYTES_A_MIB,
        file_count=unpacking.file_count,
    )


def read_manifest(folder: Path, *, file: str | None = None) -> Manifest:
    """Read the manifest of an unpacked solution and hold its entry to the files that are there.

    An application calls this in its own tests, so that what it packs is known to be right.

    Raises
    ------
    NoManifestError, ManifestError

    """
    manifest_path = folder / MANIFEST_FILE
    if not manifest_path.is_file():
        raise _no_manifest(folder, file=file or folder.name)
    with manifest_path.open("rb") as stream:
        manifest = Manifest.parse(stream.read(_BLOCK_BYTES), file=MANIFEST_FILE)
    problems = tuple(entry_problems(manifest, folder=folder))
    if problems:
        raise ManifestError(file=MANIFEST_FILE, problem_count=len(problems), problems=problems)
    return manifest


def bundle_digest(folder: Path) -> str:
    """Return ``sha256:<hex>`` over the files of an unpacked solution.

    It is over the sorted lines ``<sha256 of file> <x or -> <path>`` with a line feed each, so it
    depends on neither order, nor times, nor the form of the archive.

    Raises
    ------
    NotAFileError
        A link, a device or a pipe lies in the folder.

    """
    lines = []
    for name, status in _walk(folder, file=folder.name):
        executable = "x" if status.st_mode & 0o111 else "-"
        with (folder / name).open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        lines.append(f"{content} {executable} {name}\n".encode())
    return "sha256:" + hashlib.sha256(b"".join(sorted(lines))).hexdigest()


@attrs.frozen(kw_only=True)
class _Spelling:
    """How a name, or the folder part of one, was first written."""

    part: str
    is_file: bool


@attrs.define(kw_only=True)
class _Unpacking:
    """Counts and checks while entries are written, so that nothing grows beyond a limit."""

    file: str
    into: Path
    limits: BundleLimits
    size_bytes: int = 0
    file_count: int = 0
    names: dict[str, _Spelling] = attrs.field(factory=dict)

    def take(self, entry: Entry) -> None:
        if entry.kind == "folder":  # empty ones are not part of a solution, like its times
            return
        if entry.kind != "file":
            raise _not_a_file(entry.kind, file=self.file, name=entry.name)
        self.file_count += 1
        if self.file_count > self.limits.file_count:
            raise TooBigError(
                file=self.file, limit=self.limits.file_count, unit="files", unit_zh="个文件"
            )
        self._check_name(entry.name)
        self._check_collision(entry.name)
        self._write(entry)

    def _check_name(self, name: str) -> None:
        problem = _name_problem(name, limits=self.limits)
        if problem:
            why, why_zh = problem
            raise UnsafeNameError(file=self.file, name=shown(name), why=why, why_zh=why_zh)

    def _check_collision(self, name: str) -> None:
        steps = name.split("/")
        for depth in range(1, len(steps) + 1):
            new = _Spelling(part="/".join(steps[:depth]), is_file=depth == len(steps))
            folded = unicodedata.normalize("NFC", new.part).casefold()
            known = self.names.setdefault(folded, new)
            if known is not new and (known != new or new.is_file):
                raise NameCollisionError(file=self.file, name=shown(known.part), other=shown(name))

    def _write(self, entry: Entry) -> None:
        target = self.into / entry.name
        target.parent.mkdir(parents=True, exist_ok=True)
        with entry.open() as source, target.open("xb") as sink:
            self._copy(source, sink)
        target.chmod(0o755 if entry.executable else 0o644)
        os.utime(target, (_UNPACKED_AT_S, _UNPACKED_AT_S))

    def _copy(self, source: IO[bytes], sink: IO[bytes]) -> None:
        limit_bytes = self.limits.size_mib * BYTES_A_MIB
        while block := source.read(_BLOCK_BYTES):
            self.size_bytes += len(block)
            if self.size_bytes > limit_bytes:
                raise TooBigError(
                    file=self.file, limit=self.limits.size_mib, unit="MiB", unit_zh="MiB"
                )
            sink.write(block)


def _name_problem(name: str, *, limits: BundleLimits) -> tuple[str, str] | None:
    steps = name.split("/")
    rules = (
        (name.startswith("/"), "it is absolute", "是绝对路径"),
        (".." in steps, "it leads out of the folder", "会跳出方案文件夹"),
        (bool({"", "."} & set(steps)), "it has an empty step", "含有空的路径段"),
        ("\\" in name, "it has a backslash; steps are parted by /", "含反斜杠；路径应以 / 分隔"),
        (not _is_utf8(name), "it is not UTF-8", "不是 UTF-8"),
        (not name.isprintable(), "it has control characters", "含控制字符"),
        (
            len(name) > limits.path_characters,
            f"it has {len(name)} characters, more than {limits.path_characters}",
            f"有 {len(name)} 个字符，超过 {limits.path_characters} 个",
        ),
        (
            len(steps) > limits.depth,
            f"it is {len(steps)} folders deep, more than {limits.depth}",
            f"有 {len(steps)} 层，超过 {limits.depth} 层",
        ),
    )
    return next(((why, why_zh) for broken, why, why_zh in rules if broken), None)


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


@contextmanager
def _entries(path: Path, *, name: str, limits: BundleLimits) -> Iterator[Iterator[Entry]]:
    if path.is_dir():
        yield _folder_entries(path, file=name)
        return
    opener = {b"PK\x03\x04": zip_entries, b"PK\x05\x06": zip_entries, b"\x1f\x8b": tar_entries}
    head = _head(path, file=name)
    found = next((opener[magic] for magic in opener if head.startswith(magic)), None)
    if found is None:
        raise NoBundleError(
            file=name,
            found="neither a folder nor a .zip nor a .tar.gz",
            found_zh="既不是文件夹，也不是 .zip 或 .tar.gz",
        )
    try:
        with found(path, size_bytes_max=limits.size_mib * BYTES_A_MIB) as entries:
            yield entries
    except UnreadableArchive as error:
        raise _unreadable(error, file=name, limits=limits) from error


def _unreadable(error: UnreadableArchive, *, file: str, limits: BundleLimits) -> BundleError:
    if error.kind == "encrypted":
        return EncryptedArchiveError(file=file, name=shown(error.what))
    if error.kind == "too big":
        return TooBigError(file=file, limit=limits.size_mib, unit="MiB", unit_zh="MiB")
    return BrokenArchiveError(file=file, what=shown(error.what))


def _head(path: Path, *, file: str) -> bytes:
    if not path.exists():
        raise NoBundleError(file=file, found="not there", found_zh="不存在")
    if not path.is_file():
        raise NoBundleError(
            file=file, found="neither a folder nor a file", found_zh="既不是文件夹也不是文件"
        )
    with path.open("rb") as stream:
        return stream.read(4)


def _folder_entries(folder: Path, *, file: str) -> Iterator[Entry]:
    for name, status in _walk(folder, file=file):
        yield Entry(
            name=name,
            kind="file",
            executable=bool(status.st_mode & 0o111),
            open=partial(_open_plain, folder / name),
        )


def _open_plain(path: Path) -> IO[bytes]:
    # The vendor's folder may change while it is copied: a link put there meanwhile is not followed.
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")


def _walk(folder: Path, *, file: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield each file's relative name and status; refuse whatever is not a plain file."""
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as found:
            for step in found:
                name = Path(step.path).relative_to(folder).as_posix()
                status = step.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    waiting.append(Path(step.path))
                elif stat.S_ISREG(status.st_mode):
                    yield name, status
                else:
                    raise _not_a_file(_kind_of(status.st_mode), file=file, name=name)


def _kind_of(mode: int) -> str:
    kinds = {stat.S_IFLNK: "symbolic link", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
    return kinds.get(stat.S_IFMT(mode), "device")


_KINDS = {
    "symbolic link": ("a symbolic link", "符号链接"),
    "hard link": ("a hard link", "硬链接"),
    "pipe": ("a named pipe", "命名管道"),
    "socket": ("a socket", "套接字"),
    "device": ("a device", "设备文件"),
    "sparse file": ("a sparse file", "稀疏文件"),
}


def _not_a_file(kind: str, *, file: str, name: str) -> NotAFileError:
    en, zh = _KINDS[kind]
    return NotAFileError(file=file, name=shown(name), kind=en, kind_zh=zh)


def _no_manifest(folder: Path, *, file: str) -> NoManifestError:
    inner = sorted(path.parent.name for path in folder.glob(f"*/{MANIFEST_FILE}"))
    hint_en, hint_zh = ": add it; docs/how-to/write-a-solution.md shows one", "：请加上"
    if inner:
        hint_en = f", but one in {inner[0]}/: pack what that folder holds, not the folder"
        hint_zh = f"，但 {inner[0]}/ 中有一个：请打包该文件夹里的内容，而不是文件夹本身"
    return NoManifestError(file=file, manifest=MANIFEST_FILE, hint_en=hint_en, hint_zh=hint_zh)
