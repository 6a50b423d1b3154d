"""The API of this context: translate, one call, translate."""

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import FileResponse, HttpRequest, HttpResponse
from ninja import Field, Query, Router, Schema, Status

from liudu.platform import clock
from liudu.platform.actors import Actor
from liudu.platform.city.models import Sector
from liudu.platform.identity.models import Organisation
from liudu.platform.needs.queries import need_for
from liudu.platform.supply import queries, services, uploads
from liudu.platform.supply.models import Certificate, Invitation, Offer, Solution, Vendor, Version
from liudu.platform.supply.pages.certificates import document as certificate_page
from liudu.platform.web.api_doors import PUBLIC, Page, PageNumber, PageSize, api_door, page_of
from liudu.platform.web.doors import actor_at, may, require

router = Router()
Text = Annotated[str, Field(max_length=4000)]
Name = Annotated[str, Field(min_length=1, max_length=120)]
Search = Annotated[str, Field(max_length=200)]
Code = Annotated[str, Field(max_length=40)]
Key = Annotated[str, Field(max_length=12)]
Number = Annotated[int, Field(ge=1, le=2_000_000_000)]

MULTIPART: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [uploads.FIELD],
                    "properties": {
                        uploads.FIELD: {
                            "type": "string",
                            "format": "binary",
                            "description": "A .zip or .tar.gz with liudu-solution.json at its top",
                        }
                    },
                }
            }
        },
    }
}


class VendorOut(Schema):
    """A vendor as everybody sees it."""

    key: str
    name: str
    about: str
    about_en: str
    website: str
    founded_year: int | None
    people_count: int | None
    sectors: list[str]
    updated_at: datetime

    @staticmethod
    def resolve_key(row: Vendor) -> str:
        """Name it as its organisation is named."""
        return row.organisation.key

    @staticmethod
    def resolve_name(row: Vendor) -> str:
        """Name it as its organisation is named."""
        return row.organisation.name

    @staticmethod
    def resolve_sectors(row: Vendor) -> list[str]:
        """Name sectors by their code."""
        return [sector.code for sector in row.sectors.all()]


class VendorIn(Schema):
    """What a vendor tells of itself; what is left out stays."""

    about: Text | None = None
    about_en: Text | None = None
    website: Annotated[str, Field(max_length=200)] | None = None
    founded_year: Annotated[int, Field(ge=1800, le=2100)] | None = None
    people_count: Annotated[int, Field(ge=1, le=5_000_000)] | None = None
    sectors: Annotated[list[Code], Field(max_length=40)] | None = None


class SolutionOut(Schema):
    """A solution in words."""

    key: str
    vendor: str
    name: str
    name_en: str
    about: str
    about_en: str
    sector: str | None
    tasks: list[str]
    public: bool
    proven_at: datetime | None
    updated_at: datetime

    @staticmethod
    def resolve_vendor(row: Solution) -> str:
        """Name the vendor by its organisation's key."""
        return row.vendor.organisation.key

    @staticmethod
    def resolve_sector(row: Solution) -> str | None:
        """Name the sector by its code."""
        return row.sector.code if row.sector else None

    @staticmethod
    def resolve_tasks(row: Solution) -> list[str]:
        """List the tasks of the newest version."""
        return row.task.split("+") if row.task else []


class SolutionIn(Schema):
    """A new solution."""

    name: Name
    name_en: Annotated[str, Field(max_length=200)] = ""
    about: Text = ""
    about_en: Text = ""
    sector: Code | None = None
    public: bool = True


class SolutionChanges(Schema):
    """What changes; what is left out stays."""

    name: Name | None = None
    name_en: Annotated[str, Field(max_length=200)] | None = None
    about: Text | None = None
    about_en: Text | None = None
    sector: Code | None = None
    public: bool | None = None


class VersionOut(Schema):
    """A version; the findings are for its vendor and the bureau."""

    key: str
    number: int
    state: str
    digest: str
    size_bytes: int
    manifest: dict[str, Any]
    uploaded_at: datetime
    checked_at: datetime | None


