"""How many queries each page takes is a reviewed file, and does not grow with the rows.

The numbers are in `query_counts.toml` beside this file. After a change that is meant, write them
anew with ``LIUDU_WRITE_QUERY_COUNTS=1 pytest …/test_query_counts.py`` and read the difference.
"""

import os
import tomllib
from datetime import timedelta
from pathlib import Path

import guarded_city
import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from liudu.platform.actors import SYSTEM
from liudu.platform.audit.services import record
from liudu.platform.city.models import District, Sector
from liudu.platform.funding.models import (
    FactImport,
    FactRow,
    Grant,
    GrantEvent,
    PaymentOrder,
    Subject,
)
from liudu.platform.identity.models import Organisation
from liudu.platform.needs.models import ImportRow, ImportRun, Need
from liudu.platform.supply.models import (
    Certificate,
    Invitation,
    Offer,
    Solution,
    Vendor,
    Version,
)
from liudu.platform.trials.models import Event, Seal, Trial

pytestmark = [pytest.mark.everywhere, pytest.mark.slow]

REVIEWED = Path(__file__).with_name("query_counts.toml")
READERS = ("visitor", "owner", "vendor", "officer", "auditor", "operator")
HEAD = """\
# Queries of each page by who reads it, the login's included; the same with three times the rows.
# Written by LIUDU_WRITE_QUERY_COUNTS=1 pytest …/test_query_counts.py: read the difference.
"""
SMALL = 5  # a page that shows five and counts the rest counts in both worlds
AT = guarded_city.AT
PAGES = {
    "home": "/",
    "cases": "/cases/",
    "a case": "/cases/{certificate}/",
    "search": "/search/?q=焊点",
    "needs": "/needs/",
    "needs, searched": "/needs/?q=焊点&sort=budget",
    "a need": "/needs/{need}/",
    "history of a need": "/needs/{need}/history/",
    "an import": "/needs/import/{import}/",
    "solutions": "/solutions/",
    "solutions, searched": "/solutions/?q=焊点",
    "a solution": "/solutions/{solution}/",
    "vendors": "/vendors/",
    "a vendor": "/vendors/{vendor}/",
    "our solutions": "/vendors/mine/",
    "to offer": "/needs/{need}/offer/",
    "to invite": "/needs/{need}/invite/",
    "trials": "/trials/",
    "trials, searched": "/trials/?q=焊点",
    "a trial": "/trials/{trial}/",
    "my work": "/office/",
    "board": "/office/board/",
    "an organisation": "/organisations/{owner}/",
    "members": "/organisations/{owner}/members/",
    "organisations": "/organisations/",
    "audit": "/audit/",
    "accounts": "/users/",
    "an account": "/users/{member_key}/",
    "city": "/city/",
    "a district": "/city/districts/{district}/",
    "a sector": "/city/sectors/{sector}/",
    "benefits": "/funding/",
    "what can I get": "/funding/mine/?who=organisation",
    "our facts": "/funding/facts/?who=organisation",
    "calendar": "/funding/calendar/",
    "policies": "/funding/policies/",
    "a policy": "/funding/policies/{policy}/",
    "sandbox": "/funding/sandbox/",
    "a determination": "/funding/determinations/{determination}/",
    "grants": "/funding/grants/",
    "a grant": "/funding/grants/{grant}/",
    "a letter": "/funding/grants/{grant}/letter/",
    "deliveries": "/funding/deliveries/",
    "a delivery": "/funding/deliveries/{delivery}/",
    "payment orders": "/funding/orders/",
    "imports of facts": "/funding/imports/",
    "needs by the API": "/api/needs",
}


@pytest.fixture
def city(db):
    """A city with one of everything."""
    return guarded_city.build()


def grow(city, *, start, stop):
    """Add as many of everything as a list may show, each of its own organisation."""
    owner = city.organisations["owner"]
    need = Need.objects.get(key=city.things["need"])
    run = ImportRun.objects.get(key=city.things["import"])
    for number in range(start, stop):
        _need(owner, need, number)
        _around(need, number, vendor=_vendor(number))
        _around(_need(_organisation(number), need, number), number, vendor=_own(city))
        ImportRow.objects.create(run=run, number=number, state=ImportRow.State.REFUSED)
        record(at=AT, by=SYSTEM, verb="a.b.c", subject_kind="need", subject_key=need.key)
        _paid(Grant.objects.get(key=city.things["grant"]), number)


