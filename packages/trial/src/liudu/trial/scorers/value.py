"""A numeric value for each piece, in the unit of the labels.

The error is the answer minus the true value. A piece without an answer counts as the worst: an
error as large as the target's cap, and out of tolerance. A mean needs a cap, for without one no
bound of it is valid: errors beyond the cap count as the cap.
"""

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from liudu.acceptance import Counts, Evidence, Promise, Target, Values
from liudu.contract import Number, Prediction
from liudu.trial.scorers.scored import WORST_MAX, Scored
from liudu.trial.scorers.truth import ValueTruth

NAME = "value"
VERSION = "1"


def options(promise: Promise) -> dict[str, Any]:
    """Return what the protocol fixes for this scorer."""
    return {target.metric: dict(target.options) for target in promise.targets if target.options}


def score(truth: ValueTruth, predictions: Mapping[str, Prediction], *, promise: Promise) -> Scored:
    """Score the answers to a trial of a numeric value.

    Parameters
    ----------
    truth
        The true values.
    predictions
        By id.
    promise
        Whose targets want evidence.

    Returns
    -------
    Evidence for every target on the value, and details: errors, quantiles, the worst pieces.

    """
    given = [cast("Number | None", predictions.get(name)) for name in truth.ids]
    answer = np.array([np.nan if one is None else one.value for one in given], float)
    error = answer - truth.value  # NaN where there is no answer
    evidence = tuple(
        _evidence(truth, error, target)
        for target in promise.targets
        if target.rule.against == "error"
    )
    return Scored(evidence=evidence, details=_details(truth, answer, error, promise=promise))


def _evidence(truth: ValueTruth, error: NDArray[np.float64], target: Target) -> Evidence:
    if target.metric == "within_tolerance_rate":
        within = np.abs(error) <= target.options["tolerance"]  # False for NaN
        return Counts(metric=target.metric, event=within, cluster=truth.cluster)
    cap = target.options["cap"]
    capped = np.clip(np.nan_to_num(error, nan=cap), -cap, cap)
    signed = target.metric == "bias"
    return Values(
        metric=target.metric,
        value=capped if signed else np.abs(capped),
        cluster=truth.cluster,
        low=-cap if signed else 0.0,
        high=cap,
    )


def _details(
    truth: ValueTruth,
    answer: NDArray[np.float64],
    error: NDArray[np.float64],
    *,
    promise: Promise,
) -> dict[str, Any]:
    answered = error[~np.isnan(error)]
    size = np.abs(answered)
    tolerance = {
        t.metric: t.options["tolerance"] for t in promise.targets if "tolerance" in t.options
    }
    return {
        "counts": {"pieces": len(error), "answered": int(answered.size)},
        "missing": int(np.isnan(error).sum()),
        "mean_absolute_error": float(size.mean()) if size.size else None,
        "root_mean_square_error": float(np.sqrt((answered**2).mean())) if size.size else None,
        "bias": float(answered.mean()) if size.size else None,
        "absolute_error": _quantiles(size),
        "within_tolerance": {
            metric: float((size <= limit).sum() / len(error)) for metric, limit in tolerance.items()
        },
        "worst": _worst(truth, answer, error),
    }


def _quantiles(size: NDArray[np.float64]) -> dict[str, float] | None:
    if not size.size:
        return None
    p50, p95, p99 = np.quantile(size, (0.5, 0.95, 0.99))
    return {"p50": float(p50), "p95": float(p95), "p99": float(p99), "max": float(size.max())}


def _worst(
    truth: ValueTruth, answer: NDArray[np.float64], error: NDArray[np.float64]
) -> list[dict[str, Any]]:
    size = np.nan_to_num(np.abs(error), nan=np.inf)
    chosen = [int(i) for i in np.argsort(-size, kind="stable")[:WORST_MAX] if size[i] > 0]
    return [
        {
            "id": truth.ids[index],
            "truth": float(truth.value[index]),
            "answer": None if np.isnan(answer[index]) else float(answer[index]),
            "score": None,
            "why": _why(float(error[index])),
        }
        for index in chosen
    ]


def _why(error: float) -> dict[str, str]:
    if np.isnan(error):
        return {"zh": "没有回答，按最差计", "en": "no answer, counted as the worst"}
    high = error > 0
    return {
        "zh": f"偏{'高' if high else '低'} {abs(error):.4g}",
        "en": f"{abs(error):.4g} too {'high' if high else 'low'}",
    }
