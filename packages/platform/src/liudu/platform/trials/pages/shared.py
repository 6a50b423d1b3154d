"""What every page of trials asks first."""

from typing import Any

from django.http import Http404, HttpRequest

from liudu.platform.trials import queries
from liudu.platform.trials.models import Trial
from liudu.platform.web.charts import forest, measured
from liudu.platform.web.doors import actor_at, may, require
from liudu.platform.words import both, language


def trial_at(request: HttpRequest, key: str, permission: str = "trials.see_trial") -> Trial:
    """Return the trial of a page; who may not even know of it is told that there is none."""
    try:
        trial = queries.trial_for(key)
    except Trial.DoesNotExist as error:
        raise Http404 from error
    require(actor_at(request), permission, trial, seen="trials.see_trial")
    return trial


def result_of(request: HttpRequest, trial: Trial) -> dict[str, Any] | None:
    """Return the verdict in words, figures and a drawing, if the actor may see it."""
    if not may(actor_at(request), "trials.see_result", trial):
        return None
    rows = [measured(row) for row in trial.result.get("targets", [])]
    title = str(both("各项指标的实测值与区间", "Each target: what was seen, and its interval"))
    return {
        "sentence": trial.result.get(f"sentence_{language()}", ""),
        "rows": rows,
        "chart": forest(rows, title=title),
        "level": trial.result.get("level", {}),
        "measurements": trial.result.get("measurements", {}),
        "digests": trial.result.get("digests", {}),
    }
