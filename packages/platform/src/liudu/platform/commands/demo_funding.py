"""The money of the demo: policies, made-up subjects, and one delivery up to the notice."""

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Final

from liudu.platform.actors import SYSTEM
from liudu.platform.clock import CITY_ZONE
from liudu.platform.commands.demo_seed import acting
from liudu.platform.commands.model_city import BODIES
from liudu.platform.funding import queries, services
from liudu.platform.funding.models import Batch, FactRow, PackVersion, Subject
from liudu.platform.identity.models import Organisation, User

COUNTS: Final = {"enterprise": 600, "person": 900}
RENT: Final = ("suzhou-graduate-rent", "rent-renewal")
RENT_MONTHS: Final = (2, 5, 8, 11)
ASSUMED: Final = "演示假定，非官方 / assumption of the demo, not official"
# What the texts leave open, as an office might set it; in the parameter's written unit.
PARAMETERS: Final = {
    "suzhou-ai-news": {
        "compute_rate": "0.2",
        "dataset_build_rate": "0.3",
        "research_rate": "0.3",
        "opc_voucher": "5",
    },
    "sip-industry": {"equipment_rate": "0.1"},
}
GRADUATE: Final = {
    "full_time": "true",
    "studied_abroad": "false",
    "graduated_date": "2025-06-30",
    "arrived_date": "2025-07-15",
    "first_insured_date": "2025-08-01",
    "insured_six_months_date": "2026-01-31",
    "insured_this_quarter": "true",
    "owns_home": "false",
    "civil_servant": "false",
    "claimed": "true",
    "first_claim_paid": "true",
}
PERSONS: Final = {
    "graduate@demo.liudu.test": {
        **GRADUATE,
        "degree": "硕士",
        "works_in_ai_or_quantum": "true",
        "months_paid": "6",
        "rent_paid": "6000",
    },
    "opc@demo.liudu.test": {
        **GRADUATE,
        "degree": "博士",
        "works_in_ai_or_quantum": "true",
        "months_paid": "9",
        "rent_paid": "13500",
    },
}
COMPANIES: Final = {
    "factory": {
        "compute_spend": "1200000",
        "dataset_build_cost": "0",
        "research_task": "false",
        "corpus_contract": "300000",
        "seller_related": "false",
        "corpus_for_own_use": "true",
        "corpus_purchase_reviewed": "false",
        "opc_founder": "false",
        "startup": "false",
        "in_sip": "false",
        "national_title": "专精特新小巨人",
        "is_ai_leader": "false",
    },
    "single": {
        "compute_spend": "90000",
        "opc_founder": "true",
        "startup": "true",
        "in_sip": "true",
        "equipment_investment": "12000000",
        "corpus_contract": "80000",
        "seller_related": "false",
        "corpus_for_own_use": "true",
    },
}


def fund(*, at: datetime, city: Path) -> None:
    """Load the city's policies and let one of them find who is due what; twice adds nothing."""
    services.load_policies(by=SYSTEM, at=at, folder=city / "policies")
    _set_parameters(at=at)
    on = rent_day(at.astimezone(CITY_ZONE).date())
    for kind, count in COUNTS.items():
        services.simulate_subjects(by=SYSTEM, at=at, kind=kind, count=count, known_from=on)
    for code, facts in COMPANIES.items():
        organisation = Organisation.objects.get(name=BODIES[code].marked)
        _tell(
            services.subject_for_organisation(at=at, organisation=organisation, simulated=True),
            facts,
            at=at,
            on=on,
        )
    for email, facts in PERSONS.items():
        user = User.objects.get(email=email)
        _tell(services.subject_for_user(at=at, user=user, simulated=True), facts, at=at, on=on)
    if not Batch.objects.exists():
        _deliver(at=at, on=on)


def rent_day(today: date) -> date:
    """Return the first day of the last month, up to today, in which renewals are paid."""
    months = [month for month in RENT_MONTHS if month <= today.month]
    if months:
        return today.replace(month=months[-1], day=1)
    return date(today.year - 1, RENT_MONTHS[-1], 1)


def _set_parameters(*, at: datetime) -> None:
    """Set what the texts leave open, where it still is."""
    by = acting(Organisation.objects.get(name=BODIES["bureau"].marked))
    for code, values in PARAMETERS.items():
        stored = PackVersion.objects.filter(code=code).order_by("-number").first()
        for name, text in values.items():
            if stored is not None and name not in stored.settings:
                services.set_parameter(
                    by=by, at=at, code=code, name=name, text=text, source=ASSUMED
                )


def _tell(subject: Subject, facts: Mapping[str, str], *, at: datetime, on: date) -> None:
    """Enter the facts of a demo account, unless it has some."""
    if subject.facts.exists():
        return
    for name, text in facts.items():
        services.enter_fact(
            by=SYSTEM,
            at=at,
            subject=subject,
            name=name,
            text=text,
            origin=FactRow.Origin.SIMULATED,
            observed_date=on,
        )


def _deliver(*, at: datetime, on: date) -> None:
    """Match and notify the renewals of the last period that has begun."""
    by = acting(Organisation.objects.get(name=BODIES["bureau"].marked))
    code, rule = RENT
    batch = services.open_batch(
        by=by,
        at=at,
        version=queries.version_of(code, on=on),
        rule=rule,
        on=on,
        simulated=True,
    )
    services.notify_batch(by=by, at=at, batch=services.match_batch(by=by, at=at, batch=batch))
