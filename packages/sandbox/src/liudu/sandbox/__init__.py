"""Runs an untrusted command: isolated at a named level, limited, and measured from outside."""

from liudu.sandbox._available import available, best_level
from liudu.sandbox._collect import HostileOutputError, collect
from liudu.sandbox._level import BUILT, Level, LevelNotBuiltError, UnknownLevelError
from liudu.sandbox._limits import Limits, Mounts, Paths
from liudu.sandbox._outcome import Outcome
from liudu.sandbox._runtime import python_runtime
from liudu.sandbox._selftest import (
    Attack,
    LevelNotHadError,
    SelfTest,
    SelfTestFailedError,
    selftest,
)
from liudu.sandbox._slot import NoFreeSlotError, NoLockFolderError, Slot, claim_slot
from liudu.sandbox._start import ClosedFolderError, NoFolderError, Running, run, start

__all__ = [
    "BUILT",
    "Attack",
    "ClosedFolderError",
    "HostileOutputError",
    "Level",
    "LevelNotBuiltError",
    "LevelNotHadError",
    "Limits",
    "Mounts",
    "NoFolderError",
    "NoFreeSlotError",
    "NoLockFolderError",
    "Outcome",
    "Paths",
    "Running",
    "SelfTest",
    "SelfTestFailedError",
    "Slot",
    "UnknownLevelError",
    "available",
    "best_level",
    "claim_slot",
    "collect",
    "python_runtime",
    "run",
    "selftest",
    "start",
]
