"""The facts of this machine, as they are."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from liudu.platform.commands.diagnosis import Facts
from liudu.platform.words import Words
from liudu.sandbox import BUILT, Level, available

FONT_FOLDERS: Final = ("/usr/share/fonts", "/usr/local/share/fonts", "/System/Library/Fonts")
FONT_WORDS: Final = (
    "cjk",
    "sourcehan",
    "wqy",
    "simsun",
    "simhei",
    "msyh",
    "pingfang",
    "notosanssc",
    "notoserifsc",
    "stheiti",
    "droidsansfallback",
    "arphic",
    "uming",
    "ukai",
)


def measure() -> Facts:
    """Return what this machine has."""
    home = Path(os.environ.get("LIUDU_HOME", "var")).absolute()
    fault = _write_fault(home)
    told = _of_django() if not fault else _without_django()
    level = strongest_level()
    return Facts(
        python=tuple(sys.version_info[:3]),
        sqlite=tuple(sqlite3.sqlite_version_info),
        level=level.label if level is not None else None,
        level_value=int(level) if level is not None else -1,
        levels_lacking=_lacking(level),
        chinese_font=has_chinese_font(),
        disk_free_bytes=shutil.disk_usage(_there(home)).free,
        memory_bytes=_memory_bytes(),
        home=str(home),
        home_fault=fault,
        private_mode=_mode(home / "private"),
        secret_mode=_mode(home / "secret"),
        **told,
    )


def _there(path: Path) -> Path:
    """Return the nearest folder above that exists."""
    while not path.exists():
        path = path.parent
    return path


def _write_fault(home: Path) -> str:
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def _mode(path: Path) -> int | None:
    """Return who may do what with a file, or None where there is none or the system has none."""
    try:
        return path.stat().st_mode & 0o777 if os.name == "posix" else None
    except OSError:
        return None


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def strongest_level() -> Level | None:
    """Return the strongest level that starts here."""
    return max((level for level in BUILT if available(level) is None), default=None)


def _lacking(had: Level | None) -> dict[str, Words]:
    """Return what each level that is stronger than the one had lacks."""
    lacking = {}
    for level in sorted(BUILT, reverse=True):
        en = available(level)
        if en is not None and (had is None or level > had):
            lacking[level.label] = Words(available(level, language="zh") or en, en)
    return lacking


def has_chinese_font() -> bool:
    """Return whether there is a font with Chinese letters."""
    program = shutil.which("fc-list")
    if program:
        with suppress(OSError, subprocess.TimeoutExpired):
            told = subprocess.run(
                [program, ":lang=zh", "file"], capture_output=True, timeout=20, check=False
            )
            if told.returncode == 0:
                return bool(told.stdout.strip())
    folders = [*map(Path, FONT_FOLDERS), Path.home() / ".fonts", Path.home() / ".local/share/fonts"]
    return any(
        any(word in path.name.lower().replace("-", "") for word in FONT_WORDS)
        for folder in folders
        if folder.is_dir()
        for path in folder.rglob("*.[to]t[cf]")
    )


def _of_django() -> dict[str, Any]:
    """Return what the settings and the database tell."""
    from liudu.platform.commands import start_django  # noqa: PLC0415

    start_django()
    from django.conf import settings  # noqa: PLC0415 - after Django has started

    level_min = Level.named(settings.LEVEL_MIN)
    return {
        "level_min": level_min.label,
        "level_min_value": int(level_min),
        "key_mode": _mode(Path(settings.CERTIFICATE_KEY)),
        "mail": str(settings.EMAIL_BACKEND),
        "https": bool(settings.HTTPS),
        "hosts": tuple(settings.ALLOWED_HOSTS),
        "debug": bool(settings.DEBUG),
        **_time(settings.TIME_ZONE),
        **_of_database(),
    }


def _without_django() -> dict[str, Any]:
    weakest = Level.PROCESS
    return {
        "level_min": weakest.label,
        "level_min_value": int(weakest),
        "key_mode": None,
        "mail": "",
        "https": False,
        "hosts": (),
        "debug": False,
        **_time("Asia/Shanghai"),
        "database": "",
        "database_fault": "-",
        **NO_DATABASE,
    }


def _time(zone: str) -> dict[str, Any]:
    from liudu.platform import clock  # noqa: PLC0415

    try:
        ZoneInfo(zone)
    except ZoneInfoNotFoundError:
        return {"clock_year": clock.now().year, "zone": zone, "zone_known": False}
    return {"clock_year": clock.now().year, "zone": zone, "zone_known": True}


NO_DATABASE: Final[dict[str, Any]] = {
    "database_version": None,
    "pending_migrations": None,
    "queue_depth": None,
    "worker_count": None,
    "dead_worker_count": None,
    "city_loaded": None,
}


def _of_database() -> dict[str, Any]:
    from django.db import DatabaseError, connection  # noqa: PLC0415 - after Django has started

    from liudu.platform.commands import pending_migrations  # noqa: PLC0415

    told: dict[str, Any] = {"database": connection.vendor, "database_fault": ""} | NO_DATABASE
    try:
        connection.ensure_connection()
        told["database_version"] = getattr(connection, "pg_version", None)
        told["pending_migrations"] = pending_migrations()
    except DatabaseError as error:
        return told | {"database_fault": str(error).strip().splitlines()[0]}
    with suppress(DatabaseError):  # tables that are not there yet
        told |= _of_work()
    return told


def _of_work() -> dict[str, Any]:
    from django.conf import settings  # noqa: PLC0415 - after Django has started
    from django_tasks_db.models import DBTaskResult  # noqa: PLC0415

    from liudu.platform import clock  # noqa: PLC0415
    from liudu.platform.city.queries import newest_pack  # noqa: PLC0415
    from liudu.platform.trials.models import Worker  # noqa: PLC0415

    silent_since = clock.now() - timedelta(seconds=settings.TRIAL_LEASE_S)
    living = Worker.objects.filter(stopped_at=None)
    return {
        "queue_depth": DBTaskResult.objects.ready().count(),
        "worker_count": living.filter(seen_at__gte=silent_since).count(),
        "dead_worker_count": living.filter(seen_at__lt=silent_since).count(),
        "city_loaded": newest_pack() is not None,
    }
