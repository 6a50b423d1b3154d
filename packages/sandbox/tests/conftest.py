"""Folders for a run, and the levels that this machine has."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from liudu.sandbox import Level, Limits, Mounts, available, python_runtime


def require(level: Level) -> Level:
    lack = available(level)
    if lack is not None:
        pytest.skip(f"{level}: {lack}")
    return level


@pytest.fixture(
    params=[
        Level.PROCESS,
        Level.LANDLOCK,
        pytest.param(Level.BWRAP, marks=pytest.mark.bwrap),
    ],
    ids=str,
)
def level(request) -> Level:
    return require(request.param)


@pytest.fixture
def bwrap() -> Level:
    return require(Level.BWRAP)


@pytest.fixture
def mounts():
    """Folders that an ordinary user can reach, as a runner makes them."""
    base = Path(tempfile.mkdtemp(prefix="liudu-test-"))
    base.chmod(0o755)
    for name in ("app", "in", "out"):
        (base / name).mkdir()
        (base / name).chmod(0o755)
    yield Mounts(
        app=base / "app", inputs=base / "in", output=base / "out", read_only=python_runtime()
    )
    shutil.rmtree(base, ignore_errors=True)


@pytest.fixture
def limits() -> Limits:
    return Limits(memory_mib=512, wall_s=30)


@pytest.fixture
def as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: an ordinary user's runs have its own uid")
