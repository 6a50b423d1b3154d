"""The claim: on DeepPCB devtest a CPU thread finds and names defects as well as the paper's GPU.

Run: python bench/inspect_deeppcb.py        the data: LIUDU_DATA/inspect/deeppcb
Prints P, R, F at the threshold that was chosen on validation pairs, AP and mAP by the protocol,
and the trial on 160 x 160 tiles; intervals by bootstrap over board pairs.
"""

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import sys  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

import cv2  # noqa: E402
import numpy as np  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent))
from record import DATA, write_result  # noqa: E402

from liudu.acceptance import interval, upper_bound  # noqa: E402
from liudu.inspect import deeppcb, protocol, selection  # noqa: E402
from liudu.inspect.inspector import inspect  # noqa: E402
from liudu.inspect.network import load  # noqa: E402
from liudu.inspect.pack import WEIGHTS, default_score_min  # noqa: E402

PEERS = (
    ("paper, GPU, all 500 test pairs [read]", "     98.2               98.6"),
    ("prototype, devtest [measured before]", "98.6 97.8 98.2  98.5  98.6  97.0"),
)
RESAMPLES = 400
SCORE_FLOOR = 0.01  # for AP and mAP everything above it is ranked
SEED = 0


def scores(low, low_strict, high):
    """Return all figures of a sample of pairs."""
    at = protocol.rates(high)
    by_kind = protocol.average_precision_by_kind(low)
    return {
        "precision": at.precision,
        "recall": at.recall,
        "f": at.f,
        "ap": protocol.average_precision(low),
        "map_iou33": float(by_kind.mean()),
        "map_iou50": float(protocol.average_precision_by_kind(low_strict).mean()),
    }


def intervals(*matched):
    """Return 95 % intervals by resampling pairs."""
    rng, count = np.random.default_rng(SEED), len(matched[0])
    drawn = []
    for _ in range(RESAMPLES):
        chosen = rng.integers(0, count, count)
        drawn.append(list(scores(*[[m[i] for i in chosen] for m in matched]).values()))
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return {k: [float(a), float(b)] for k, a, b in zip(scores(*matched), low, high, strict=True)}


def by_protocol(pairs, findings):
    """Match once at each setting, then count and resample."""
    score_min = default_score_min("detect")

    def matched(score, iou_min):
        return [
            protocol.match(p.boxes, selection.detected(f, score_min=score), iou_min=iou_min)
            for p, f in zip(pairs, findings, strict=True)
        ]

    low, strict, high = (
        matched(SCORE_FLOOR, 0.33),
        matched(SCORE_FLOOR, 0.5),
        matched(score_min, 0.33),
    )
    kinds = protocol.average_precision_by_kind(low)
    return {
        "score_min": score_min,
        **scores(low, strict, high),
        "interval": intervals(low, strict, high),
        "map_iou33_by_kind": dict(zip(deeppcb.CLASSES, kinds.tolist(), strict=True)),
    }


def by_group(pairs, findings, known):
    """Return F on board groups that training saw and on those that it did not."""
    score_min, split = default_score_min("detect"), {}
    for name, wanted in (("known_groups", True), ("new_groups", False)):
        chosen = [i for i, p in enumerate(pairs) if (p.group in known) is wanted]
        some, found = [pairs[i] for i in chosen], [findings[i] for i in chosen]
        split[name] = {"pairs": len(some), "f": selection.f_at(found, some, score_min=score_min)}
    return split


def bounds(events, trials):
    """Return the exact two-sided 95 % interval of a ratio."""
    return list(interval(event_count=events, trial_count=trials, confidence=0.95))


def inspected(network, pairs):
    """Return the findings of each pair and the CPU seconds that each took."""
    findings, cpu_s = [], []
    for pair in pairs:
        begun = time.process_time()
        findings.append(inspect(network, template=pair.template, test=pair.test))
        cpu_s.append(time.process_time() - begun)
    return findings, np.array(cpu_s)


