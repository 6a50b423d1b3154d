"""Stored packs, read and compiled: kept in the process, for a stored text never changes."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache

from liudu.platform.funding.decisions import setting_of
from liudu.platform.funding.models import PackVersion
from liudu.rules import Outcome, Pack, Program, Setting, compile_pack, read_pack, run_examples


def pack_of(version: PackVersion) -> Pack:
    """Return the pack of a stored version."""
    return _pack(version.digest, version.code)


def program_of(version: PackVersion, *, on: date, subject: str | None = None) -> Program:
    """Return a stored version as it stands on a day, with the office's settings.

    Raises
    ------
    NotInForceError

    """
    return _program(version.digest, version.code, on, subject)


def settings_of(version: PackVersion) -> Mapping[str, Setting]:
    """Return what the office has set in this version."""
    parameters = pack_of(version).parameters
    return {
        name: setting_of(parameters[name], one["value"]) for name, one in version.settings.items()
    }


def outcomes_of(version: PackVersion) -> tuple[Outcome, ...]:
    """Return how the tests beside the rules go."""
    return _outcomes(version.digest, version.code)


def _stored(digest: str, code: str) -> PackVersion:
    # A text that was taken back into use is stored again: its versions have one content.
    return PackVersion.objects.filter(digest=digest, code=code)[:1].get()


@lru_cache(maxsize=128)
def _pack(digest: str, code: str) -> Pack:
    stored = _stored(digest, code)
    return read_pack(stored.text, file=f"{code}.yaml")


@lru_cache(maxsize=512)
def _program(digest: str, code: str, on: date, subject: str | None) -> Program:
    stored = _stored(digest, code)
    settings = settings_of(stored)
    return compile_pack(_pack(digest, code), on=on, subject=subject, settings=settings)


@lru_cache(maxsize=64)
def _outcomes(digest: str, code: str) -> tuple[Outcome, ...]:
    return run_examples(_pack(digest, code))
