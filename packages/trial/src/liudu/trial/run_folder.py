"""The folder of a run: what lies where; whatever looks whole there is whole."""

import hashlib
import io
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import orjson
from numpy.typing import NDArray

from liudu.contract import Item, Prediction, Task, prediction_line, read_predictions
from liudu.sandbox import Outcome
from liudu.trial.journal import JOURNAL_NAME, write_whole
from liudu.trial.staging import clear

RUN_NAME = "run.json"
RESULT_NAME = "result.json"
PREDICTIONS_NAME = "predictions.jsonl"
TIMINGS_NAME = "timings.npy"
MEASUREMENTS_NAME = "measurements.json"


@attrs.frozen(kw_only=True)
class RunFolder:
    """Paths and files of one run; every file is there in full or not at all."""

    path: Path

    @property
    def journal(self) -> Path:
        """The events."""
        return self.path / JOURNAL_NAME

    @property
    def staging(self) -> Path:
        """What exists only while a solution runs."""
        return self.path / "staging"

    @property
    def app(self) -> Path:
        """The opened bundle."""
        return self.staging / "app"

    @property
    def serving(self) -> Path:
        """The ``/in`` and ``/out`` of the serving that is going on."""
        return self.staging / "serving"

    @property
    def chunks(self) -> Path:
        """The answers of finished chunks, until all are together."""
        return self.path / "chunks"

    def make(self) -> None:
        """Make the folder."""
        self.path.mkdir(parents=True, exist_ok=True)

    def tidy(self) -> None:
        """Take away what a killed run has left behind."""
        clear(self.staging)

    def write_json(self, name: str, value: Mapping[str, Any]) -> str:
        """Write a mapping and return the digest of the file."""
        options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY
        return self.write(name, orjson.dumps(value, option=options))

    def read_json(self, name: str) -> dict[str, Any] | None:
        """Return what a JSON file holds, or None if it is not there."""
        path = self.path / name
        if not path.exists():
            return None
        value: dict[str, Any] = orjson.loads(path.read_bytes())
        return value

    def write(self, name: str, data: bytes) -> str:
        """Write a file and return its digest."""
        write_whole(self.path / name, data)
        return digest_of(data)

    def quarantine(self, outcome: Outcome) -> None:
        """Keep what the solution wrote to its two streams, capped, for the owner's eyes."""
        folder = self.path / "quarantine"
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
        for name in ("stdout", "stderr"):
            data = getattr(outcome, name)
            if getattr(outcome, f"{name}_truncated"):
                data += b"\n[...]\n"
            write_whole(folder / f"{name}.txt", data, mode=0o600)

    def write_predictions(
        self,
        predictions: Mapping[str, Prediction],
        *,
        ids: Sequence[str],
        name: str = PREDICTIONS_NAME,
    ) -> str:
        """Write the accepted answers in item order; return the digest."""
        lines = (prediction_line(predictions[one]) for one in ids if one in predictions)
        return self.write(name, b"".join(lines))

    def read_answers(
        self, name: str, *, digest: str, items: Sequence[Item], task: Task
    ) -> dict[str, Prediction] | None:
        """Return answers that were written before, or None if the file is not the same any more."""
        path = self.path / name
        if not path.exists():
            return None
        data = path.read_bytes()
        if digest_of(data) != digest:
            return None
        return read_predictions(io.BytesIO(data), task=task, ids={item.id for item in items})

    def write_timings(self, timings: NDArray[np.float64]) -> None:
        """Write when each item was sent and answered."""
        buffer = io.BytesIO()
        np.save(buffer, timings, allow_pickle=False)
        self.write(TIMINGS_NAME, buffer.getvalue())

    def read_timings(self) -> NDArray[np.float64] | None:
        """Return when each item was sent and answered; None in batch mode."""
        path = self.path / TIMINGS_NAME
        if not path.exists():
            return None
        table: NDArray[np.float64] = np.load(path, allow_pickle=False)
        return table

    def chunk_name(self, number: int) -> str:
        """Return the file of a chunk, relative to the run."""
        return f"chunks/{number:04}.jsonl"

    def drop_chunks(self) -> None:
        """Take the chunks away when all answers are together."""
        shutil.rmtree(self.chunks, ignore_errors=True)


def digest_of(data: bytes) -> str:
    """Return the digest of a file's bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()
