"""What changes rows; each writes its audit line in the same transaction."""

import json
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from django.contrib.auth.models import User
from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.db.models import F

from liudu.contract import Refusal
from liudu.outbreak.desk.audit import record
from liudu.outbreak.desk.decisions import (
    ROLES,
    Earlier,
    check_note,
    check_step,
    repeats,
)
from liudu.outbreak.desk.models import Entry, Member, Message, Rule, Run, Signal
from liudu.outbreak.report.curves import Curve
from liudu.outbreak.signals import Raised

MOMENTS: Final = {
    "verifying": "verified_at",
    "suspected": "suspected_at",
    "investigating": "investigating_at",
    "closed": "closed_at",
}


class TakenInBetweenError(Refusal):
    """Somebody else moved the signal while this page was open."""

    en = "{actor} changed this signal in the meantime; nothing of yours was lost."
    zh = "您打开页面期间，{actor} 已更新此信号；您填写的内容没有丢失。"


class AlreadyRunningError(Refusal):
    """A detection is under way."""

    en = "A detection is running already; wait until it has ended."
    zh = "检测正在进行，请等它结束。"


class UnknownRoleError(Refusal):
    """No role has this name."""

    en = "There is no role {role!r}: take one of {roles}."
    zh = "没有角色 {role!r}：可用 {roles}。"


class UserExistsError(Refusal):
    """A user name is taken."""

    en = "There is a user {name!r} already."
    zh = "用户 {name!r} 已存在。"


class LastAdministratorError(Refusal):
    """The last administrator would be gone."""

    en = "{name!r} is the last administrator: make another one first."
    zh = "{name!r} 是最后一名管理员：请先指定另一名。"


@transaction.atomic
def create_user(
    name: str, *, password: str, role: str, districts: Sequence[str], at: datetime, by: str,
    email: str = "",
) -> User:  # fmt: skip
    """Create a member of the desk.

    Raises
    ------
    UnknownRoleError, UserExistsError

    """
    _check_role(role)
    if User.objects.filter(username=name).exists():
        raise UserExistsError(name=name)
    user = User.objects.create_user(name, email=email, password=password)
    Member.objects.create(user=user, role=role, districts=list(districts))
    record(at=at, actor=by, verb="user.created", subject=name, role=role, districts=list(districts))
    return user


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise UnknownRoleError(role=role, roles=", ".join(ROLES))


@transaction.atomic
def change_member(
    member: Member, *, role: str, districts: Sequence[str], active: bool, email: str,
    at: datetime, by: str,
) -> None:  # fmt: skip
    """Change what a member may see and do.

    Raises
    ------
    UnknownRoleError, LastAdministratorError

    """
    _check_role(role)
    others = Member.objects.filter(role="administrator", user__is_active=True).exclude(pk=member.pk)
    leaves = member.role == "administrator" and (role != "administrator" or not active)
    if leaves and not others.exists():
        raise LastAdministratorError(name=member.user.get_username())
    member.role, member.districts = role, list(districts)
    member.save()
    member.user.is_active, member.user.email = active, email
    member.user.save()
    record(
        at=at, actor=by, verb="user.changed", subject=member.user.get_username(), role=role,
        districts=list(districts), active=active,
    )  # fmt: skip


@transaction.atomic
def take_step(
    signal: Signal, *, to: str, version: int, note: str, outcome: str, user: User, at: datetime
) -> Signal:
    """Move a signal on; whoever moves it owns it, unless it has an owner.

    Parameters
    ----------
    version
        Of the signal that the user was looking at.

    Raises
    ------
    TakenInBetweenError
        When it has moved since; nothing is changed.
    StepNotPossibleError, OutcomeMissingError, NoteMissingError, NoteTooLongError

    """
    now_ = Signal.objects.select_for_update().get(pk=signal.pk)
    if now_.version != version:
        last = Entry.objects.filter(signal=now_).last()
        raise TakenInBetweenError(actor=last.actor if last else "–")
    check_step(now_.state, to=to, outcome=outcome, note=note)
    before = now_.state
    changes: dict[str, Any] = {"state": to, "version": F("version") + 1}
    changes["outcome"] = outcome if to == "closed" else ""
    if to == "closed" or getattr(now_, MOMENTS[to]) is None:
        changes[MOMENTS[to]] = at
    if now_.verified_at is None:
        changes["verified_at"] = at  # whatever the first step is, the signal was answered
    if now_.owner is None:
        changes["owner"] = user
    Signal.objects.filter(pk=now_.pk, version=version).update(**changes)
    name = user.get_username()
    Entry.objects.create(
        signal=now_, at=at, actor=name, kind="step", from_state=before, to_state=to,
        outcome=changes["outcome"], note=note.strip(),
    )  # fmt: skip
    record(
        at=at, actor=name, verb=f"signal.{to}", subject=str(now_.pk), before=before,
        outcome=changes["outcome"],
    )  # fmt: skip
    return Signal.objects.get(pk=now_.pk)


@transaction.atomic
def add_note(signal: Signal, *, note: str, user: User, at: datetime) -> None:
    """Add a note; notes of two people never collide.

    Raises
    ------
    NoteMissingError, NoteTooLongError

    """
    check_note(note, required=True)
    name = user.get_username()
    Entry.objects.create(signal=signal, at=at, actor=name, kind="note", note=note.strip())
    record(at=at, actor=name, verb="signal.noted", subject=str(signal.pk))


