"""The claim: the exact threshold saves at least as much as MAPIE's p-values, at the same risk.

Run: python bench/acceptance_selective.py        a minute; MAPIE beside it where installed
Scores are drawn from a known population, so that the true miss ratio of each threshold is known.
One positive piece in 1200 looks perfectly good: no threshold finds it.
Peers on the same draws, each with fixed-sequence Learn-then-Test on a grid of 500 thresholds:
Hoeffding-Bentkus p-values, and MAPIE's own where it is installed, in its general form and in the
tighter one that it has for binary losses (which is exact as well; what is left is the grid).
"""

import sys
from functools import partial
from pathlib import Path

import numpy as np
from scipy.stats import beta, binom

sys.path.insert(0, str(Path(__file__).parent))
from record import write_result

from liudu.acceptance import TooFewSamplesError, interval, learn_then_test

try:
    from mapie.risk_control.methods import compute_hoeffding_bentkus_p_value
except ImportError:
    compute_hoeffding_bentkus_p_value = None

DRAWS, CONFIDENCE, SEED = 400, 0.95, 20261120
GRID = np.logspace(-6, np.log10(0.999), 500)
CASES = [(0.002, 1500), (0.002, 3000), (0.005, 1500), (0.005, 3000), (0.01, 1500), (0.02, 800)]
FOUND, NEGATIVE = beta(3.0, 0.35), beta(0.25, 6.0)  # a fair detector: AUROC about 0.99
HIDDEN_SHARE, HIDDEN_SCORE = 1 / 1200, 1e-9


def hoeffding_bentkus(missed, count, limit):
    """S. Bates et al., J. ACM 68 (2021), eq. (8) and below, over a row of thresholds."""
    ratio = np.minimum(missed / count, limit)
    with np.errstate(divide="ignore", invalid="ignore"):
        first = np.where(ratio > 0, ratio * np.log(ratio / limit), 0.0)
    divergence = first + (1 - ratio) * np.log((1 - ratio) / (1 - limit))
    return np.minimum(np.exp(-count * divergence), np.e * binom.cdf(missed, count, limit))


def mapie(missed, count, limit, *, binary):
    """MAPIE's p-values of the same row."""
    found = compute_hoeffding_bentkus_p_value(missed / count, count, limit, binary=binary)
    return found.ravel()


def drawn(rng, count):
    """Scores of positive pieces, some of them hidden."""
    scores = FOUND.rvs(count, random_state=rng)
    return np.where(rng.random(count) < HIDDEN_SHARE, HIDDEN_SCORE, scores)


def true_miss(threshold):
    """The population's miss ratio at thresholds, pieces below them being released."""
    hidden = HIDDEN_SHARE * (threshold > HIDDEN_SCORE)
    return hidden + (1 - HIDDEN_SHARE) * FOUND.cdf(threshold)


def on_grid(scores, *, limit, p_value):
    """The last threshold of the grid before the first that fails; None if the first one does."""
    missed = np.searchsorted(np.sort(scores), GRID, side="left")
    fails = np.flatnonzero(p_value(missed, len(scores), limit) > 1 - CONFIDENCE)
    last = (fails[0] if len(fails) else len(GRID)) - 1
    return GRID[last] if last >= 0 else None


def exact(scores, *, limit):
    try:
        return learn_then_test(scores, miss_ratio_max=limit, confidence=CONFIDENCE).threshold
    except TooFewSamplesError:
        return None


def case(rng, *, limit, count, rules):
    """Return for each rule how often it certified, how often wrongly, and what it saved."""
    found = {name: [] for name in rules}
    for _ in range(DRAWS):
        scores = drawn(rng, count)
        for name, rule in rules.items():
            found[name].append(rule(scores, limit=limit))
    rows = {}
    for name, thresholds in found.items():
        sure = np.array([one for one in thresholds if one is not None], dtype=float)
        wrong = int((true_miss(sure) > limit).sum())
        rows[name] = {
            "certified": float((sure > HIDDEN_SCORE).sum())
            / DRAWS,  # a threshold that saves something
            "broken": wrong / DRAWS,
            "broken_interval": interval(event_count=wrong, trial_count=DRAWS),
            "review_cut_mean": float(NEGATIVE.cdf(sure).sum()) / DRAWS,  # 0 where none is certified
        }
    return {"limit": limit, "positives": count, **rows}


def main():
    rules = {
        "exact": exact,
        "hoeffding_bentkus": lambda s, *, limit: on_grid(s, limit=limit, p_value=hoeffding_bentkus),
    }
    if compute_hoeffding_bentkus_p_value is None:
        print("MAPIE left out: not installed (uv sync --group bench)")
    else:
        for name, binary in (("mapie", False), ("mapie_binary", True)):
            p_value = partial(mapie, binary=binary)
            rules[name] = lambda s, *, limit, p=p_value: on_grid(s, limit=limit, p_value=p)
    rng = np.random.default_rng(SEED)
    table = [case(rng, limit=limit, count=count, rules=rules) for limit, count in CASES]
    print(f"{DRAWS} draws a row; broken: true miss ratio above the limit, at most 5 % promised")
    print(f"{'limit':>6}{'n':>6}  {'rule':<18}{'certified':>10}{'broken':>8}{'review cut':>12}")
    for row in table:
        for name in rules:
            one = row[name]
            print(
                f"{row['limit']:>6.1%}{row['positives']:>6}  {name:<18}"
                f"{one['certified']:>10.1%}{one['broken']:>8.1%}{one['review_cut_mean']:>12.1%}"
            )
    write_result("acceptance_selective", {"draws": DRAWS, "table": table})


if __name__ == "__main__":
    main()