class CheckOut(VersionOut):
    """A version and what its check found."""

    level: str
    reason_code: str
    reason_zh: str
    reason_en: str
    findings: list[dict[str, Any]]
    done_count: int
    total_count: int | None


class OfferOut(Schema):
    """An offer, as those see it between whom it stands."""

    key: str
    need: str
    solution: str
    number: int
    vendor: str
    state: str
    note: str
    answer: str
    offered_at: datetime
    answered_at: datetime | None

    @staticmethod
    def resolve_need(row: Offer) -> str:
        """Name the need by its key."""
        return row.need.key

    @staticmethod
    def resolve_solution(row: Offer) -> str:
        """Name the solution by its key."""
        return row.version.solution.key

    @staticmethod
    def resolve_number(row: Offer) -> int:
        """Give the version's number."""
        return row.version.number

    @staticmethod
    def resolve_vendor(row: Offer) -> str:
        """Name the vendor by its organisation's key."""
        return row.vendor.organisation.key


class OfferIn(Schema):
    """A version that is offered to a need."""

    need: Key
    solution: Key
    number: Number
    note: Text = ""


class AnswerIn(Schema):
    """What the owner answers; needed to decline."""

    answer: Text = ""


class InvitationOut(Schema):
    """An invitation."""

    key: str
    need: str
    vendor: str
    message: str
    invited_by: str
    invited_at: datetime
    answered_at: datetime | None

    @staticmethod
    def resolve_need(row: Invitation) -> str:
        """Name the need by its key."""
        return row.need.key

    @staticmethod
    def resolve_vendor(row: Invitation) -> str:
        """Name the vendor by its organisation's key."""
        return row.vendor.organisation.key


class InvitationIn(Schema):
    """Whom to ask to which need."""

    need: Key
    vendor: Key
    message: Text = ""


class LookedOut(Schema):
    """One check of a certificate."""

    name: str
    answer: Literal["yes", "no", "unknown"]
    zh: str
    en: str


class CertificateOut(Schema):
    """A certificate as it stands this moment."""

    key: str
    solution: str
    number: int
    need: str
    verdict: str
    valid: bool
    simulated: bool | None
    public: bool
    issued_at: datetime
    released_at: datetime | None
    revoked_at: datetime | None
    revoked_reason: str
    issuer: str
    digest: str
    checks: list[LookedOut]


class PublicIn(Schema):
    """Whether everybody sees it."""

    public: bool


class ReasonIn(Schema):
    """Why; everybody reads it."""

    reason: Annotated[str, Field(min_length=1, max_length=300)]


class SolutionFilter(Schema):
    """What to look for."""

    q: Search = ""
    sector: Code = ""
    task: Literal["", "classify", "detect", "alarm", "value"] = ""
    proven: bool = False


# --- vendors ---------------------------------------------------------------------------------


@router.get("/vendors", response=Page[VendorOut], auth=api_door(PUBLIC))
def list_vendors(
    request: HttpRequest,
    q: Search = "",
    sector: Code = "",
    page: PageNumber = 1,
    size: PageSize = 25,
) -> Any:  # noqa: ANN401
    """List vendors by name."""
    del request
    return page_of(queries.vendors(q=q, sector=sector), page=page, size=size)


@router.get("/vendors/{key}", response=VendorOut, auth=api_door(PUBLIC))
def show_vendor(request: HttpRequest, key: str) -> Vendor:
    """Show a vendor."""
    del request
    vendor = queries.vendor_of(key)
    if vendor is None:
        raise Vendor.DoesNotExist
    return vendor


@router.put("/profile", response=VendorOut, auth=api_door("supply.be_vendor"))
def write_profile(request: HttpRequest, profile: VendorIn) -> Vendor:
    """Write what the own organisation tells of itself."""
    actor = actor_at(request)
    given = profile.dict(exclude_unset=True)
    codes = given.pop("sectors", None)
    nullable = ("founded_year", "people_count")
    services.register_vendor(
        by=actor,
        at=clock.now(),
        organisation=Organisation.objects.get(key=actor.organisation_key),
        sectors=None if codes is None else _sectors(codes),
        **{name: value for name, value in given.items() if value is not None or name in nullable},
    )
    return _own_vendor(actor)


