"""Every read of this context."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import attrs
from django.conf import settings
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet, Value
from django.db.models.functions import Lower

from liudu.acceptance import METRICS
from liudu.contract import Refusal
from liudu.platform.actors import Actor, Role
from liudu.platform.city.models import Sector
from liudu.platform.needs.models import Need
from liudu.platform.supply import bundles
from liudu.platform.supply.decisions import Looked, compared, misfits, texts_with
from liudu.platform.supply.models import Certificate, Invitation, Offer, Solution, Vendor, Version
from liudu.platform.words import Words
from liudu.trial import certificate as certificates
from liudu.trial import keys
from liudu.trial.verdict import target_sentence

ISSUER_NAME: Final = "六度平台 Liudu platform"
SEARCH_CHARACTERS_MAX: Final = 200


# --- vendors ---------------------------------------------------------------------------------


def vendors(*, q: str = "", sector: str = "") -> QuerySet[Any]:
    """Return vendors by name, each with whether it is `proven`; their words find them."""
    found = Vendor.objects.select_related("organisation__district").prefetch_related("sectors")
    if sector:
        found = found.filter(sectors__code=sector)
    for word in _words(q):
        found = found.filter(
            Q(organisation__name__icontains=word)
            | Q(organisation__name_en__icontains=word)
            | Q(about__icontains=word)
            | Q(about_en__icontains=word)
        )
    public = Solution.objects.filter(vendor=OuterRef("pk"), public=True)
    return found.annotate(proven=Exists(public.filter(proven_at__isnull=False))).order_by(
        "organisation__name", "pk"
    )


def vendor_of(organisation_key: str) -> Vendor | None:
    """Return the vendor that an organisation is, or None."""
    return (
        Vendor.objects.select_related("organisation__district")
        .filter(organisation__key=organisation_key)
        .first()
    )


# --- solutions -------------------------------------------------------------------------------


def solutions(
    *, q: str = "", sector: str = "", task: str = "", proven: bool = False
) -> QuerySet[Solution]:
    """Return the public solutions, newest first; the proven ones by their proof.

    Parameters
    ----------
    q
        Words that must all occur in the names or texts, Chinese or English.
    sector
        The code of a sector.
    task
        A task of the contract.

    """
    # SQLite looks a truth value up in an index only where it is compared with one.
    found = Solution.objects.filter(public__in=[True])
    if sector:
        found = found.filter(sector_id=_sector_id(sector))
    if task:
        found = found.filter(task__in=texts_with(task))
    for word in _words(q):
        found = found.filter(words__contains=Lower(Value(word)))
    found = found.select_related("vendor__organisation", "sector").defer("words")
    if proven:
        return found.filter(proven_at__isnull=False).order_by("-proven_at", "-pk")
    return found.order_by("-updated_at", "-pk")


def _sector_id(code: str) -> int:
    """Return the number of a sector's row, 0 where there is none: its name needs no join then."""
    return Sector.objects.filter(code=code).values_list("pk", flat=True).first() or 0


def solution_for(key: str) -> Solution:
    """Return a solution with whose it is.

    Raises
    ------
    Solution.DoesNotExist

    """
    return Solution.objects.select_related("vendor__organisation", "sector").get(key=key)


def solutions_of(vendor: Vendor, *, public: bool) -> QuerySet[Solution]:
    """Return a vendor's solutions, newest first, each with its newest version's state at hand."""
    found = vendor.solutions.select_related("sector", "vendor__organisation")
    if public:
        found = found.filter(public=True)
    versions = Version.objects.order_by("-number").defer("manifest", "findings")
    return found.order_by("-updated_at", "-pk").prefetch_related(
        Prefetch("versions", queryset=versions, to_attr="newest_first")
    )


def versions_of(solution: Solution, *, inside: bool) -> QuerySet[Version]:
    """Return the versions of a solution, newest first; only those that conform for outsiders."""
    found = solution.versions.defer("findings").order_by("-number")
    return found if inside else found.filter(state=Version.State.CONFORMS)


def version_for(solution_key: str, number: int) -> Version:
    """Return one version with whose it is.

    Raises
    ------
    Version.DoesNotExist

    """
    return _versions().get(solution__key=solution_key, number=number)


