"""Vendors, their solutions, and the bundles that they upload."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import Max

from liudu.contract import Bundle, Refusal
from liudu.platform.actors import Actor
from liudu.platform.audit.services import record
from liudu.platform.city.models import Sector
from liudu.platform.clock import day_of
from liudu.platform.identity.models import Organisation
from liudu.platform.supply import bundles
from liudu.platform.supply.decisions import (
    QUEUED_LEASE,
    manifest_json,
    tasks_text,
    website_of,
)
from liudu.platform.supply.models import Solution, Vendor, Version
from liudu.platform.supply.tasks import check_later

PROFILE_FIELDS: Final = ("about", "about_en", "website", "founded_year", "people_count")
SOLUTION_FIELDS: Final = ("name", "name_en", "about", "about_en", "sector", "public")
YEAR_MIN: Final = 1800


class SameBundleError(Refusal):
    """The solution has this very bundle already."""

    status = 409
    en = (
        "{file} is already version {number} of this solution (uploaded {uploaded}): there is "
        "nothing new to check. Change the bundle, or use that version."
    )
    zh = (
        "{file} 就是本方案的第 {number} 版（{uploaded} 上传）：没有新内容需要检查。"
        "请修改方案包，或直接使用该版本。"
    )


class WrongYearError(Refusal):
    """A year in which nobody can have founded anything."""

    en = "{year} is no year of founding: give one from {year_min} to {year_max}."
    zh = "成立年份 {year} 不合理：请填写 {year_min} 至 {year_max} 之间的年份。"


class NamelessSolutionError(Refusal):
    """A solution without a name."""

    en = "A solution needs a name: say in a few words what it does."
    zh = "方案需要名称：请用几个字写明它做什么。"


@transaction.atomic
def register_vendor(
    *,
    by: Actor,
    at: datetime,
    organisation: Organisation,
    sectors: Iterable[Sector] | None = None,
    **profile: Any,  # noqa: ANN401 - the fields of a profile
) -> Vendor:
    """Write what an organisation tells of itself as a vendor, for the first time or anew.

    Parameters
    ----------
    sectors
        What it works in; None leaves them as they are.
    profile
        Any of ``about``, ``about_en``, ``website``, ``founded_year``, ``people_count``.

    Raises
    ------
    UnsafeWebsiteError, WrongYearError

    """
    changes = _only(profile, PROFILE_FIELDS)
    if "website" in changes:
        changes["website"] = website_of(changes["website"] or "")
    year = changes.get("founded_year")
    if year is not None and not YEAR_MIN <= year <= at.year:
        raise WrongYearError(year=year, year_min=YEAR_MIN, year_max=at.year)
    vendor, made = Vendor.objects.update_or_create(
        organisation=organisation, defaults={**changes, "updated_at": at}
    )
    if sectors is not None:
        vendor.sectors.set(sectors)
    record(
        by=by,
        at=at,
        verb="supply.vendor.registered" if made else "supply.vendor.changed",
        subject_kind="vendor",
        subject_key=organisation.key,
        subject_name=organisation.name,
        fields=sorted(changes),
    )
    return vendor


@transaction.atomic
def add_solution(
    *,
    by: Actor,
    at: datetime,
    vendor: Vendor,
    **fields: Any,  # noqa: ANN401 - the fields of a solution
) -> Solution:
    """Add a solution in words; what runs is uploaded as its versions.

    Parameters
    ----------
    fields
        ``name`` and any of ``name_en``, ``about``, ``about_en``, ``sector``, ``public``.

    Raises
    ------
    NamelessSolutionError

    """
    given = _only(fields, SOLUTION_FIELDS)
    _require_name(given.get("name", ""))
    solution = Solution.objects.create(vendor=vendor, created_at=at, updated_at=at, **given)
    _record_solution(solution, by=by, at=at, verb="supply.solution.added")
    return solution


@transaction.atomic
def edit_solution(
    *,
    by: Actor,
    at: datetime,
    solution: Solution,
    **changes: Any,  # noqa: ANN401 - the fields of a solution
) -> Solution:
    """Change the words of a solution, or whether others see it.

    Raises
    ------
    NamelessSolutionError

    """
    locked = Solution.objects.select_for_update(of=("self",)).get(pk=solution.pk)
    given = _only(changes, SOLUTION_FIELDS)
    changed = sorted(name for name, value in given.items() if getattr(locked, name) != value)
    if not changed:
        return locked
    _require_name(given.get("name", locked.name))
    for name in changed:
        setattr(locked, name, given[name])
    locked.updated_at = at
    locked.save(update_fields=[*changed, "updated_at"])
    _record_solution(locked, by=by, at=at, verb="supply.solution.changed", fields=changed)
    return locked


def upload_version(
    *, by: Actor, at: datetime, solution: Solution, file_name: str, chunks: Iterable[bytes]
) -> Version:
    """Take a bundle in, refuse at once what can be refused without running it, queue its check.

    Parameters
    ----------
    chunks
        The bytes of a ``.zip`` or ``.tar.gz``; streamed to disk, never held whole in memory.

    Raises
    ------
    BundleTooLargeError, EmptyBundleError, NoRoomError, SameBundleError
    liudu.contract.BundleError, liudu.contract.ManifestError
        Nothing is left behind then.

    """
    received = bundles.receive(chunks, file_name=file_name)
    return add_version(by=by, at=at, solution=solution, received=received)


def add_version(
    *, by: Actor, at: datetime, solution: Solution, received: bundles.Received
) -> Version:
    """Make a version of a bundle that has come in; see `upload_version`."""
    try:
        _refuse_again(solution, received=received)
        bundle = bundles.inspect(received)
        return _add_version(by=by, at=at, solution=solution, received=received, bundle=bundle)
    finally:
        received.discard()


@transaction.atomic
def _add_version(
    *, by: Actor, at: datetime, solution: Solution, received: bundles.Received, bundle: Bundle
) -> Version:
    locked = Solution.objects.select_for_update(of=("self",)).get(pk=solution.pk)
    _refuse_again(locked, received=received, digest=bundle.digest)
    newest = locked.versions.aggregate(newest=Max("number"))["newest"] or 0
    version = Version.objects.create(
        solution=locked,
        number=newest + 1,
        file_name=received.file_name,
        size_bytes=received.size_bytes,
        archive_digest=received.digest,
        digest=bundle.digest,
        manifest=manifest_json(bundle.manifest),
        uploaded_at=at,
        uploaded_by=by.name,
        lease_until=at + QUEUED_LEASE,
    )
    locked.task = tasks_text(bundle.manifest.tasks)
    locked.updated_at = at
    locked.save(update_fields=["task", "updated_at"])
    record(
        by=by,
        at=at,
        verb="supply.version.uploaded",
        subject_kind="version",
        subject_key=version.key,
        subject_name=str(version),
        solution=locked.key,
        number=version.number,
        digest=bundle.digest,
        size_bytes=received.size_bytes,
    )
    check_later.enqueue(version.key)
    bundles.keep(received, key=version.key)  # last: what fails before it leaves no file
    return version


def _refuse_again(solution: Solution, *, received: bundles.Received, digest: str = "") -> None:
    same = solution.versions.filter(archive_digest=received.digest).first()
    if same is None and digest:  # packed anew, but the same files
        same = solution.versions.filter(digest=digest).first()
    if same is not None:
        raise SameBundleError(
            file=received.file_name, number=same.number, uploaded=day_of(same.uploaded_at)
        )


def _record_solution(
    solution: Solution, *, by: Actor, at: datetime, verb: str, **detail: object
) -> None:
    record(
        by=by,
        at=at,
        verb=verb,
        subject_kind="solution",
        subject_key=solution.key,
        subject_name=solution.name,
        **detail,
    )


def _require_name(name: str) -> None:
    if not name.strip():
        raise NamelessSolutionError


def _only(given: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    unknown = set(given) - set(names)
    if unknown:
        raise TypeError(f"unknown fields: {', '.join(sorted(unknown))}")
    return given
