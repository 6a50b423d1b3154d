"""One graduate's rent: the facts as a bureau sends them, and every step of a payment."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from liudu.platform.actors import SYSTEM
from liudu.platform.funding import queries, services
from liudu.platform.funding.models import Grant, PaymentOrder, Subject

CITY = Path(__file__).parents[3] / "cities" / "suzhou" / "policies"
RENT = "suzhou-graduate-rent"
START = datetime(2026, 2, 5, 2, tzinfo=UTC)
DAY = timedelta(days=1)
FACTS = {
    "degree": "博士",
    "full_time": "是",
    "studied_abroad": "否",
    "graduated_date": "2025-06-30",
    "arrived_date": "2025-08-01",
    "first_insured_date": "2025-08-15",
    "insured_six_months_date": "2026-01-31",
    "owns_home": "否",
    "civil_servant": "否",
    "works_in_ai_or_quantum": "否",
    "insured_this_quarter": "是",
    "claimed": "是",
    "first_claim_paid": "否",
    "months_paid": "0",
    "rent_paid": "0",
}


def table(at, *, bureau="市人社局", subject="P1", **told):
    """Import one person's facts, as they were observed on the day."""
    row = {"subject": subject, **{name: value for name, value in told.items() if value is not None}}
    content = ",".join(row) + "\n" + ",".join(row.values()) + "\n"
    return services.import_facts(
        by=SYSTEM, at=at, file_name="t.csv", content=content.encode(), kind="person", bureau=bureau
    )


def arrives(folder, **told):
    """Load the rent policy, and tell of one whose claim a bureau has."""
    report = services.load_policies(by=SYSTEM, at=START, folder=CITY / "graduate-rent.yaml")
    assert not report.refused
    table(START, **(FACTS | told))
    return Subject.objects.get(ref="P1")


def ordered(at, rule, *, code=RENT):
    """Deliver a rule's period up to the treasury; return the grant, if there is one."""
    version = queries.version_of(code, on=at.date())
    batch = services.open_batch(
        by=SYSTEM, at=at, version=version, rule=rule, on=at.date(), sample_share=0.0
    )
    services.match_batch(by=SYSTEM, at=at, batch=batch)
    for grant in batch.grants.filter(state=Grant.State.REVIEW):
        services.approve_grant(by=SYSTEM, at=at, grant=grant)
    batch.refresh_from_db()
    services.notify_batch(by=SYSTEM, at=at, batch=batch)
    for grant in batch.grants.filter(state=Grant.State.NOTIFIED):
        services.confirm_account(
            by=SYSTEM, at=at, grant=grant, holder="甲", bank="苏州银行", number="6222000011112222"
        )
    services.order_payments(by=SYSTEM, at=at, batch=batch)
    return batch.grants.first()


def settled(at, grant, kind="payment"):
    services.export_orders(by=SYSTEM, at=at)
    order = PaymentOrder.objects.filter(grant=grant, kind=kind).latest("pk")
    services.settle_order(by=SYSTEM, at=at, order=order, reference="T1")
    return order


def paid(at, rule="rent-first-claim"):
    grant = ordered(at, rule)
    settled(at, grant)
    return grant


def recovered(at, grant, amount_fen):
    services.recover_grant(by=SYSTEM, at=at, grant=grant, amount_fen=amount_fen, reason="多发")
    settled(at, grant, "recovery")


def corrected(at, grant, amount_fen):
    objection = services.raise_objection(by=SYSTEM, at=at, grant=grant, text="金额不对")
    services.answer_objection(
        by=SYSTEM, at=at, objection=objection, upheld=True, answer="更正", amount_fen=amount_fen
    )
