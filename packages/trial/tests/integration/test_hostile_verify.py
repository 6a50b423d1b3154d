"""Verifying a large seal shows how far it is."""

from contextlib import contextmanager
from datetime import UTC, datetime

from liudu.acceptance import Promise
from liudu.trial import recheck
from liudu.trial.seal import seal


class Onlooker:
    """Remembers what was shown to it."""

    def __init__(self):
        self.steps = {}

    @contextmanager
    def stage(self, *, zh, en, total):
        self.steps[en] = [total, 0]

        def advance(steps):
            self.steps[en][1] += steps

        yield advance


def test_hashing_a_seal_again_is_shown_piece_by_piece(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    rows = ["file,label"]
    for number in range(6):
        (data / f"{number}.txt").write_text(f"{number}")
        rows.append(f"{number}.txt,{'bad' if number % 2 else 'ok'}")
    labels = tmp_path / "labels.csv"
    labels.write_text("\n".join(rows))
    targets = [
        {"metric": "miss_rate", "op": "<", "limit": 0.2},
        {"metric": "overkill_rate", "op": "<", "limit": 0.2},
    ]
    promise = Promise.from_mapping({"task": "classify", "positive": "bad", "targets": targets})
    at = datetime(2026, 11, 20, 8, tzinfo=UTC)
    sealed = seal(data, labels=labels, promise=promise, into=tmp_path / "seal", at=at)
    onlooker = Onlooker()
    found = dict(recheck.of_seal(sealed.folder, progress=onlooker))
    assert found["seal.commitment"] == sealed.digest
    assert onlooker.steps == {"Verifying the seal": [6, 6]}
