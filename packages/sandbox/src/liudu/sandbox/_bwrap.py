"""The bubblewrap command line."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # typing itself would cost 5 ms of every start
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SYSTEM_FOLDERS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts")

# Written when the sandbox stands and the command is about to start: what fails before is
# ours, what fails after is the solution's.
_READY = 'ulimit -c 0; printf r >&{fd}; exec {fd}>&-; exec prlimit --nproc={processes} -- "$@"'


def argv(
    *,
    command: Sequence[str],
    environment: Mapping[str, str],
    app: str,
    inputs: str,
    output: str,
    read_only: Sequence[str],
    tmp_mib: int,
    shm_mib: int,
    processes: int,
    filter_fd: int,
    status_fd: int,
    passwd_fd: int,
    ready_fd: int,
) -> list[str]:
    """Return the line that starts a command in namespaces of its own.

    The caller has dropped to an ordinary uid and has set the other limits.
    """
    line = ["bwrap", "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent"]
    line += ["--new-session", "--cap-drop", "ALL", "--hostname", "trial", "--clearenv"]
    for name, value in environment.items():
        line += ["--setenv", name, value]
    line += _system()
    line += ["--perms", "0644", "--ro-bind-data", str(passwd_fd), "/etc/passwd"]
    line += ["--proc", "/proc", "--dev", "/dev"]
    line += ["--size", str(shm_mib << 20), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]  # noqa: S108
    line += ["--size", str(tmp_mib << 20), "--tmpfs", "/tmp"]  # noqa: S108 - a mount of its own
    # After /tmp, for a runtime may lie below it.
    for path in read_only:
        line += ["--ro-bind", path, path]
    line += ["--ro-bind", inputs, "/in", "--bind", output, "/out", "--ro-bind", app, "/app"]
    line += ["--chdir", "/app", "--remount-ro", "/"]
    line += ["--seccomp", str(filter_fd), "--json-status-fd", str(status_fd), "--"]
    ready = _READY.format(fd=ready_fd, processes=processes)
    return [*line, "/bin/sh", "-c", ready, "sh", *command]


def _system() -> list[str]:
    line = ["--ro-bind", "/usr", "/usr"]
    for name in SYSTEM_FOLDERS:
        path = f"/{name}"
        if os.path.islink(path):  # noqa: PTH114 - pathlib costs 10 ms of start-up here
            line += ["--symlink", os.readlink(path), path]  # noqa: PTH115
        elif os.path.isdir(path):  # noqa: PTH112
            line += ["--ro-bind", path, path]
    line += ["--dir", "/etc"]
    for path in SYSTEM_FILES:
        line += ["--ro-bind-try", path, path]
    return line


def passwd(uid: int, gid: int) -> bytes:
    """Return an /etc/passwd with one user, for programs that ask who they are."""
    return f"solution:x:{uid}:{gid}:solution:/tmp:/bin/sh\n".encode()
