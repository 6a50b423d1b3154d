"""Run folders as `liudu-trial run` leaves them, made by hand, small and quick."""

import hashlib
import io
import json
import zlib
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import Image, ImageDraw

from liudu.trial import certificate, keys

AT = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
CLASSES = ("ok", "scratch", "short")


def fake_digest(text):
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def target(metric, op, limit, **found):
    nothing = dict.fromkeys(("events", "trials", "clusters", "more_needed", "note"))
    return {
        "metric": metric,
        "op": op,
        "limit": limit,
        "confidence": 0.95,
        "method": "clopper_pearson",
        "by_class": [],
        **nothing,
        **found,
    }


def targets(verdict):
    if verdict == "passed":
        miss = {"answer": "proved", "point": 0.0004, "lower": 0.00002, "upper": 0.00189}
        miss |= {"events": 1, "trials": 2500}
    elif verdict == "failed":
        miss = {"answer": "refuted", "point": 0.0124, "lower": 0.0092, "upper": 0.0166}
        miss |= {"events": 31, "trials": 2500}
    else:
        miss = {"answer": "not_yet", "point": 0.0, "lower": 0.0, "upper": 0.00598}
        more = {"no_further_error": 997, "observed_rate": 997, "unit": "piece"}
        miss |= {"events": 0, "trials": 500, "more_needed": more}
    over = {"answer": "proved", "point": 0.0116, "lower": 0.0097, "upper": 0.0139}
    over |= {"events": 87, "trials": 7500}
    speed = {"answer": "proved", "point": 21400.0, "lower": 20980.0, "upper": 21830.0}
    speed |= {"method": "batch_means"}
    return [
        target("miss_rate", "<", 0.002, **miss),
        target("overkill_rate", "<=", 0.03, **over),
        target("throughput_per_h", ">=", 6000, **speed),
    ]


def details(task, worst):
    curve = [
        {
            "threshold": round(0.02 + 0.9 * c, 4),
            "coverage": round(float(c), 4),
            "risk": round(float(0.012 * max(0.0, c - 0.6) ** 2), 6),
            "risk_upper": round(float(0.0012 + 0.014 * max(0.0, c - 0.6) ** 2), 6),
        }
        for c in np.linspace(0.0, 0.98, 40)
    ]
    shared = {"missing": 0, "worst": worst}
    if task == "detect":
        return shared | {
            "iou": 0.33,
            "map": 0.9731,
            "f1": 0.968,
            "precision": 0.964,
            "recall": 0.972,
            "by_class": [
                {
                    "class": name,
                    "boxes": 600 + 40 * k,
                    "missed": 9 + k,
                    "false_calls": 12,
                    "average_precision": 0.97 + 0.003 * k,
                }
                for k, name in enumerate(("open", "short", "mousebite", "spur"))
            ],
            "confusion": {
                "classes": ["open", "short"],
                "counts": [[590, 1], [0, 630]],
                "other": [0, 2],
                "missing": [9, 8],
            },
            "precision_recall": [
                {"threshold": 1 - r, "recall": r, "precision": 1 - 0.2 * r**6}
                for r in np.linspace(0.02, 0.97, 30).tolist()
            ],
        }
    return shared | {
        "positive": "defective",
        "counts": {"positive": 2500, "negative": 7500, "missed": 1, "overkill": 87, "wrong": 122},
        "confusion": {
            "classes": list(CLASSES),
            "counts": [[7413, 61, 26], [1, 1379, 20], [0, 14, 1086]],
            "other": [0, 0, 0],
            "missing": [0, 0, 0],
        },
        "by_class": [
            {"class": "ok", "pieces": 7500, "wrong": 87, "error_rate": 0.0116},
            {"class": "scratch", "pieces": 1400, "wrong": 21, "error_rate": 0.015},
            {"class": "short", "pieces": 1100, "wrong": 14, "error_rate": 14 / 1100},
        ],
        "risk_coverage": curve,
    }


def result(*, verdict="passed", task="classify", simulated=False, worst=(), name="board-check"):
    return {
        "contract": "liudu.trial/1",
        "verdict": verdict,
        "reason": "ok",
        "attempts": [{"number": 1, "reason": "ok", "wall_s": 1690.2}],
        "task": task,
        "simulated": simulated,
        "targets": targets(verdict),
        "measurements": {
            "wall_s": 1690.2,
            "startup_s": 1.31,
            "cpu_s": 1544.0,
            "memory_peak_mib": 412.5,
            "items": 10000,
            "throughput_per_h": 21400.0,
            "latency_s": {"p50": 0.161, "p95": 0.204, "p99": 0.262, "max": 0.711},
        },
        "level": {"asked": "bwrap", "had": "bwrap"},
        "digests": {
            part: fake_digest(part)
            for part in ("commitment", "data", "labels", "protocol", "scorer", "solution")
        },
        "scorer": {"name": "classify", "version": "1.0.0"},
        "solution": {
            "name": name,
            "version": "1.2.0",
            "vendor": "Example Vision Co.",
            "licence": "Apache-2.0",
        },
        "details": details(task, list(worst)),
        "looks": [],
        "started_at": "2026-11-20T07:58:12Z",
        "ended_at": "2026-11-20T08:26:22Z",
        "versions": {"liudu-trial": "0.1.0", "python": "3.11.7"},
    }


