"""What the child does to itself between fork and exec, at every level."""

from __future__ import annotations

import ctypes
import os
import resource
import stat

from liudu.sandbox import _bwrap, _landlock

TYPE_CHECKING = False  # typing itself would cost 5 ms of every start
if TYPE_CHECKING:
    from typing import Any

_CLONE_NEWNS = 0x20000
_MS_RDONLY, _MS_NOSUID, _MS_BIND, _MS_REC, _MS_PRIVATE = 1, 2, 4096, 16384, 1 << 18
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_SIGKILL = 9
_MIB = 1 << 20
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", *_bwrap.SYSTEM_FILES)


class CommandNotFoundError(OSError):
    """The command itself cannot be started: the solution's fault, not the sandbox's."""


def _prctl(option: int, value: int) -> None:
    if _landlock.libc.prctl(option, value, 0, 0, 0):
        code = ctypes.get_errno()
        raise OSError(code, f"prctl {option}: {os.strerror(code)}")


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    arguments = (source.encode(), target.encode(), kind.encode())
    if _landlock.libc.mount(*arguments, ctypes.c_ulong(flags), data.encode()):
        code = ctypes.get_errno()
        raise OSError(code, f"mount {source} on {target}: {os.strerror(code)}")


def closed_ancestor(path: str) -> str | None:
    """Return the first folder above ``path`` that others may not pass, if there is one."""
    parts = os.path.realpath(path).split("/")
    candidates = {"/".join(parts[:count]) for count in range(2, len(parts))}
    written = os.path.abspath(path).split("/")  # noqa: PTH100 - symlinks must stay
    candidates |= {"/".join(written[:count]) for count in range(2, len(written))}
    closed = [folder for folder in candidates if not os.stat(folder).st_mode & stat.S_IXOTH]  # noqa: PTH116
    return min(closed, key=len) if closed else None


def open_ways(paths: list[str]) -> None:
    """Make folders below a closed one (a home of mode 700) reachable, for this process only.

    In a mount namespace of its own an empty folder is laid over the closed one, and what is
    needed is bound below it at its own path. Nothing of the user's is changed.
    """
    closed = {folder for path in paths if (folder := closed_ancestor(path))}
    if not closed:
        return
    if _landlock.libc.unshare(_CLONE_NEWNS):
        code = ctypes.get_errno()
        raise OSError(
            code,
            f"{min(closed)} is closed to others, and no mount namespace: {os.strerror(code)}",
        )
    _mount("none", "/", "none", _MS_REC | _MS_PRIVATE)
    hidden = [path for path in paths if closed_ancestor(path)]
    # Both names of a path that leads through links: the links are below the closed folder too.
    names = {name for path in hidden for name in (os.path.abspath(path), os.path.realpath(path))}  # noqa: PTH100
    handles = {name: os.open(name, os.O_PATH | os.O_CLOEXEC) for name in sorted(names)}
    for folder in sorted(closed, key=len):
        if not any(folder.startswith(other + "/") for other in closed):
            _mount("tmpfs", folder, "tmpfs", _MS_NOSUID, "mode=0755,size=1m")
    for name, handle in handles.items():
        _bind(handle, name)


def _bind(handle: int, name: str) -> None:
    if stat.S_ISDIR(os.fstat(handle).st_mode):
        os.makedirs(name, mode=0o755, exist_ok=True)  # noqa: PTH103
    else:
        os.makedirs(os.path.dirname(name), mode=0o755, exist_ok=True)  # noqa: PTH103, PTH120
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
    _mount(f"/proc/self/fd/{handle}", name, "none", _MS_BIND | _MS_REC)


def set_limits(setup: dict[str, Any]) -> None:
    """Set the limits of each process, below those that the caller itself has."""
    cpu_s = max(1, int(setup["cpu_s"] + 0.999))
    wanted = {
        resource.RLIMIT_AS: setup["address_space_mib"] * _MIB,
        resource.RLIMIT_CPU: cpu_s,
        resource.RLIMIT_FSIZE: setup["output_mib"] * _MIB,
        resource.RLIMIT_NOFILE: setup["open_files"],
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 65_536,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    if setup["level"] != "bwrap":  # there it is set inside, where only its own are counted
        wanted[resource.RLIMIT_NPROC] = setup["processes_of_uid"]
    for kind, value in wanted.items():
        hard = resource.getrlimit(kind)[1]
        soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
        above = 1 if kind == resource.RLIMIT_CPU and soft != hard else 0  # SIGXCPU, then SIGKILL
        resource.setrlimit(kind, (soft, soft + above))


def drop_uid(uid: int, gid: int) -> None:
    """Become the ordinary user of the slot, for good."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)


def become(setup: dict[str, Any], *, fds: dict[str, int]) -> None:
    """Confine this process as ``setup`` says and replace it by the command; returns never."""
    parent = os.getppid()
    os.setsid()
    level = setup["level"]
    if os.geteuid() == 0:
        open_ways(setup["paths"])
    set_limits(setup)
    drop_uid(setup["uid"], setup["gid"])
    _prctl(_PR_SET_PDEATHSIG, _SIGKILL)  # after the uid, whose change clears it
    if os.getppid() != parent:
        os._exit(1)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    if level == "bwrap":
        for name in ("filter", "status", "passwd", "ready"):
            os.set_inheritable(fds[name], True)
        os.execve(setup["bwrap"], setup["argv"], {"PATH": "/usr/bin:/bin"})  # noqa: S606
    os.chdir(setup["app"])
    if level == "landlock":
        _landlock.restrict(
            read_only=[*_SYSTEM, *setup["read_only"], setup["app"], setup["inputs"]],
            writable=[setup["output"], setup["tmp"], *_DEVICES],
        )
        _landlock.install_filter(setup["filter"])
    _replace_by(setup["command"], setup["environment"])


def _replace_by(command: list[str], environment: dict[str, str]) -> None:
    """Become the command, looked for in PATH; os.execvpe imports a module that is hidden by now."""
    name = command[0]
    folders = [""] if "/" in name else environment["PATH"].split(":")
    why = OSError(2, "not found in PATH")
    for folder in folders:
        try:
            os.execve(f"{folder}/{name}" if folder else name, command, environment)  # noqa: S606
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:  # there, but not to be run
            why = error
    raise CommandNotFoundError(why.errno, why.strerror, name)