@transaction.atomic
def take_over(signal: Signal, *, user: User, at: datetime) -> None:
    """Make a user the owner of a signal."""
    name = user.get_username()
    Signal.objects.filter(pk=signal.pk).update(owner=user)
    Entry.objects.create(signal=signal, at=at, actor=name, kind="owner")
    record(at=at, actor=name, verb="signal.owned", subject=str(signal.pk))


def begin_run(*, at: datetime, by: str) -> Run:
    """Note that a detection begins.

    Raises
    ------
    AlreadyRunningError

    """
    try:
        with transaction.atomic():
            run = Run.objects.create(started_at=at, by=by)
            record(at=at, actor=by, verb="detection.started", subject=str(run.pk))
    except IntegrityError as error:
        raise AlreadyRunningError from error
    return run


def end_broken_runs(*, at: datetime) -> None:
    """Close the runs that a killed server left open."""
    Run.objects.filter(state="running").update(
        state="failed", ended_at=at, message_zh="服务停止，检测中断。",
        message_en="The server stopped; the detection was interrupted.",
    )  # fmt: skip


@transaction.atomic
def raise_signal(
    raised: Raised, *, curve: Curve, week: str, week_number: int, quiet_days: int,
    simulated: bool, names: dict[str, str], at: datetime,
) -> Signal | None:  # fmt: skip
    """Raise a signal, or note on a known one that it is still seen; None if it was known."""
    key = json.dumps(raised.series, ensure_ascii=False, sort_keys=True)
    last = Signal.objects.filter(key=key).order_by("-last_week_number", "-id").first()
    earlier = last and Earlier(
        state=last.state, last_week=last.last_week_number, closed_week=None
    )  # fmt: skip
    if last is not None and repeats(earlier or None, week=week_number, quiet_days=quiet_days):
        _seen_again(last, raised=raised, curve=curve, week=week, week_number=week_number, at=at)
        return None
    signal, made = Signal.objects.get_or_create(
        key=key,
        week_number=week_number,
        defaults={
            "series": raised.series, "disease": raised.disease, "district": raised.district,
            "name": _name(raised, names=names), "week": week, "last_week": week,
            "last_week_number": week_number, "observed": raised.observed,
            "expected": raised.expected, "bound": raised.bound, "p_value": raised.p_value,
            "detector": raised.detector, "fixed": raised.fixed, "ladder": raised.ladder,
            "priority": raised.priority, "simulated": simulated, "curve": curve.to_json(),
            "raised_at": at,
        },
    )  # fmt: skip
    if not made:
        return None
    record(at=at, actor="detection", verb="signal.raised", subject=str(signal.pk), week=week)
    _tell(signal, at=at)
    return signal


def _name(raised: Raised, *, names: dict[str, str]) -> str:
    values = [names.get(value, value) for value in raised.series.values()]
    return " · ".join(value for value in values if value) or "–"


def _seen_again(
    signal: Signal, *, raised: Raised, curve: Curve, week: str, week_number: int, at: datetime
) -> None:
    changes: dict[str, Any] = {"curve": curve.to_json()}
    if week_number > signal.last_week_number:
        changes |= {"last_week": week, "last_week_number": week_number}
        Entry.objects.create(
            signal=signal,
            at=at,
            actor="detection",
            kind="repeat",
            note=f"{week}: {raised.observed}",
        )
    changes["priority"] = min(signal.priority, raised.priority)
    Signal.objects.filter(pk=signal.pk).update(**changes)


def _tell(signal: Signal, *, at: datetime) -> None:
    told: set[int] = set()
    letters: list[str] = []
    rules = Rule.objects.filter(priority_max__gte=signal.priority, user__is_active=True)
    for rule in rules.select_related("user", "user__member"):
        if not _concerns(rule, signal):
            continue
        if rule.user.pk not in told:
            told.add(rule.user.pk)
            Message.objects.get_or_create(user=rule.user, signal=signal, defaults={"at": at})
        if rule.email and rule.user.email and rule.user.email not in letters:
            letters.append(rule.user.email)
    for address in letters:
        transaction.on_commit(partial(_send, signal, to=address))


def _concerns(rule: Rule, signal: Signal) -> bool:
    own = rule.user.member.districts
    return (
        rule.disease in {"", signal.disease}
        and rule.district in {"", signal.district}
        and (not own or signal.district in own)
    )


def _send(signal: Signal, *, to: str) -> None:
    mark = "【模拟 SIMULATED】" if signal.simulated else ""
    send_mail(
        f"{mark}六度预警 Liudu alarm: {signal.name}".replace("\n", " ").replace("\r", " "),
        f"{signal.week} {signal.name}\n优先级 Priority: {signal.priority}\n/signals/{signal.pk}/\n",
        None,
        [to],
        fail_silently=True,  # the inbox holds it; a mail server that is down stops no detection
    )


@transaction.atomic
def note_access(
    signal: Signal, *, pseudonyms: Sequence[str], purpose: str, user: User, at: datetime
) -> None:
    """Write down who saw which people, when, and what for."""
    record(
        at=at, actor=user.get_username(), verb="cases.seen", subject=str(signal.pk),
        purpose=purpose, persons=list(pseudonyms),
    )  # fmt: skip
