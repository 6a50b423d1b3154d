"""A city with one of everything that somebody might want to see or to change unasked."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from liudu.platform.actors import SYSTEM, Role
from liudu.platform.api import api, operations
from liudu.platform.audit.services import record
from liudu.platform.city import models as city
from liudu.platform.funding import models as funding
from liudu.platform.funding.services import load_policies
from liudu.platform.identity import services
from liudu.platform.identity.models import Membership, Organisation, User
from liudu.platform.identity.queries import actor_of
from liudu.platform.needs.models import ImportRun, Need
from liudu.platform.office.models import SavedView
from liudu.platform.supply.models import Certificate, Offer, Solution, Vendor, Version
from liudu.platform.trials.models import Seal, Trial

AT = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
POLICY = Path(__file__).parents[3] / "cities" / "suzhou" / "policies" / "graduate-rent.yaml"
TITLE = "<script>alert('title')</script>“焊点”"
ESCAPED = "&lt;script&gt;alert("
TARGETS = {
    "task": "classify",
    "positive": "defective",
    "mode": "batch",
    "level": "process",
    "line": {"pieces_per_h": 1200, "positive_share": 0.02},
    "targets": [
        {"metric": "miss_rate", "op": "<", "limit": 0.1, "confidence": 0.95},
        {"metric": "overkill_rate", "op": "<=", "limit": 0.1, "confidence": 0.95},
    ],
}
MANIFEST = {
    "contract": "liudu.trial/1",
    "name": "board-check",
    "version": "1.0.0",
    "entry": ["python3", "main.py"],
    "mode": "batch",
    "tasks": ["classify"],
    "runtime": {"use": "system"},
    "resources": {"cpu": 1, "memory_mib": 256},
}
PEOPLE = {
    "owner": ("owner", "company", ("member", "need_owner")),
    "vendor": ("vendor", "company", ("member", "vendor")),
    "rival": ("rival", "company", ("member", "need_owner", "vendor")),
    "member": ("owner", "company", ("member",)),
    "officer": ("bureau", "bureau", ("member", "officer")),
    "auditor": ("bureau", "bureau", ("member", "auditor")),
    "operator": ("operator", "operator", ("member", "operator")),
}
VISITOR = "visitor"
READERS = (VISITOR, *PEOPLE)


@attrs.frozen
class GuardedCity:
    """The people, and the arguments of each route that needs some."""

    users: dict
    organisations: dict
    things: dict

    def client(self, reader, **more):
        """Return a browser in which somebody has logged in."""
        client = Client(headers={"accept-language": "zh-hans"}, **more)
        if reader != VISITOR:
            client.force_login(
                self.users[reader], "allauth.account.auth_backends.AuthenticationBackend"
            )
        return client


@transaction.atomic
def build():
    """Return the city; made row by row, for what is guarded is reading, not making."""
    organisations, users = _people()
    sector = city.Sector.objects.create(code="making", number=1, name="制造", name_en="Making")
    district = city.District.objects.create(code="sip", name="园区", name_en="Park")
    source = city.Source.objects.create(code="S1", title="政府工作报告")
    owner, vendor = organisations["owner"], organisations["vendor"]
    of = Vendor.objects.create(organisation=vendor, updated_at=AT)
    Vendor.objects.create(organisation=organisations["rival"], updated_at=AT)
    places = {"sector": sector, "district": district}
    draft = _need(owner, status="draft", published_at=None, **places)
    need = _need(owner, status="published", published_at=AT, **places)
    withdrawn = _need(owner, status="withdrawn", published_at=AT, **places)
    things = {
        **{name: thing.key for name, thing in organisations.items()},
        "member_key": users["member"].key,
        "draft": draft.key,
        "need": need.key,
        "withdrawn": withdrawn.key,
        "source": source.code,
        "sector": sector.code,
        "district": district.code,
        **_trial(need, of=of, sector=sector),
        **_letters(users["owner"], owner),
        **_grant(owner),
    }
    things["view"] = SavedView.objects.create(
        user=users["owner"], organisation=owner, page="needs:list", name=TITLE, created_at=AT
    ).key
    things["import"] = ImportRun.objects.create(
        owner=owner, file_name="需求.xlsx", digest="0" * 64, by_key="", by_name="", created_at=AT
    ).key
    record(at=AT, by=SYSTEM, verb="a.b.c", subject_kind="need", subject_key=need.key)
    return GuardedCity(users, organisations, things)


def _people():
    organisations, users = {}, {}
    for name, (of, kind, roles) in PEOPLE.items():
        if of not in organisations:
            organisations[of] = Organisation.objects.create(
                name=f"{of} {TITLE}", kind=kind, created_at=AT
            )
        users[name] = User.objects.create_user(
            f"{name}@example.com", "six degrees of a city", name=f"{name} {TITLE}", language="zh"
        )
        for role in roles:
            Membership.objects.create(
                user=users[name], organisation=organisations[of], role=Role(role), since=AT
            )
    return organisations, users


def _need(owner, **more):
    return Need.objects.create(
        owner=owner,
        title=TITLE,
        title_en=TITLE,
        problem=TITLE,
        problem_en=TITLE,
        targets=TARGETS,
        created_at=AT,
        updated_at=AT,
        stage_at=AT,
        **more,
    )


def _trial(need, *, of, sector):
    solution = Solution.objects.create(
        vendor=of, name=TITLE, about=TITLE, sector=sector, created_at=AT, updated_at=AT
    )
    hidden = Solution.objects.create(
        vendor=of, name=TITLE, public=False, created_at=AT, updated_at=AT
    )
    version = Version.objects.create(
        solution=solution,
        number=1,
        file_name="board.zip",
        size_bytes=100,
        archive_digest="a" * 64,
        digest="sha256:" + "a" * 64,
        manifest=MANIFEST,
        state="conforms",
        uploaded_at=AT,
        uploaded_by=TITLE,
    )
    offer = Offer.objects.create(
        need=need, version=version, vendor=of, note=TITLE, offered_at=AT, state="admitted"
    )
    seal = Seal.objects.create(
        need=need,
        state="sealed",
        digest="sha256:" + "b" * 64,
        targets=TARGETS,
        piece_count=200,
        counts={"defective": 100, "ok": 100},
        created_at=AT,
        created_by=TITLE,
        sealed_at=AT,
    )
    trial = Trial.objects.create(
        need=need,
        seal=seal,
        offer=offer,
        version=version,
        vendor=of,
        state="queued",
        queued_at=AT,
    )
    certificate = Certificate.objects.create(
        version=version,
        need=need,
        trial_key=trial.key,
        verdict="passed",
        document={"id": "urn:uuid:0"},
        issued_at=AT,
    )
    return {
        "solution": solution.key,
        "hidden": hidden.key,
        "offer": offer.key,
        "trial": trial.key,
        "certificate": certificate.key,
        "shown": _shown(certificate),
    }


def _shown(certificate):
    """Return a second certificate of the same version: released, and shown by its vendor."""
    return Certificate.objects.create(
        version=certificate.version,
        need=certificate.need,
        trial_key="0shown000000",
        verdict="passed",
        document={"id": "urn:uuid:1"},
        issued_at=AT,
        released_at=AT,
        public=True,
    ).key


def _grant(organisation):
    """Return what is paid to an organisation, from the rule to the order."""
    load_policies(by=SYSTEM, at=AT, folder=POLICY)
    pack = funding.PackVersion.objects.get()
    due = {"code": pack.code, "rule": "rent-renewal", "period": "2026Q4"}
    batch = funding.Batch.objects.create(
        pack=pack,
        stage="notified",
        on_date=AT.date(),
        sample_share=0,
        sample_seed=1,
        opened_at=AT,
        opened_by=TITLE,
        **due,
    )
    subject = funding.Subject.objects.create(
        kind="person",  # of whom the rule speaks
        ref=organisation.key,
        name=TITLE,
        organisation=organisation,
        created_at=AT,
    )
    said = funding.Determination.objects.create(
        identity="sha256:0",
        subject=subject,
        pack=pack,
        rule=due["rule"],
        on_date=AT.date(),
        status="eligible",
        amount_fen=100,
        payable_fen=100,
        facts={},
        reason_zh=TITLE,
        reason_en=TITLE,
        made_at=AT,
        made_by=TITLE,
    )
    grant = funding.Grant.objects.create(
        batch=batch,
        subject=subject,
        determination=said,
        amount_fen=100,
        state="notified",
        changed_at=AT,
        **due,
    )
    export = funding.PaymentExport.objects.create(
        text=TITLE, order_count=1, pay_fen=100, recover_fen=0, exported_at=AT, exported_by=TITLE
    )
    order = funding.PaymentOrder.objects.create(
        grant=grant,
        export=export,
        kind="payment",
        amount_fen=100,
        idempotency_key="once",
        state="exported",
        ordered_at=AT,
        ordered_by=TITLE,
    )
    objection = grant.objections.create(text=TITLE, raised_at=AT, raised_by=TITLE)
    application = funding.Application.objects.create(
        subject=subject,
        pack=pack,
        code=pack.code,
        rule="rent-first-claim",
        applied_at=AT,
        applied_by=TITLE,
        changed_at=AT,
    )
    table = funding.FactImport.objects.create(
        file_name="事实.csv",
        encoding="utf-8",
        bureau=TITLE,
        kind="enterprise",
        imported_at=AT,
        imported_by=TITLE,
    )
    return {
        "policy": pack.code,
        "delivery": batch.key,
        "subject": subject.key,
        "determination": said.key,
        "grant": grant.key,
        "order": order.key,
        "export": export.key,
        "objection": objection.key,
        "table": table.key,
        "application": application.key,
    }


def _letters(user, organisation):
    by = actor_of(user)
    invitation, secret = services.invite_member(
        by=by, at=AT, organisation=organisation, email="new@example.com", roles=[]
    )
    token, _ = services.make_token(
        by=by,
        at=AT,
        organisation=organisation,
        name="ERP",
        roles=[],
        expires_at=AT + timedelta(days=300),
    )
    return {"invitation": invitation.key, "secret": secret, "token": token.key}


# By route, else by namespace and name of the argument: which thing it is about. Several things
# under one route are told apart in the reviewed matrix.
ABOUT = {
    "front:case": [{"key": "certificate"}, {"key": "shown"}],
    "supply:certificate": [{"key": "certificate"}, {"key": "shown"}],
    "office:run": [{"key": "need"}],
    "office:view_delete": [{"key": "view"}],
    "office:view_share": [{"key": "view"}],
    "funding:answer_objection": [{"key": "objection"}],
    "funding:apply": [{"code": "policy", "rule": "rent-first-claim"}],
    "funding:withdraw": [{"key": "application"}],
    "funding:delivery": [{"key": "delivery"}],
    "funding:published": [{"key": "delivery"}],
    "funding:step": [{"key": "delivery", "step": "publish"}],
    "funding:determination": [{"key": "determination"}],
    "funding:import_run": [{"key": "table"}],
    "funding:settle": [{"key": "order"}],
    "funding:export_run": [{"key": "export"}],
    "funding:export_file": [{"key": "export"}],
    "funding:return_order": [{"key": "order"}],
    "funding:send_again": [{"key": "order"}],
    "funding:close_order": [{"key": "order"}],
    "funding:set_parameter": [{"code": "policy", "name": "rent_doctor"}],
    "identity:invitation": [{"token": "secret"}],
    "supply:solution": [{"key": "solution"}, {"key": "hidden"}],
    "supply:offer": [{"key": "need"}, {"key": "draft"}],
    "supply:invite": [{"key": "need"}, {"key": "draft"}],
    "trials:seal": [{"key": "need"}, {"key": "draft"}],
    "needs:detail": [{"key": "need"}, {"key": "draft"}, {"key": "withdrawn"}],
    "needs:history": [{"key": "need"}, {"key": "draft"}],
    "needs:import_run": [{"key": "import"}],
    "needs:import_report": [{"key": "import"}],
    "needs:import_resume": [{"key": "import"}],
    "city:source": [{"code": "source"}],
    "city:sector": [{"code": "sector"}],
    "city:district": [{"code": "district"}],
    "supply:vendor": [{"key": "vendor"}],
}
PLAIN = {"number": 1, "step": "problem", "kind": "fact", "rule": "rent-renewal"}
ARGUMENTS = {
    ("identity", "key"): "owner",
    ("identity", "user_key"): "member_key",
    ("identity", "invitation_key"): "invitation",
    ("identity", "token_key"): "token",
    ("needs", "key"): "need",
    ("trials", "key"): "trial",
    ("trials", "offer_key"): "offer",
    ("funding", "key"): "grant",
    ("funding", "code"): "policy",
}
BY_PATH = {"offers": "offer", "certificates": "certificate", "solutions": "solution"}


@attrs.frozen
class Door:
    """A route: its name, its path with the arguments' names, and its view."""

    name: str
    path: str
    view: object
    arguments: tuple