# --- solutions and versions ------------------------------------------------------------------


@router.get("/solutions", response=Page[SolutionOut], auth=api_door(PUBLIC))
def list_solutions(
    request: HttpRequest,
    wanted: Query[SolutionFilter],
    page: PageNumber = 1,
    size: PageSize = 25,
) -> Any:  # noqa: ANN401
    """List the public solutions, newest first."""
    del request
    return page_of(queries.solutions(**wanted.dict()), page=page, size=size)


@router.post("/solutions", response={201: SolutionOut}, auth=api_door("supply.be_vendor"))
def add_solution(request: HttpRequest, solution: SolutionIn) -> Any:  # noqa: ANN401
    """Add a solution in words; its bundles are uploaded as versions."""
    actor = actor_at(request)
    fields = {**solution.dict(), "sector": _sector(solution.sector)}
    return Status(
        201, services.add_solution(by=actor, at=clock.now(), vendor=_own_vendor(actor), **fields)
    )


@router.get("/solutions/{key}", response=SolutionOut, auth=api_door(PUBLIC))
def show_solution(request: HttpRequest, key: str) -> Solution:
    """Show a solution."""
    return _solution(request, key)


@router.patch("/solutions/{key}", response=SolutionOut, auth=api_door("supply.be_vendor"))
def edit_solution(request: HttpRequest, key: str, changes: SolutionChanges) -> Solution:
    """Change the words of an own solution."""
    solution = _solution(request, key)
    require(actor_at(request), "supply.edit_solution", solution)
    given = changes.dict(exclude_unset=True)
    if "sector" in given:
        given["sector"] = _sector(given["sector"])
    given = {n: value for n, value in given.items() if value is not None or n == "sector"}
    return services.edit_solution(by=actor_at(request), at=clock.now(), solution=solution, **given)


@router.get("/solutions/{key}/versions", response=Page[VersionOut], auth=api_door(PUBLIC))
def list_versions(request: HttpRequest, key: str, page: PageNumber = 1, size: PageSize = 25) -> Any:  # noqa: ANN401
    """List versions, newest first; only those that conform for outsiders."""
    solution = _solution(request, key)
    inside = may(actor_at(request), "supply.see_inside", solution)
    return page_of(queries.versions_of(solution, inside=inside), page=page, size=size)


@router.post(
    "/solutions/{key}/versions",
    response={201: VersionOut},
    auth=api_door("supply.be_vendor"),
    openapi_extra=MULTIPART,
)
def upload_version(request: HttpRequest, key: str) -> Any:  # noqa: ANN401
    """Upload a bundle; what can be refused without running it is refused at once."""
    solution = _solution(request, key)
    require(actor_at(request), "supply.edit_solution", solution)
    with uploads.incoming(request) as incoming:
        return Status(
            201,
            services.add_version(
                by=actor_at(request),
                at=clock.now(),
                solution=solution,
                received=incoming.received(request),
            ),
        )


@router.get(
    "/solutions/{key}/versions/{number}",
    response={200: CheckOut | VersionOut},
    auth=api_door(PUBLIC),
)
def show_version(request: HttpRequest, key: str, number: Number) -> VersionOut:
    """Show a version; to its vendor and the bureau also what its check found."""
    version = _version(request, key=key, number=number)
    inside = may(actor_at(request), "supply.see_inside", version.solution)
    kind = CheckOut if inside else VersionOut
    return kind.from_orm(version)


@router.post(
    "/solutions/{key}/versions/{number}/recheck",
    response=VersionOut,
    auth=api_door("supply.recheck"),
)
def recheck_version(request: HttpRequest, key: str, number: Number) -> Version:
    """Try a check again that the platform failed at."""
    version = _version(request, key=key, number=number)
    require(actor_at(request), "supply.recheck_version", version)
    return services.recheck_version(by=actor_at(request), at=clock.now(), version=version)


