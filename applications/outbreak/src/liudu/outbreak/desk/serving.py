"""Open a data folder for one server, and serve it."""

import fcntl
import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from liudu.contract import Refusal
from liudu.outbreak.clock import now
from liudu.outbreak.desk.settings import Site, configure

THREADS = 8


class PortInUseError(Refusal):
    """Something else listens on the port."""

    en = "Port {port} of {host} is in use. Choose another with --port, or stop what listens there."
    zh = "{host} 的端口 {port} 已被占用。请用 --port 换一个，或停止占用它的程序。"


class FolderInUseError(Refusal):
    """Another server runs on the folder."""

    en = "Another server (process {process}) uses {folder}. One folder has one server at a time."
    zh = "{folder} 正由另一个服务（进程 {process}）使用。一个文件夹同时只能有一个服务。"


class BrokenDatabaseError(Refusal):
    """The database of the desk cannot be read."""

    en = (
        "{file} is damaged ({found}). Put back its backup, or move it away to begin anew: signals, "
        "notes and audit are in it."
    )
    zh = "{file} 已损坏（{found}）。请用备份恢复，或将它移走后重新开始：信号、说明和审计都在其中。"


class FolderNotWritableError(Refusal):
    """The folder cannot be written."""

    en = "{folder} cannot be written ({found}): the desk keeps signals and audit there."
    zh = "{folder} 不可写（{found}）：信号和审计要保存在其中。"


@contextmanager
def locked(site: Site) -> Iterator[None]:
    """Hold a data folder for this process alone.

    Raises
    ------
    FolderInUseError, FolderNotWritableError

    """
    path = site.own / "lock"
    try:
        site.own.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="ascii")
    except OSError as error:
        raise FolderNotWritableError(folder=site.folder, found=type(error).__name__) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            process = file.read().strip() or "?"
            raise FolderInUseError(folder=site.folder, process=process) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def check_database(path: Path) -> None:
    """Refuse a database file that is damaged.

    Raises
    ------
    BrokenDatabaseError

    """
    if not path.is_file():
        return
    try:
        connection = sqlite3.connect(path)
        try:
            answer = connection.execute("PRAGMA quick_check(1)").fetchone()
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        raise BrokenDatabaseError(file=path, found=str(error)) from error
    if answer != ("ok",):
        raise BrokenDatabaseError(file=path, found=answer[0] if answer else "empty")


def opened(site: Site, *, alone: bool) -> None:
    """Start Django on a folder and bring its database up to date.

    With `alone`, no other process has the folder: a detection that seems to run is broken.

    Raises
    ------
    BrokenDatabaseError

    """
    check_database(site.database)
    configure(site)
    from django.core.management import call_command  # noqa: PLC0415 - Django is configured now

    from liudu.outbreak.desk.services import end_broken_runs  # noqa: PLC0415

    call_command("migrate", verbosity=0, interactive=False)
    site.database.chmod(0o600)
    if alone:
        end_broken_runs(at=now())


def listening(*, host: str, port: int) -> socket.socket:
    """Return a socket that listens on the address.

    Raises
    ------
    PortInUseError

    """
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen()  # from here on browsers wait instead of being refused
    except OSError as error:
        bound.close()
        raise PortInUseError(host=host, port=port) from error
    return bound


def serve(bound: socket.socket, *, application: Any) -> None:  # noqa: ANN401 - a WSGI callable
    """Serve until interrupted."""
    from waitress import serve as waitress  # type: ignore[import-untyped]  # noqa: PLC0415

    waitress(application, sockets=[bound], threads=THREADS, ident="liudu")