def _own(city):
    return Vendor.objects.get(organisation=city.organisations["vendor"])


def _organisation(number):
    return Organisation.objects.create(name=f"第 {number} 家", kind="company", created_at=AT)


def _vendor(number):
    return Vendor.objects.create(organisation=_organisation(number), updated_at=AT)


def _need(owner, like, number):
    place = f"{number}-{owner.pk}"
    sector = Sector.objects.create(code=place, name="行业", number=Sector.objects.count() + 1)
    district = District.objects.create(code=place, name="区")
    return Need.objects.create(
        owner=owner,
        title=f"焊点 {number}",
        sector=sector,
        district=district,
        targets=like.targets,
        status=Need.Status.PUBLISHED,
        stage=Need.Stage.POSTED,
        created_at=AT,
        updated_at=AT,
        published_at=AT,
        stage_at=AT - timedelta(days=30 + number),
        due_date=(AT - timedelta(days=number)).date(),
        budget_fen_max=number,
    )


def _around(need, number, *, vendor):
    """Add a solution, its offer to a need, a released trial and its certificate."""
    solution = Solution.objects.create(
        vendor=vendor,
        name=f"焊点 {number}",
        sector=need.sector,
        proven_at=AT,
        created_at=AT,
        updated_at=AT,
    )
    version = Version.objects.create(
        solution=solution,
        number=1,
        file_name="board.zip",
        size_bytes=100,
        archive_digest=solution.key,
        digest=f"sha256:{solution.key}",
        manifest=guarded_city.MANIFEST,
        state=Version.State.CONFORMS,
        uploaded_at=AT,
        uploaded_by="某人",
    )
    waiting = Version.objects.create(
        solution=solution,
        number=2,
        file_name="board.zip",
        size_bytes=100,
        archive_digest=f"{solution.key}2",
        manifest=guarded_city.MANIFEST,
        state=Version.State.REFUSED,
        uploaded_at=AT,
        uploaded_by="某人",
    )
    Offer.objects.create(need=need, version=waiting, vendor=vendor, offered_at=AT)
    offer = Offer.objects.create(
        need=need, version=version, vendor=vendor, offered_at=AT, state=Offer.State.ADMITTED
    )
    Invitation.objects.create(need=need, vendor=vendor, invited_by="某人", invited_at=AT)
    _trials(need, offer, number)


def _paid(grant, number):
    """Add what makes the pages of funding longer: facts, grants, orders, objections, readers."""
    subject = Subject.objects.create(
        kind="person", ref=f"p{number}", name=f"某人 {number}", created_at=AT
    )
    for whom in (subject, grant.subject):
        row = _fact(whom, number)
        said = _copy(grant.determination, subject=whom, identity=f"sha256:{number}", facts={
            "owns_home": {"number": 0, "value": "否", "bureau": "", "document": "",
                          "date": "2026-11-20", "origin": "bureau", "row": row.pk},
        })  # fmt: skip
        other = _copy(grant, subject=whom, determination=said, period=f"2027Q{number}")
        PaymentOrder.objects.create(
            grant=other,
            kind="payment",
            amount_fen=1,
            idempotency_key=f"{whom.pk}-{number}",
            state="exported",
            ordered_at=AT,
            ordered_by="某人",
        )
        grant.objections.create(text=f"{number}", raised_at=AT, raised_by="某人")
    GrantEvent.objects.create(grant=grant, at=AT, by="某人", kind="x", zh="某事", en="x")
    about = {"subject_kind": "subject", "subject_key": grant.subject.key}
    record(at=AT, by=SYSTEM, verb="funding.subject.looked_at", **about)
    _copy(grant.batch, period=f"2027Q{number}")
    table = FactImport.objects.first()
    _copy(table, file_name=f"{number}.csv")


