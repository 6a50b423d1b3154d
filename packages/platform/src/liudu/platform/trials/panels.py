"""What trials add to the pages of needs, solutions and vendors."""

from typing import Any

from django.http import HttpRequest

from liudu.platform.needs.models import Need
from liudu.platform.supply.models import Solution, Vendor
from liudu.platform.trials import queries
from liudu.platform.trials.models import Trial
from liudu.platform.web.doors import actor_at, may
from liudu.platform.web.panels import Context, panel

SHOWN = 10


def _rows(request: HttpRequest, trials: list[Trial]) -> list[dict[str, Any]]:
    actor = actor_at(request)
    return [
        {
            "trial": trial,
            "verdict": trial.verdict if may(actor, "trials.see_result", trial) else "",
        }
        for trial in trials
    ]


@panel(of="need", template="trials/_of_need.html", order=30)
def of_need(request: HttpRequest, need: Need) -> Context | None:
    """Show a need's sealed data and trials."""
    actor = actor_at(request)
    trials = queries.trials_of_need(actor, need, count_max=SHOWN)
    sees_seals = may(actor, "trials.see_seals", need)
    if not trials and not sees_seals:
        return None
    startable = queries.startable_of(need) if sees_seals else []
    return {
        "rows": _rows(request, trials),
        "startable": [one for one in startable if may(actor, "trials.start_trial", one)],
        "sees_seals": sees_seals,
        "newest": queries.newest_seal(need) if sees_seals else None,
        "wanted": queries.wanted_of(need) if sees_seals else [],
        "owner": may(actor, "trials.seal_need", need),
    }


@panel(of="solution", template="trials/_of_others.html", order=30)
def of_solution(request: HttpRequest, solution: Solution) -> Context | None:
    """Show the trials of a solution's versions."""
    found = queries.visible_to(actor_at(request)).filter(version__solution=solution)
    return {"rows": _rows(request, list(found[:SHOWN]))}


@panel(of="vendor", template="trials/_of_others.html", order=30)
def of_vendor(request: HttpRequest, vendor: Vendor) -> Context | None:
    """Show a vendor's trials."""
    found = queries.visible_to(actor_at(request)).filter(vendor=vendor)
    return {"rows": _rows(request, list(found[:SHOWN])), "vendor_key": vendor.organisation.key}
