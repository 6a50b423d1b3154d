"""Small data sets of every task, made afresh for each test."""

import csv
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import Image

from liudu.acceptance import Promise
from liudu.trial.seal import seal

AT = datetime(2026, 11, 20, 8, tzinfo=UTC)


def promise_of(task, targets=None, **more):
    usual = {
        "classify": [("miss_rate", "<", 0.2), ("overkill_rate", "<=", 0.3)],
        "detect": [("miss_rate", "<", 0.2), ("overkill_rate", "<=", 0.3)],
        "alarm": [("miss_rate", "<", 0.2), ("false_alarm_rate", "<=", 0.3)],
        "value": [("within_tolerance_rate", ">=", 0.9, {"tolerance": 0.5})],
    }
    mapping = {
        "task": task,
        "targets": [
            {"metric": metric, "op": op, "limit": limit, **(options[0] if options else {})}
            for metric, op, limit, *options in targets or usual[task]
        ],
        **more,
    }
    if task == "classify":
        mapping.setdefault("positive", "defective")
    return Promise.from_mapping(mapping)


class Kit:
    """A data folder, its labels file, and the calls that a test needs."""

    def __init__(self, folder):
        self.folder = folder
        self.data = folder / "data"
        self.data.mkdir()
        self.labels = folder / "labels.csv"
        self.rng = np.random.default_rng(1)

    def picture(self, name, size=(20, 16), seed=None, **options):
        path = self.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = self.rng if seed is None else np.random.default_rng(seed)
        pixels = rng.integers(0, 255, (size[1], size[0]), dtype=np.uint8)
        Image.fromarray(pixels).save(path, **options)
        return path

    def rows(self, *rows, encoding="utf-8"):
        with self.labels.open("w", newline="", encoding=encoding) as stream:
            csv.writer(stream).writerows(rows)

    def pieces(self, count=12):
        """Every third piece is defective."""
        names = [f"{index:03d}.png" for index in range(count)]
        for name in names:
            self.picture(name)
        self.rows(
            ("file", "label"),
            *((name, "ok" if k % 3 else "defective") for k, name in enumerate(names)),
        )
        return names

    def seal(self, task="classify", into="seal", promise=None, **options):
        return seal(
            self.data,
            labels=self.labels,
            promise=promise or promise_of(task),
            into=self.folder / into,
            at=AT,
            **options,
        )


@pytest.fixture
def kit(tmp_path):
    return Kit(tmp_path)


@pytest.fixture
def promised():
    return promise_of
