"""Policies come in as text and stay as they came; what the office adds is a new version."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Final

import attrs
from django.db import IntegrityError, transaction

from liudu.contract import Refusal
from liudu.platform.actors import Actor
from liudu.platform.audit.services import record
from liudu.platform.clock import CITY_ZONE
from liudu.platform.funding.decisions import clause_digest, setting_of
from liudu.platform.funding.models import ClauseCheck, PackVersion
from liudu.platform.funding.packs import pack_of
from liudu.rules import (
    Finding,
    OrderContradictionError,
    Pack,
    PackRefusedError,
    Severity,
    StackContradictionError,
    check_pack,
    check_together,
    read_pack,
)

CONTRADICTIONS: Final = (StackContradictionError, OrderContradictionError)


class NoPolicyFolderError(Refusal):
    """The folder is not there or holds no pack."""

    en = "{folder} holds no policy pack (*.yaml): name the folder of a city's policies."
    zh = "{folder} 中没有政策包（*.yaml）：请指明城市政策所在的目录。"


class NotUtf8Error(Refusal):
    """A pack that is saved in another encoding."""

    en = "{file} is not UTF-8: save it as UTF-8."
    zh = "{file} 不是 UTF-8 编码：请另存为 UTF-8。"


class NoSuchParameterError(Refusal):
    """A policy has no such parameter."""

    en = "{code} has no parameter {name}."
    zh = "{code} 没有参数 {name}。"


class NoSuchRuleError(Refusal):
    """A policy has no such rule."""

    en = "{code} has no rule {name}."
    zh = "{code} 没有规则 {name}。"


class SourceNeededError(Refusal):
    """A value or a check without where it comes from."""

    en = "Name the source: the document, its number and date."
    zh = "请写明依据：文件名称、文号和日期。"


@attrs.frozen(kw_only=True)
class LoadReport:
    """What became of the packs of a folder.

    Attributes
    ----------
    loaded
        New versions.
    unchanged
        Codes whose text is stored already.
    refused
        File names with what is wrong in them; nothing of such a file is stored.
    warnings
        Findings that do not keep a pack from being used, by code.

    """

    loaded: tuple[PackVersion, ...]
    unchanged: tuple[str, ...]
    refused: Mapping[str, Refusal]
    warnings: Mapping[str, tuple[Finding, ...]]


def load_policies(*, by: Actor, at: datetime, folder: Path) -> LoadReport:
    """Store the packs of a folder whose text is new; each file stands or falls by itself.

    One whose groups contradict those of another policy is refused: nobody could be paid by both.

    Raises
    ------
    NoPolicyFolderError

    """
    files = sorted(folder.glob("*.yaml")) if folder.is_dir() else [folder]
    if not files or not all(file.is_file() for file in files):
        raise NoPolicyFolderError(folder=folder)
    loaded: list[PackVersion] = []
    unchanged: list[str] = []
    refused: dict[str, Refusal] = {}
    warnings: dict[str, tuple[Finding, ...]] = {}
    sound: dict[str, tuple[str, Pack, tuple[Finding, ...]]] = {}
    for file in files:
        try:
            text = file.read_text(encoding="utf-8-sig")
            sound[file.name] = (text, *sound_pack(text, file=file.name))
        except Refusal as error:
            refused[file.name] = error
        except UnicodeDecodeError:
            refused[file.name] = NotUtf8Error(file=file.name)
    for name, (text, pack, found) in sound.items():
        here = [one for other, (_, one, _) in sound.items() if other not in refused]
        try:
            together = _agreeing(pack, here, file=name)
        except Refusal as error:
            refused[name] = error
            continue
        warnings[pack.name] = (*found, *together)
        version = store_pack(by=by, at=at, pack=pack, text=text, reason=name)
        unchanged.append(pack.name) if version is None else loaded.append(version)
    return LoadReport(
        loaded=tuple(loaded), unchanged=tuple(unchanged), refused=refused, warnings=warnings
    )


def _agreeing(pack: Pack, here: Sequence[Pack], *, file: str) -> tuple[Finding, ...]:
    """Return what is to be looked at where the groups of a pack meet those of others.

    Raises
    ------
    PackRefusedError
        If its groups contradict those of another policy.

    """
    others = {one.code: pack_of(one) for one in _newest_of_all()}
    others |= {one.name: one for one in here}
    others.pop(pack.name, None)
    rest = list(others.values())
    before = {str(one.problem) for one in check_together(rest)}
    fresh = [one for one in check_together([pack, *rest]) if str(one.problem) not in before]
    wrong = [one.problem for one in fresh if isinstance(one.problem, CONTRADICTIONS)]
    if wrong:
        raise PackRefusedError(file=file, errors=wrong)
    return tuple(fresh)


def _newest_of_all() -> list[PackVersion]:
    """Return of every policy the newest version, without its text."""
    found: dict[str, PackVersion] = {}
    for version in PackVersion.objects.defer("text").order_by("code", "-number"):
        found.setdefault(version.code, version)
    return list(found.values())


@lru_cache(maxsize=64)
def sound_pack(text: str, *, file: str) -> tuple[Pack, tuple[Finding, ...]]:
    """Return a pack that may be used, with its warnings.

    Raises
    ------
    PackRefusedError
        It cannot be read, contradicts itself, or a test beside its rules fails: every error
        with its line and column.

    """
    pack = read_pack(text, file=file)
    findings = check_pack(pack)
    errors = [one.problem for one in findings if one.severity is Severity.ERROR]
    if errors:
        raise PackRefusedError(file=file, errors=errors)
    return pack, tuple(findings)


@transaction.atomic
def store_pack(
    *,
    by: Actor,
    at: datetime,
    pack: Pack,
    text: str,
    reason: str,
    settings: Mapping[str, object] | None = None,
    start: date | None = None,
) -> PackVersion | None:
    """Store a version of a pack, or return None if that very content is the newest already.

    A content that was replaced and comes back is a new version.

    What the office has set stays set in a new text, as long as the text still leaves it open.
    Of two who store the very same at once, one does.
    """
    store = partial(
        _stored,
        by=by,
        at=at,
        pack=pack,
        text=text,
        reason=reason,
        settings=settings,
        start=start,
    )
    try:
        with transaction.atomic():
            return store()
    except IntegrityError:  # somebody else stored the policy's first version meanwhile
        return store()


def _stored(
    *,
    by: Actor,
    at: datetime,
    pack: Pack,
    text: str,
    reason: str,
    settings: Mapping[str, object] | None,
    start: date | None,
) -> PackVersion | None:
    before = _newest(pack.name)
    kept = dict(settings) if settings is not None else _kept(before, pack)
    digest = _digest(pack, kept)
    if before is not None and before.digest == digest:
        return None
    version = PackVersion.objects.create(
        code=pack.name,
        number=before.number + 1 if before else 1,
        version=pack.version,
        title_zh=pack.title.zh,
        title_en=pack.title.en,
        issuer=pack.source.issuer,
        text=text,
        digest=digest,
        settings=kept,
        valid_from=start or pack.period.start,
        valid_to=pack.period.end,
        rule_count=len(pack.rules),
        example_count=sum(len(rule.examples) for rule in pack.rules.values()),
        reason=reason[:300],
        loaded_at=at,
        loaded_by=by.name,
    )
    record(
        at=at,
        by=by,
        verb="funding.policy.loaded",
        subject_kind="policy",
        subject_key=pack.name,
        subject_name=pack.title.zh,
        number=version.number,
        version=pack.version,
        digest=digest,
    )
    return version


def _newest(code: str) -> PackVersion | None:
    """Return the newest version of a policy; it stays the newest until the transaction ends."""
    versions = PackVersion.objects.filter(code=code)
    # The first version is there for good: whoever adds another waits here for its lock.
    list(versions.select_for_update().filter(number=1).values_list("pk"))
    return versions.order_by("-number").first()


def _kept(before: PackVersion | None, pack: Pack) -> dict[str, object]:
    if before is None:
        return {}
    return {
        name: one
        for name, one in before.settings.items()
        if name in pack.parameters
        and all(value is None for _, value in pack.parameters[name].values)
    }


def _digest(pack: Pack, settings: Mapping[str, object]) -> str:
    content = json.dumps(
        {"pack": pack.digest, "settings": settings},
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
    )
    return "sha256:" + hashlib.sha256(content.encode()).hexdigest()


@transaction.atomic
def set_parameter(
    *, by: Actor, at: datetime, code: str, name: str, text: str, source: str
) -> PackVersion:
    """Give a parameter its value from today on, with its source; that is a new version.

    Parameters
    ----------
    text
        The value in the parameter's written unit (yuan, wan yuan, a share such as 0.2).

    Raises
    ------
    NoSuchParameterError, BadSettingError, SourceNeededError

    """
    stored = _newest(code)
    if stored is None:
        raise PackVersion.DoesNotExist(code)
    pack = pack_of(stored)
    if name not in pack.parameters:
        raise NoSuchParameterError(code=code, name=name)
    if len(source.strip()) < 4:  # noqa: PLR2004 - no document has a shorter name
        raise SourceNeededError
    setting_of(pack.parameters[name], text)
    today = at.astimezone(CITY_ZONE).date()
    start = max(today, pack.period.start or today)
    settings = {**stored.settings, name: {"value": text.strip(), "source": source.strip()[:300]}}
    version = store_pack(
        by=by,
        at=at,
        pack=pack,
        text=stored.text,
        reason=f"{name} = {text.strip()} · {source.strip()}",
        settings=settings,
        start=start,
    )
    return version or stored


@transaction.atomic
def check_clause(
    *, by: Actor, at: datetime, version: PackVersion, rule: str, compared_with: str
) -> ClauseCheck:
    """Keep that somebody compared a rule's clause with the official text.

    Raises
    ------
    NoSuchRuleError, SourceNeededError

    """
    found = pack_of(version).rules.get(rule)
    if found is None:
        raise NoSuchRuleError(code=version.code, name=rule)
    if len(compared_with.strip()) < 4:  # noqa: PLR2004 - no document has a shorter name
        raise SourceNeededError
    check, made = ClauseCheck.objects.get_or_create(
        code=version.code,
        rule=rule,
        clause_digest=clause_digest(found),
        defaults={
            "compared_with": compared_with.strip()[:400],
            "checked_at": at,
            "checked_by": by.name,
        },
    )
    if made:
        record(
            at=at,
            by=by,
            verb="funding.clause.checked",
            subject_kind="policy",
            subject_key=version.code,
            subject_name=found.title.zh,
            rule=rule,
            compared_with=check.compared_with,
        )
    return check
