"""The other policies with which a rule shares a group, in the versions of one day."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache

import attrs

from liudu.platform.funding.models import Batch, PackVersion
from liudu.platform.funding.packs import pack_of, program_of
from liudu.rules import JointGroup, Program, joint_groups

Rules = frozenset[tuple[str, str]]


@attrs.frozen(kw_only=True)
class Beside:
    """What stands beside a rule: who of it pays is decided over all of them together.

    Attributes
    ----------
    versions
        Of each other policy that has a rule in the group, the version.
    absent
        Policies that the group names and of which no version holds on the day.
    rivals
        The other rules, by policy and name, that are not paid besides: those of a group that
        does not simply add up.

    """

    versions: tuple[PackVersion, ...] = ()
    absent: frozenset[str] = frozenset()
    rivals: Rules = frozenset()

    def kept(self) -> dict[str, object]:
        """Return it as a row keeps it."""
        return {
            "versions": {one.code: one.key for one in self.versions},
            "absent": sorted(self.absent),
            "rivals": sorted(list(one) for one in self.rivals),
        }


ALONE = Beside()


def beside_of(
    version: PackVersion, rule: str, *, on: date, kind: str, held: Sequence[PackVersion]
) -> Beside:
    """Return what stands beside a rule on a day.

    Parameters
    ----------
    version
        The version of the rule's own policy.
    held
        The versions that hold on the day, of all policies.

    """
    others = {one.code: one for one in held if one.code != version.code}
    programs = [program_of(version, on=on, subject=kind)]
    programs += [program_of(one, on=on, subject=kind) for one in others.values()]
    absent = absent_policies(programs)
    group = _group_of(joint_groups(programs, absent=absent), (version.code, rule))
    if group is None:
        return ALONE
    codes = {code for code, _ in group.members} - {version.code}
    rivals = set(group.members) - {(version.code, rule)} if group.excludes else set()
    return Beside(
        versions=tuple(others[code] for code in sorted(codes)),
        absent=frozenset(absent),
        rivals=frozenset(rivals),
    )


def _group_of(groups: Sequence[JointGroup], key: tuple[str, str]) -> JointGroup | None:
    return next((one for one in groups if key in one.members), None)


def absent_policies(programs: Sequence[Program]) -> frozenset[str]:
    """Return the policies that groups name, that are known, and that do not hold on the day.

    A policy that nobody ever loaded is not among them: nobody knows what it would pay.
    """
    there = {one.pack.name for one in programs}
    named = {
        other.pack
        for program in programs
        for limit in program.groups.values()
        for other in limit.group.others
    }
    missing = named - there
    return frozenset(missing & _known(_newest())) if missing else frozenset()


def _newest() -> str | None:
    return PackVersion.objects.order_by("-pk").values_list("key", flat=True).first()


@lru_cache(maxsize=4)
def _known(newest: str | None) -> frozenset[str]:
    # Versions are written for good, so the newest says whether anything is new.
    del newest
    codes = PackVersion.objects.order_by().values_list("code", flat=True).distinct()
    return frozenset(codes)


def kept_beside(kept: Mapping[str, object] | None) -> Beside:
    """Return what a row has kept; nothing for rows from before there were such groups."""
    if not kept:
        return ALONE
    versions, absent, rivals = (kept.get(key) or () for key in ("versions", "absent", "rivals"))
    keys = list(versions.values()) if isinstance(versions, dict) else []
    found = PackVersion.objects.filter(key__in=keys).defer("text") if keys else ()
    return Beside(
        versions=tuple(sorted(found, key=lambda one: one.code)),
        absent=frozenset(map(str, absent if isinstance(absent, list) else ())),
        rivals=frozenset(
            (str(code), str(rule)) for code, rule in (rivals if isinstance(rivals, list) else ())
        ),
    )


def programs_beside(beside: Beside, batch: Batch) -> tuple[Program, ...]:
    """Return the other policies of a delivery as they stand on its day."""
    kind = pack_of(batch.pack).rules[batch.rule].subject
    return tuple(program_of(one, on=batch.on_date, subject=kind) for one in beside.versions)
