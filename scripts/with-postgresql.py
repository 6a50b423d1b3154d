"""Run a command beside a real PostgreSQL of its own, which is gone afterwards.

Run: python scripts/with-postgresql.py COMMAND …      the command finds DATABASE_URL
Without the programs of PostgreSQL the command is left out, and that is said; in CI it is an error.
"""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SETTINGS = "-c listen_addresses='' -c fsync=off -c synchronous_commit=off -c max_connections=200"


def programs() -> Path | None:
    """Return the folder of initdb and pg_ctl, or None."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    found = next(iter(debian), None) or shutil.which("initdb")
    return Path(found).parent if found else None


def as_nobody(folder: Path) -> dict[str, Any]:
    """PostgreSQL refuses to run as root: hand the folder to its own user."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@contextmanager
def server(place: Path, *, settings: str = SETTINGS) -> Iterator[str]:
    """Give the URL of a fresh cluster that listens on a socket file."""
    folder = Path(tempfile.mkdtemp(prefix="liudu-pg-"))
    quiet = {"stdout": subprocess.DEVNULL, "cwd": folder, **as_nobody(folder)}
    data = folder / "data"
    new = ("-D", data, "-U", "liudu", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
    control = (place / "pg_ctl", "-D", data, "-w")
    subprocess.run([place / "initdb", *new], check=True, **quiet)
    options = f"-k {folder} {settings}"
    subprocess.run([*control, "-l", folder / "log", "-o", options, "start"], check=True, **quiet)
    try:
        yield f"postgres://liudu@/postgres?host={folder}"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, **quiet)
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """Run the command beside a server, and return its exit status."""
    place = programs()
    if place is None:
        print("PostgreSQL is not installed: what needs it is left out")  # noqa: T201
        return 1 if os.environ.get("CI") else 0
    with server(place) as url:
        environment = {**os.environ, "DATABASE_URL": url}
        return subprocess.run(sys.argv[1:], check=False, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