def doors():
    """Return every route, ours and the libraries'."""
    return list(_walk(get_resolver().url_patterns))


def _walk(patterns, *, path="", spaces=()):
    for each in patterns:
        here = path + str(each.pattern)
        if isinstance(each, URLResolver):
            inner = (*spaces, each.namespace) if each.namespace else spaces
            yield from _walk(each.url_patterns, path=here, spaces=inner)
        elif isinstance(each, URLPattern):
            name = ":".join((*spaces, each.name or ""))
            yield Door(name, here, each.callback, tuple(each.pattern.converters))


def subjects(door, things):
    """Yield what a door is asked about: a word for the matrix, and the arguments of its path."""
    for about in ABOUT.get(door.name) or [_about(door)]:
        words = [word for word in about.values() if isinstance(word, str) and word in things]
        yield (
            "+".join(words),
            {name: things.get(word, word) for name, word in about.items()},
        )


def _about(door):
    space = door.name.partition(":")[0]
    root = door.path.partition("/")[0]
    return {
        name: PLAIN.get(name) or ARGUMENTS.get((space, name)) or BY_PATH.get(root, "0bcdfghjkmnp")
        for name in door.arguments
    }


# What libraries bring along, each with the reason that it may stand there.
LIBRARIES = {
    "set_language": "chooses a language; anybody may; POST with CSRF",
    "api:api-root": "answers 404 alone: it is there to be reversed",
}
LIBRARY_PREFIXES = {
    "account_": "django-allauth: login, sign-up, passwords and addresses, with doors of its own",
    "mfa_": "django-allauth: second factors, after a login",
    "usersessions_": "django-allauth: one's own sessions, after a login",
}


def ours():
    """Return the routes that are neither a library's nor an operation of the API."""
    api = {f"api:{operation.view_func.__name__}" for operation in operations()}
    return [
        door
        for door in doors()
        if door.name not in LIBRARIES
        and not door.name.startswith(tuple(LIBRARY_PREFIXES))
        and door.name not in api
    ]


def read(answer):
    """Read an answer to its end, which closes the files that it gives."""
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def path_of(operation):
    """Return the path of an operation of the API, with its arguments in braces."""
    return next(
        "/api/" + f"{router.prefix}/{path}".replace("//", "/").lstrip("/")
        for router in api._get_bound_routers()
        for path, view in router.path_operations.items()
        if operation in view.operations
    )