def version_of_key(key: str) -> Version:
    """Return one version by its own key.

    Raises
    ------
    Version.DoesNotExist

    """
    return _versions().get(key=key)


def checks_before(version: Version) -> int:
    """Return how many checks wait in front of one."""
    return Version.objects.filter(
        state=Version.State.WAITING, uploaded_at__lt=version.uploaded_at
    ).count()


def bundle_path(version: Version) -> Path:
    """Return where the bundle of a version lies; read by the worker, served to its vendor only."""
    return bundles.path_of(version.key)


def _versions() -> QuerySet[Version]:
    return Version.objects.select_related("solution__vendor__organisation")


# --- offers and invitations ------------------------------------------------------------------


def offers_seen(actor: Actor) -> QuerySet[Offer]:
    """Return the offers that an actor may see: made by them, made to their needs, or all."""
    found = Offer.objects.select_related(
        "need__owner", "version__solution", "vendor__organisation"
    ).order_by("-offered_at", "-pk")
    if actor.has(Role.OFFICER, Role.AUDITOR):
        return found
    if not actor.organisation_key:
        return found.none()
    mine = Q(vendor__organisation__key=actor.organisation_key)
    if actor.has(Role.NEED_OWNER):
        mine |= Q(need__owner__key=actor.organisation_key)
    return found.filter(mine)


def offer_for(key: str) -> Offer:
    """Return an offer with its need and its vendor.

    Raises
    ------
    Offer.DoesNotExist

    """
    return Offer.objects.select_related(
        "need__owner", "version__solution__vendor__organisation", "vendor__organisation"
    ).get(key=key)


def offer_count(need: Need) -> int:
    """Return how many offers stand on a need."""
    return need.offers.exclude(state=Offer.State.WITHDRAWN).count()


def invitations_of(actor: Actor) -> QuerySet[Invitation]:
    """Return the invitations to the actor's organisation, the open ones first."""
    return (
        Invitation.objects.filter(vendor__organisation__key=actor.organisation_key)
        .select_related("need__owner", "need__sector")
        .order_by("answered_at", "-invited_at")
        if actor.organisation_key
        else Invitation.objects.none()
    )


def invitations_to(need: Need) -> QuerySet[Invitation]:
    """Return whom a need's owner or the bureau has asked."""
    return need.invitations.select_related("vendor__organisation").order_by("-invited_at")


def not_invited(need: Need, *, q: str = "") -> QuerySet[Any]:
    """Return vendors who can still be asked, those of the need's sector first."""
    found = vendors(q=q).exclude(invitations__need=need)
    in_sector = Vendor.sectors.through.objects.filter(vendor_id=OuterRef("pk"))
    fits = Exists(in_sector.filter(sector_id=need.sector_id or 0))
    ordered: QuerySet[Any] = found.annotate(in_sector=fits)
    return ordered.order_by("-in_sector", "-proven", "organisation__name")


@attrs.frozen(kw_only=True)
class Choice:
    """A version that a vendor could offer, and why it cannot."""

    version: Version
    refusals: tuple[Refusal, ...]
    offered: bool


def choices_for(need: Need, *, actor: Actor) -> Sequence[Choice]:
    """Return the actor's versions that conform, newest of each solution first, with their fit."""
    versions = (
        _versions()
        .filter(
            solution__vendor__organisation__key=actor.organisation_key,
            state=Version.State.CONFORMS,
        )
        .order_by("-solution__updated_at", "solution_id", "-number")[:100]
    )
    offered = set(
        Offer.objects.filter(need=need, vendor__organisation__key=actor.organisation_key)
        .exclude(state=Offer.State.WITHDRAWN)
        .values_list("version_id", flat=True)
    )
    return [
        Choice(
            version=version,
            refusals=misfits(version.manifest, need.targets),
            offered=version.pk in offered,
        )
        for version in versions
    ]


# --- certificates ----------------------------------------------------------------------------


def certificate_for(key: str) -> Certificate:
    """Return a certificate with all that its page and its permission need.

    Raises
    ------
    Certificate.DoesNotExist

    """
    return _certificates().get(key=key)