@router.get("/solutions/{key}/versions/{number}/bundle", auth=api_door("supply.be_vendor"))
def download_bundle(request: HttpRequest, key: str, number: Number) -> FileResponse:
    """Give a vendor its own bundle back."""
    version = _version(request, key=key, number=number)
    require(actor_at(request), "supply.download_bundle", version)
    path = queries.bundle_path(version)
    if not path.exists():
        raise Version.DoesNotExist
    return FileResponse(
        path.open("rb"),
        as_attachment=True,
        filename=version.file_name,
        content_type="application/octet-stream",
    )


# --- offers and invitations ------------------------------------------------------------------


@router.get("/offers", response=Page[OfferOut], auth=api_door("identity.view_self"))
def list_offers(
    request: HttpRequest, need: Key = "", page: PageNumber = 1, size: PageSize = 25
) -> Any:  # noqa: ANN401
    """List the offers to or of the actor's organisation; all for the bureau."""
    found = queries.offers_seen(actor_at(request))
    return page_of(found.filter(need__key=need) if need else found, page=page, size=size)


@router.post("/offers", response={201: OfferOut}, auth=api_door("supply.be_vendor"))
def offer_version(request: HttpRequest, offer: OfferIn) -> Any:  # noqa: ANN401
    """Offer a version that conforms to a published need."""
    actor = actor_at(request)
    version = _version(request, key=offer.solution, number=offer.number)
    require(actor, "supply.offer_version", version)
    return Status(
        201,
        services.offer_version(
            by=actor,
            at=clock.now(),
            need=need_for(actor, offer.need),
            version=version,
            note=offer.note,
        ),
    )


@router.get("/offers/{key}", response=OfferOut, auth=api_door("identity.view_self"))
def show_offer(request: HttpRequest, key: str) -> Offer:
    """Show an offer."""
    return _offer(request, key)


@router.post("/offers/{key}/withdraw", response=OfferOut, auth=api_door("supply.be_vendor"))
def withdraw_offer(request: HttpRequest, key: str) -> Offer:
    """Take an own offer back."""
    offer = _offer(request, key)
    require(actor_at(request), "supply.withdraw_offer", offer)
    return services.withdraw_offer(by=actor_at(request), at=clock.now(), offer=offer)


@router.post("/offers/{key}/admit", response=OfferOut, auth=api_door("supply.answer"))
def admit_offer(request: HttpRequest, key: str, answer: AnswerIn) -> Offer:
    """Admit an offer to trial."""
    offer = _offer(request, key)
    require(actor_at(request), "supply.answer_offer", offer)
    return services.admit_offer(
        by=actor_at(request), at=clock.now(), offer=offer, answer=answer.answer
    )


@router.post("/offers/{key}/decline", response=OfferOut, auth=api_door("supply.answer"))
def decline_offer(request: HttpRequest, key: str, answer: AnswerIn) -> Offer:
    """Decline an offer and say why."""
    offer = _offer(request, key)
    require(actor_at(request), "supply.answer_offer", offer)
    return services.decline_offer(
        by=actor_at(request), at=clock.now(), offer=offer, answer=answer.answer
    )


@router.get("/invitations", response=Page[InvitationOut], auth=api_door("supply.be_vendor"))
def list_invitations(request: HttpRequest, page: PageNumber = 1, size: PageSize = 25) -> Any:  # noqa: ANN401
    """List the invitations to the own organisation, open ones first."""
    found = queries.invitations_of(actor_at(request)).select_related("vendor__organisation")
    return page_of(found, page=page, size=size)


@router.post("/invitations", response={201: InvitationOut}, auth=api_door("supply.answer"))
def invite_vendor(request: HttpRequest, invitation: InvitationIn) -> Any:  # noqa: ANN401
    """Ask a vendor to look at a need."""
    actor = actor_at(request)
    need = need_for(actor, invitation.need)
    require(actor, "supply.invite_vendor", need)
    vendor = queries.vendor_of(invitation.vendor)
    if vendor is None:
        raise Vendor.DoesNotExist
    return Status(
        201,
        services.invite_vendor(
            by=actor, at=clock.now(), need=need, vendor=vendor, message=invitation.message
        ),
    )


