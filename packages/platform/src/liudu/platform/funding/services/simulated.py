"""Made-up subjects for trying policies: always marked, never mixed with real ones."""

import random
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

from django.db import transaction

from liudu.platform.actors import Actor
from liudu.platform.audit.services import record
from liudu.platform.city.models import District, Sector
from liudu.platform.clock import CITY_ZONE
from liudu.platform.funding.decisions import plain_value
from liudu.platform.funding.models import FactRow, Subject
from liudu.platform.funding.queries import fact_catalogue
from liudu.platform.funding.services.rows import Told, insert_facts
from liudu.rules import Fact, Kind, day_number

CHUNK = 500
KNOWN_SHARE = 0.9  # what bureaus know of anybody; the rest is unknown
TRUE_SHARE = {
    "owns_home": 0.15,
    "owns_home_in_sip": 0.12,
    "civil_servant": 0.04,
    "full_time": 0.95,
    "claimed": 0.85,
    "first_claim_paid": 0.75,
    "insured_this_quarter": 0.93,
    "studied_abroad": 0.08,
    "works_in_ai_or_quantum": 0.2,
}
SIZES = (("micro", 0.62), ("small", 0.27), ("medium", 0.08), ("large", 0.03))
MONEY_YUAN = {"micro": 60_000, "small": 400_000, "medium": 3_000_000, "large": 20_000_000}


def simulate_subjects(
    *,
    by: Actor,
    at: datetime,
    kind: str,
    count: int,
    seed: int = 6,
    known_from: date | None = None,
) -> list[Subject]:
    """Make subjects with facts for every policy in force; the same seed makes the same ones.

    Parameters
    ----------
    kind
        ``enterprise`` or ``person``: persons are graduates.
    count
        How many are wanted in all; those that are there already count.
    known_from
        The day on which their facts were observed, today by default: a delivery of an earlier
        day knows nothing of what was observed later.

    Returns
    -------
    list
        The new ones.

    """
    today = known_from or at.astimezone(CITY_ZONE).date()
    rng = random.Random(f"{seed}:{kind}")  # noqa: S311 - made-up data that anybody may repeat
    known = fact_catalogue(kind, on=today)
    places = list(District.objects.all()), list(Sector.objects.exclude(number=0))
    have = set(Subject.objects.filter(kind=kind, simulated=True).values_list("ref", flat=True))
    made: list[Subject] = []
    drawn = [_drawn(index, kind, rng, places, at=at) for index in range(count)]
    fresh = [one for one in drawn if one.ref not in have]
    for start in range(0, len(fresh), CHUNK):
        made += _write(fresh[start : start + CHUNK], known, rng, today=today, at=at, by=by)
    if made:
        with transaction.atomic():
            record(
                at=at,
                by=by,
                verb="funding.subjects.simulated",
                subject_kind="subjects",
                subject_key=kind,
                count=len(made),
                seed=seed,
            )
    return made


def _drawn(
    index: int,
    kind: str,
    rng: random.Random,
    places: tuple[Sequence[District], Sequence[Sector]],
    *,
    at: datetime,
) -> Subject:
    districts, sectors = places
    noun = "模拟毕业生" if kind == Subject.Kind.PERSON else "模拟企业"
    size = rng.choices([one for one, _ in SIZES], [share for _, share in SIZES])[0]
    return Subject(
        kind=kind,
        ref=f"SIM-{kind}-{index:07d}",
        name=f"{noun} {index + 1:06d}",
        district=rng.choice(districts) if districts else None,
        sector=rng.choice(sectors) if sectors else None,
        size=size if kind == Subject.Kind.ENTERPRISE else "",
        simulated=True,
        created_at=at,
    )


@transaction.atomic
def _write(
    subjects: Sequence[Subject],
    known: dict[str, list[Fact]],
    rng: random.Random,
    *,
    today: date,
    at: datetime,
    by: Actor,
) -> list[Subject]:
    Subject.objects.bulk_create(subjects)
    insert_facts(
        (
            Told(
                subject_id=subject.pk,
                name=fact.name,
                kind=str(fact.type.kind),
                value=value,
                bureau=fact.bureau,
                document=fact.document,
                observed_date=today,
            )
            for subject in subjects
            for fact, value in _facts(subject, known, rng, today=today)
        ),
        at=at,
        by_name=by.name,
        origin=FactRow.Origin.SIMULATED,
    )
    return list(subjects)


def _facts(
    subject: Subject, known: dict[str, list[Fact]], rng: random.Random, *, today: date
) -> Iterator[tuple[Fact, str]]:
    history = _history(rng, today)
    for name in sorted(known):
        fact = known[name][0]
        if rng.random() > KNOWN_SHARE:
            continue
        number = history.get(name)
        if number is None:
            number = _number(fact, subject, rng, today)
        yield fact, plain_value(fact, min(max(number, fact.minimum), fact.maximum))


def _history(rng: random.Random, today: date) -> dict[str, int]:
    """Return the days of a graduate's life in an order that can be."""
    graduated = today - timedelta(days=rng.randint(60, 1100))
    arrived = graduated + timedelta(days=rng.randint(0, 240))
    insured = arrived + timedelta(days=rng.randint(5, 60))
    months = max((today - insured).days // 30, 0)
    return {
        "graduated_date": day_number(graduated),
        "arrived_date": day_number(arrived),
        "first_insured_date": day_number(insured),
        "insured_six_months_date": day_number(insured + timedelta(days=182)),
        "months_paid": min(months // 3 * 3, 33),
        "rent_paid": min(months // 3 * 3, 33) * 100_000,
    }


def _number(fact: Fact, subject: Subject, rng: random.Random, today: date) -> int:
    kind = fact.type.kind
    if kind is Kind.BOOL:
        return int(rng.random() < TRUE_SHARE.get(fact.name, 0.3))
    if kind is Kind.ENUM:
        return rng.randrange(len(fact.type.labels))
    if kind is Kind.DATE:
        return day_number(today - timedelta(days=rng.randint(0, 900)))
    if kind is Kind.MONEY:
        middle = MONEY_YUAN.get(subject.size, 200_000)
        return int(rng.lognormvariate(0, 1) * middle) * 100 if rng.random() < 0.6 else 0  # noqa: PLR2004
    if kind is Kind.RATE:
        return int(rng.random() * fact.denominator)
    return rng.randint(0, 40)
