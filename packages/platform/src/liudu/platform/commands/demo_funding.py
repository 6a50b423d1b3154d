"""The money of the demo: policies, made-up subjects, and one delivery up to the notice."""

from datetime import datetime
from pathlib import Path
from typing import Final

from liudu.platform.actors import SYSTEM
from liudu.platform.clock import CITY_ZONE
from liudu.platform.commands.demo_seed import acting
from liudu.platform.commands.model_city import BODIES
from liudu.platform.funding import queries, services
from liudu.platform.funding.models import Batch
from liudu.platform.identity.models import Organisation

COUNTS: Final = {"enterprise": 600, "person": 900}
RENT: Final = ("suzhou-graduate-rent", "rent-renewal")
RENT_MONTHS: Final = (2, 5, 8, 11)


def fund(*, at: datetime, city: Path) -> None:
    """Load the city's policies and let one of them find who is due what; twice adds nothing."""
    services.load_policies(by=SYSTEM, at=at, folder=city / "policies")
    for kind, count in COUNTS.items():
        services.simulate_subjects(by=SYSTEM, at=at, kind=kind, count=count)
    if not Batch.objects.exists():
        _deliver(at=at)


def _deliver(*, at: datetime) -> None:
    """Match and notify the renewals of the last period that has begun."""
    today = at.astimezone(CITY_ZONE).date()
    months = [month for month in RENT_MONTHS if month <= today.month]
    on = (
        today.replace(month=months[-1], day=1)
        if months
        else today.replace(year=today.year - 1, month=RENT_MONTHS[-1], day=1)
    )
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
