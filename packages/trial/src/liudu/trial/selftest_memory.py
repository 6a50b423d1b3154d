"""The self-test of a sandbox level, tried once per boot and remembered.

The attacks take seconds, and what they show changes with the machine and not with the run. A
result is remembered for one boot, kernel, sandbox program, release of this package, user,
confinement of the caller, and level. It lies in a folder that only the caller can write to; who
can write there as the caller could change the program as well.
"""

import contextlib
import json
import os
import platform
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import attrs

from liudu import sandbox
from liudu.sandbox import Attack, Level, SelfTest, selftest
from liudu.trial.journal import write_whole

PROC = Path("/proc")
BOOT_ID = PROC / "sys/kernel/random/boot_id"
SETTINGS = (
    "sys/user/max_user_namespaces",
    "sys/kernel/unprivileged_userns_clone",
    "sys/kernel/apparmor_restrict_unprivileged_userns",
    "sys/kernel/yama/ptrace_scope",
)
CONFINED_BY = ("Seccomp:", "NoNewPrivs:", "CapEff:", "CapBnd:")
OTHERS = stat.S_IRWXG | stat.S_IRWXO
BYTES_MAX = 1024 * 1024


@attrs.frozen(kw_only=True)
class RememberedSelfTest(SelfTest):
    """A self-test of an earlier run since this boot."""


def remembered(
    level: Level,
    *,
    folder: Path | None = None,
    try_attacks: Callable[[Level], SelfTest] = selftest,
    boot_id: Path = BOOT_ID,
) -> SelfTest:
    """Return what a level holds on this machine: from memory, else by trying the attacks.

    A test that a strong level failed is never remembered, so that a machine put right is seen
    to be. Where there is no boot id, or no folder that is ours alone, nothing is remembered.
    """
    place = _place(level, folder=folder or _folder(), boot_id=boot_id)
    known = None if place is None else _read(place, level=level)
    return known or tried(level, folder=folder, try_attacks=try_attacks, boot_id=boot_id)


def tried(
    level: Level,
    *,
    folder: Path | None = None,
    try_attacks: Callable[[Level], SelfTest] = selftest,
    boot_id: Path = BOOT_ID,
) -> SelfTest:
    """Try the attacks now, and remember what came of it."""
    tested = try_attacks(level)
    place = _place(level, folder=folder or _folder(), boot_id=boot_id)
    if place is not None:
        with contextlib.suppress(OSError):
            if tested.holds or level < Level.BWRAP:
                write_whole(place, json.dumps(attrs.asdict(tested)).encode(), mode=0o600)
            else:
                place.unlink(missing_ok=True)
    return tested


def _folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    if Path(base).is_absolute():
        return Path(base) / "liudu"
    return Path(tempfile.gettempdir()) / f"liudu-{os.geteuid()}"


def _place(level: Level, *, folder: Path, boot_id: Path) -> Path | None:
    """Return the file of a level, in a folder that is ours alone; None where none can be had."""
    try:
        boot = boot_id.read_text()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    if not ours or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return None
    key = "\n".join([boot, level.label, *_circumstances()])
    return folder / f"selftest-{sha256(key.encode()).hexdigest()[:32]}.json"


def _circumstances() -> Iterator[str]:
    """Yield all that could change what the attacks show."""
    yield from (platform.release(), platform.python_version(), version("liudu-sandbox"))
    yield f"{os.getuid()} {os.geteuid()}"
    program = shutil.which("bwrap")
    for path in (program, *sorted(Path(sandbox.__file__).parent.glob("*.py"))):
        if path is not None:
            found = Path(path).stat()
            yield f"{path} {found.st_ino} {found.st_size} {found.st_mtime_ns}"
    for name in SETTINGS:
        with contextlib.suppress(OSError):
            yield f"{name} {(PROC / name).read_text()}"
    for name in ("user", "mnt"):
        with contextlib.suppress(OSError):
            yield str((PROC / "self/ns" / name).readlink())
    with contextlib.suppress(OSError):
        lines = (PROC / "self/status").read_text().splitlines()
        yield from (line for line in lines if line.startswith(CONFINED_BY))


def _read(path: Path, *, level: Level) -> RememberedSelfTest | None:
    """Return what was remembered, if the file is ours alone and whole."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(fd, "rb") as file:
        found = os.fstat(fd)
        ours = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()
        if not ours or found.st_mode & OTHERS or found.st_nlink != 1:
            return None
        data = file.read(BYTES_MAX)
    try:
        return _parsed(json.loads(data), level=level)
    except (ValueError, TypeError, KeyError):
        return None


def _parsed(row: Mapping[str, Any], *, level: Level) -> RememberedSelfTest | None:
    attacks = tuple(Attack(**one) for one in row["attacks"])
    if row["level"] != int(level) or not attacks:
        return None
    return RememberedSelfTest(level=level, attacks=attacks, startup_ms=float(row["startup_ms"]))