def picture(seed, size=(640, 480)):
    rng = np.random.default_rng(seed)
    image = Image.new("L", size, 38)
    draw = ImageDraw.Draw(image)
    for y in range(30, size[1], 44):
        draw.line((0, y, size[0], y + int(rng.integers(-8, 8))), fill=205, width=9)
    for _ in range(9):
        x, y = int(rng.integers(30, size[0] - 30)), int(rng.integers(30, size[1] - 30))
        draw.ellipse((x - 12, y - 12, x + 12, y + 12), fill=220)
        draw.ellipse((x - 5, y - 5, x + 5, y + 5), fill=30)
    return image


def png(image):
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def worst_of(task, ids):
    for place, id_ in enumerate(ids):
        box = [120 + 20 * place, 90, 190 + 20 * place, 150]
        if task == "detect":
            truth = [{"box": box, "label": "short"}]
            answer = [{"box": [b + 9 for b in box], "label": "open", "score": 0.62}]
        else:
            truth, answer = "short", "ok"
        yield {
            "id": id_,
            "truth": truth,
            "answer": answer,
            "score": round(0.02 + 0.05 * place, 3),
            "why": {"zh": "漏检：有缺陷却判为合格", "en": "Missed: defective, called ok"},
        }


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8")


def commitment_of(name):
    return {"contract": "liudu.trial/1", "name": name, "created_at": "2026-11-20T07:00:00Z"}


def write_seal(folder, ids, *, name="PCB 外观检测"):
    (folder / "items").mkdir(parents=True)
    lines = []
    for seed, id_ in enumerate(ids):
        (folder / "items" / f"{id_}.png").write_bytes(png(picture(seed)))
        lines.append(json.dumps({"id": id_, "path": f"items/{id_}.png"}))
    (folder / "items.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_json(folder / "commitment.json", commitment_of(name))
    write_json(folder / "protocol.json", {"level": "bwrap", "mode": "stream", "window": 1})
    return folder


def write_journal(folder, *, complete):
    events = [{"seq": 1, "at": "2026-11-20T07:58:12Z", "event": "created"}]
    if complete:
        found = hashlib.sha256((folder / "result.json").read_bytes()).hexdigest()
        last = {"event": "complete", "result": f"sha256:{found}"}
        events.append({"seq": 2, "at": "2026-11-20T08:26:22Z", **last})
    lines = "".join(json.dumps(event) + "\n" for event in events)
    (folder / "journal.jsonl").write_text(lines)


def write_run(folder, content, *, seal):
    folder.mkdir(parents=True)
    predictions = b'{"id":"a","label":"ok"}\n'
    (folder / "predictions.jsonl").write_bytes(predictions)
    sealed = json.loads((seal / "commitment.json").read_bytes())
    content["digests"]["commitment"] = certificate.digest(sealed)
    content["digests"]["predictions"] = "sha256:" + hashlib.sha256(predictions).hexdigest()
    write_json(folder / "result.json", content)
    run = {"seal": {"name": sealed["name"], "commitment": content["digests"]["commitment"]}}
    write_json(folder / "run.json", run)
    write_journal(folder, complete=True)
    rng = np.random.default_rng(7)
    sent = np.cumsum(rng.gamma(8, 0.021, size=4000))
    timings = np.stack([sent, sent + rng.gamma(30, 0.0054, size=4000)], axis=1)
    np.save(folder / "timings.npy", timings)
    return folder


@pytest.fixture
def at():
    return AT


@pytest.fixture
def key(tmp_path):
    return keys.load_or_make(tmp_path / "keys" / "key.pem")[0]


@pytest.fixture
def make_result():
    return result


@pytest.fixture
def make_run(tmp_path):
    """Return a function that writes a seal and a run on it, and returns both folders."""

    def make(*, task="classify", worst=6, folder="case", seal_name="PCB 外观检测", **more):
        ids = [f"k{zlib.crc32(str(n).encode()):08x}" for n in range(worst)]
        seal = write_seal(tmp_path / folder / "seal", ids, name=seal_name)
        content = result(task=task, worst=tuple(worst_of(task, ids)), **more)
        return write_run(tmp_path / folder / "run", content, seal=seal), seal

    return make