def _fact(subject, number):
    return FactRow.objects.create(
        subject=subject,
        name=f"fact{number}",
        kind="bool",
        value="true",
        origin="bureau",
        observed_date=AT.date(),
        valid_from=AT.date(),
        entered_at=AT,
        entered_by="某人",
    )


def _copy(row, **changed):
    """Return another row like one, with a key of its own."""
    fields = {
        field.name: getattr(row, field.name)
        for field in type(row)._meta.concrete_fields
        if field.name not in {"id", "key"}
    }
    return type(row).objects.create(**{**fields, **changed})


def _trials(need, offer, number):
    seal = Seal.objects.create(
        need=need,
        state=Seal.State.SEALED,
        targets=need.targets,
        piece_count=200,
        created_at=AT,
        created_by="某人",
        sealed_at=AT,
    )
    same = {
        "need": need,
        "seal": seal,
        "offer": offer,
        "version": offer.version,
        "vendor": offer.vendor,
        "queued_at": AT - timedelta(minutes=number),
    }
    decided = {"state": Trial.State.DECIDED, "verdict": "passed", "started_at": AT, "ended_at": AT}
    trial = Trial.objects.create(**same, **decided, released_at=AT)
    Trial.objects.create(**same, **decided)
    Trial.objects.create(**same)
    Event.objects.create(trial=trial, at=AT, kind="queued", zh="排队", en="queued")
    Certificate.objects.create(
        version=offer.version,
        need=need,
        trial_key=trial.key,
        verdict="passed",
        document={"id": "urn:uuid:0"},
        issued_at=AT,
        released_at=AT,
        public=True,
    )


def whole_of(city):
    """Release the city's own trial, so that its case and certificate have pages."""
    trial = Trial.objects.get(key=city.things["trial"])
    trial.state, trial.verdict = Trial.State.DECIDED, "passed"
    trial.started_at = trial.ended_at = trial.released_at = AT
    trial.save()
    Certificate.objects.filter(trial_key=trial.key).update(released_at=AT, public=True)


def counts_of(city):
    """Return for each page the number of queries by reader, of those who get in."""
    clients = {reader: city.client(reader) for reader in READERS}
    found = {}
    for page, address in PAGES.items():
        for reader, client in clients.items():
            path = address.format(**city.things)
            guarded_city.read(client.get(path))  # what is kept for the process is kept by now
            cache.clear()
            with CaptureQueriesContext(connection) as queries:
                answer = client.get(path)
                guarded_city.read(answer)
            assert answer.status_code in {200, 302, 403, 404}, (path, reader, answer.status_code)
            if answer.status_code == 200:
                found.setdefault(page, {})[reader] = len(queries)
    return found


def test_each_page_takes_the_reviewed_number_of_queries_however_many_rows_there_are(city):
    whole_of(city)
    grow(city, start=1, stop=1 + SMALL)
    few = counts_of(city)
    grow(city, start=1 + SMALL, stop=1 + 3 * SMALL)
    many = counts_of(city)
    assert many == few, f"some pages ask more often when there are more rows: {_apart(few, many)}"
    if os.environ.get("LIUDU_WRITE_QUERY_COUNTS"):
        REVIEWED.write_text(HEAD + "".join(map(_lines, few.items())), encoding="utf-8")
    reviewed = tomllib.loads(REVIEWED.read_text(encoding="utf-8"))
    assert few == reviewed, (
        f"pages ask more or less often than reviewed (reviewed, now): {_apart(reviewed, few)}. If "
        "that is meant, run this test with LIUDU_WRITE_QUERY_COUNTS=1 and read the difference."
    )


def _apart(one, other):
    return {
        f"{page}, {reader}": (one.get(page, {}).get(reader), other.get(page, {}).get(reader))
        for page in {*one, *other}
        for reader in READERS
        if one.get(page, {}).get(reader) != other.get(page, {}).get(reader)
    }


def _lines(row):
    page, counts = row
    inner = "".join(f"{reader} = {count}\n" for reader, count in counts.items())
    return f'\n["{page}"]\n{inner}'