def pace(cpu_s):
    """Return pairs per CPU-second and its 95 % interval by resampling pairs."""
    rng = np.random.default_rng(SEED)
    drawn = 1 / rng.choice(cpu_s, (RESAMPLES, len(cpu_s))).mean(axis=1)
    return float(1 / cpu_s.mean()), [float(v) for v in np.quantile(drawn, [0.025, 0.975])]


def tile_trial(network, pairs):
    """Return miss and overkill of tiles, with exact bounds, and the review that is saved."""
    tiles = selection.tile_scores(network, pairs)
    bad, good = tiles.kind > 0, tiles.kind == 0
    bad_count, good_count = int(bad.sum()), int(good.sum())
    called = int(tiles.differs[good].sum())
    rows = []
    for score_min in (0.0193, default_score_min("classify"), 0.5):
        missed = int((tiles.score[bad] <= score_min).sum())
        false = int((tiles.score[good] > score_min).sum())
        rows.append(
            {
                "score_min": score_min,
                "missed": missed,
                "miss_rate": missed / bad_count,
                "miss_rate_interval": bounds(missed, bad_count),
                "miss_rate_upper95": upper_bound(event_count=missed, trial_count=bad_count),
                "false_calls": false,
                "overkill_rate": false / good_count,
                "overkill_rate_interval": bounds(false, good_count),
                "overkill_rate_upper95": upper_bound(event_count=false, trial_count=good_count),
                "review_cut": 1 - false / max(called, 1),
            }
        )
    alone = {"missed": int((~tiles.differs[bad]).sum()), "overkill_rate": called / good_count}
    counts = {"defective": bad_count, "good": good_count}
    return {**counts, "comparison_alone": alone, "at": rows}


def show(result):
    """Print the table beside the paper's and the prototype's figures."""
    names = ("precision", "recall", "f", "ap", "map_iou33", "map_iou50")
    detect = result["detect"]
    print(f"{'system':40s}    P    R    F    AP  mAP@.33 mAP@.5")
    for name, figures in PEERS:
        print(f"{name:40s} {figures}")
    ours = " ".join(f"{100 * detect[n]:5.1f}" for n in names)
    print(f"{'liudu.inspect, devtest':40s}{ours}")
    for name in names:
        low, high = detect["interval"][name]
        print(f"    {name:10s} {100 * detect[name]:6.2f}  [{100 * low:.2f}, {100 * high:.2f}]")
    print(f"    {result['pairs_per_cpu_s']:.1f} pairs per CPU-second, one thread")
    trial = result["tiles"]
    print(f"tiles: {trial['defective']} defective, {trial['good']} good")
    for row in trial["at"]:
        print(
            "    score > {score_min:.4f}: missed {missed} = {miss_rate:.2%} (≤ "
            "{miss_rate_upper95:.2%}), overkill {overkill_rate:.2%} (≤ "
            "{overkill_rate_upper95:.2%}), review {review_cut:.1%} less".format(**row)
        )


def main():
    """Measure, print, write."""
    folder = DATA / "inspect" / "deeppcb"
    if not folder.is_dir():
        sys.exit(f"No data: {folder} is absent; set LIUDU_DATA to the folder that holds inspect/.")
    cv2.setNumThreads(1)
    network = load(WEIGHTS)
    pairs = list(deeppcb.pairs(folder, split="devtest"))
    known = {p.group for p in deeppcb.pairs(folder, split="trainval")}
    findings, cpu_s = inspected(network, pairs)
    pairs_per_cpu_s, pairs_per_cpu_s_interval = pace(cpu_s)
    result = {
        "pairs": len(pairs),
        "boxes": sum(len(p.boxes) for p in pairs),
        "pairs_per_cpu_s": pairs_per_cpu_s,
        "pairs_per_cpu_s_interval": pairs_per_cpu_s_interval,
        "detect": by_protocol(pairs, findings),
        "groups": by_group(pairs, findings, known),
        "tiles": tile_trial(network, pairs),
    }
    show(result)
    write_result("inspect_deeppcb", result)


if __name__ == "__main__":
    main()