def public_certificates(
    *, solution: Solution | None = None, vendor: Vendor | None = None
) -> QuerySet[Certificate]:
    """Return what everybody may see: released and shown, newest first."""
    found = _certificates().filter(public=True, released_at__isnull=False)
    if solution is not None:
        found = found.filter(version__solution=solution)
    if vendor is not None:
        found = found.filter(version__solution__vendor=vendor)
    return found.defer("document").order_by("-issued_at")


def certificates_of(vendor: Vendor) -> QuerySet[Certificate]:
    """Return the certificates that were released to a vendor, shown or not."""
    return (
        _certificates()
        .filter(version__solution__vendor=vendor, released_at__isnull=False)
        .defer("document")
        .order_by("-issued_at")
    )


def _certificates() -> QuerySet[Certificate]:
    return Certificate.objects.select_related(
        "need__owner", "need__sector", "version__solution__vendor__organisation"
    )


@attrs.frozen(kw_only=True)
class Certified:
    """One target of a certificate, in words and as an interval.

    Attributes
    ----------
    lower, upper, point
        As measured; None where nothing was counted on that side.
    unit
        ``%`` where the figures are ratios.

    """

    words: Words
    op: str
    answer: str
    limit: float | None
    lower: float | None
    upper: float | None
    point: float | None
    unit: str


@attrs.frozen(kw_only=True)
class Examined:
    """A certificate as it stands this moment.

    Attributes
    ----------
    looked
        Every check, those on the document first, then those on the platform's record.
    valid
        Whether no check says no.
    subject
        What it certifies; empty where its form is broken.
    targets
        Each target with what was found.

    """

    looked: tuple[Looked, ...]
    issuer: str
    digest: str
    subject: dict[str, Any]
    targets: tuple[Certified, ...]

    @property
    def valid(self) -> bool:
        """Whether nothing speaks against it."""
        return all(each.answer != "no" for each in self.looked)


def examine(certificate: Certificate, *, at: datetime) -> Examined:
    """Verify a stored certificate then and there."""
    try:
        found = certificates.verify(certificate.document, at=at, trust=trusted_issuers())
    except Refusal as error:
        words = Words(error.say("zh"), error.say("en"))
        looked = (Looked(name="form", answer="no", words=words),)
        return Examined(looked=looked, issuer="", digest="", subject={}, targets=())
    subject = dict(found.subject)
    own = compared(
        subject,
        verdict=certificate.verdict,
        solution_digest=certificate.version.digest,
        revoked_at=certificate.revoked_at,
        revoked_reason=certificate.revoked_reason,
    )
    of_document = tuple(
        Looked(name=check.name, answer=check.answer, words=Words(check.zh, check.en))
        for check in found.checks
    )
    return Examined(
        looked=(*of_document, *own),
        issuer=found.issuer,
        digest=found.digest,
        subject=subject,
        targets=tuple(_certified(target) for target in subject["targets"]),
    )


def trusted_issuers() -> dict[str, str]:
    """Return the did:keys whose signature is the platform's."""
    path: Path = settings.CERTIFICATE_KEY
    own = _did(str(path), path.stat().st_mtime_ns) if path.exists() else ""
    return {did: ISSUER_NAME for did in (own, *settings.CERTIFICATE_ISSUERS) if did}


@lru_cache(maxsize=4)
def _did(path: str, _changed_ns: int) -> str:
    return keys.load(Path(path)).did


def _certified(target: dict[str, Any]) -> Certified:
    metric = METRICS.get(target["metric"])
    names = ("limit", "lower", "upper", "point")
    figures = {name: target.get(name) for name in names}
    return Certified(
        words=_sentence(target),
        op=target["op"],
        answer=target["answer"],
        unit="%" if metric is not None and metric.kind == "ratio" else "",
        **{name: v if isinstance(v, int | float) else None for name, v in figures.items()},
    )


def _sentence(target: dict[str, Any]) -> Words:
    try:
        return Words(target_sentence(target, "zh"), target_sentence(target, "en"))
    except (KeyError, TypeError, ValueError):  # of a program newer or older than this one
        text = f"{target['metric']} {target['op']} {target.get('limit')}: {target['answer']}"
        return Words(text, text)


def _words(q: str) -> list[str]:
    return q.replace("\x00", " ")[:SEARCH_CHARACTERS_MAX].split()[:8]