# --- certificates ----------------------------------------------------------------------------


@router.get("/certificates/{key}", response=CertificateOut, auth=api_door(PUBLIC))
def show_certificate(request: HttpRequest, key: str) -> CertificateOut:
    """Verify a certificate this moment and say what was looked at."""
    return _certificate_out(_certificate(request, key))


@router.get("/certificates/{key}/document", auth=api_door(PUBLIC))
def certificate_document(request: HttpRequest, key: str) -> HttpResponse:
    """Give the certificate as it was signed: a W3C Verifiable Credential."""
    return certificate_page(request, key)  # type: ignore[return-value]


@router.post(
    "/certificates/{key}/public", response=CertificateOut, auth=api_door("supply.be_vendor")
)
def publish_certificate(request: HttpRequest, key: str, wish: PublicIn) -> CertificateOut:
    """Show an own certificate to everybody, or no longer."""
    certificate = _certificate(request, key)
    require(actor_at(request), "supply.show_certificate", certificate)
    services.show_certificate(
        by=actor_at(request), at=clock.now(), certificate=certificate, public=wish.public
    )
    return _certificate_out(queries.certificate_for(key))


@router.post(
    "/certificates/{key}/revoke",
    response=CertificateOut,
    auth=api_door("supply.revoke_certificate"),
)
def revoke_certificate(request: HttpRequest, key: str, why: ReasonIn) -> CertificateOut:
    """Revoke a certificate for a reason that everybody reads."""
    certificate = _certificate(request, key)
    services.revoke_certificate(
        by=actor_at(request), at=clock.now(), certificate=certificate, reason=why.reason
    )
    return _certificate_out(queries.certificate_for(key))


def _own_vendor(actor: Actor) -> Vendor:
    vendor = queries.vendor_of(actor.organisation_key)
    if vendor is None:
        raise Vendor.DoesNotExist
    return vendor


def _sectors(codes: list[str]) -> list[Sector]:
    found = {sector.code: sector for sector in Sector.objects.filter(code__in=codes)}
    if set(codes) - set(found):
        raise Sector.DoesNotExist
    return list(found.values())


def _sector(code: str | None) -> Sector | None:
    return Sector.objects.get(code=code) if code else None


def _solution(request: HttpRequest, key: str) -> Solution:
    solution = queries.solution_for(key)
    require(actor_at(request), "supply.see_solution", solution, seen="supply.see_solution")
    return solution


def _version(request: HttpRequest, *, key: str, number: int) -> Version:
    version = queries.version_for(key, number)
    require(actor_at(request), "supply.see_version", version, seen="supply.see_version")
    return version


def _offer(request: HttpRequest, key: str) -> Offer:
    offer = queries.offer_for(key)
    require(actor_at(request), "supply.see_offer", offer, seen="supply.see_offer")
    return offer


def _certificate(request: HttpRequest, key: str) -> Certificate:
    certificate = queries.certificate_for(key)
    require(actor_at(request), "supply.see_certificate", certificate, seen="supply.see_certificate")
    return certificate


def _certificate_out(certificate: Certificate) -> CertificateOut:
    examined = queries.examine(certificate, at=clock.now())
    return CertificateOut(
        key=certificate.key,
        solution=certificate.version.solution.key,
        number=certificate.version.number,
        need=certificate.need.key,
        verdict=certificate.verdict,
        valid=examined.valid,
        simulated=examined.subject.get("simulated"),
        public=certificate.public,
        issued_at=certificate.issued_at,
        released_at=certificate.released_at,
        revoked_at=certificate.revoked_at,
        revoked_reason=certificate.revoked_reason,
        issuer=examined.issuer,
        digest=examined.digest,
        checks=[
            LookedOut(name=each.name, answer=each.answer, zh=each.words.zh, en=each.words.en)
            for each in examined.looked
        ],
    )
