"""Pack a solution: a folder that watches series step by step, and the questions for a trial."""

import csv
import json
import shutil
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import attrs
import numpy as np
from numpy.typing import NDArray

from liudu.contract import CONTRACT, MANIFEST_FILE, Refusal
from liudu.outbreak.benchmark import NoLabelsError
from liudu.outbreak.detectors import UnknownOptionError, detector
from liudu.outbreak.series import SeriesTable
from liudu.outbreak.solution import Settings

HERE: Final = Path(__file__).parent
VERSION: Final = "0.1.0"
SETTINGS_FILE: Final = "settings.json"
LABELS_FILE: Final = "labels.csv"
MARK_FILE: Final = "simulated.json"  # `liudu-trial seal` takes it as the mark of simulated data
MEMORY_MIB: Final = 768
WARM_S: Final = 240.0  # the compiler at work on a slow machine
MAIN: Final = '''\
"""Early warning, step by step; see liudu/outbreak/solution/stream.py."""

import os
import sys
import tempfile
from pathlib import Path

# One thread, set before numpy loads its linear algebra.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"
# The bundle is read-only; compiled code goes into a folder of this process alone.
cache = tempfile.TemporaryDirectory(prefix="compiled-")
os.environ["NUMBA_CACHE_DIR"] = cache.name

from liudu.outbreak.solution import Settings, serve  # noqa: E402

if __name__ == "__main__":
    settings = Settings.read(Path(__file__).resolve().parent / "settings.json")
    sys.exit(serve(settings, lines=sys.stdin, answers=sys.stdout))
'''


class BundleNotEmptyError(Refusal):
    """A bundle is never written over something else."""

    en = "{folder} is not empty: name a new folder, or empty it first."
    zh = "{folder} 不是空文件夹：请换一个新文件夹，或先将它清空。"


class AlphaRangeError(Refusal):
    """An alpha is no probability."""

    en = "alpha = {alpha} is impossible: it lies between 0 and 1, e.g. 0.01."
    zh = "alpha = {alpha} 无法成立：应在 0 与 1 之间，例如 0.01。"


def pack(into: Path, *, settings: Settings) -> Mapping[str, Any]:
    """Write the bundle and return its manifest.

    Parameters
    ----------
    into
        A new or empty folder.
    settings
        What decides.

    Raises
    ------
    BundleNotEmptyError, UnknownDetectorError, UnknownOptionError, AlphaRangeError

    """
    _refuse(settings)
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise BundleNotEmptyError(folder=into)
    modules = into / "liudu" / "outbreak"
    modules.mkdir(parents=True)
    # Packages of their own, so that a liudu that is installed beside is never mixed in.
    for folder in (into / "liudu", modules):
        (folder / "__init__.py").touch()
    for name in ("detectors", "solution"):
        (modules / name).mkdir()
        for source in sorted((HERE / name).glob("*.py")):
            shutil.copyfile(source, modules / name / source.name)
    (into / "liudu" / "contract").mkdir()
    shutil.copyfile(_refusals(), into / "liudu" / "contract" / "__init__.py")
    (into / "main.py").write_text(MAIN, encoding="utf-8")
    _write_json(into / SETTINGS_FILE, attrs.asdict(settings))
    written = manifest(settings)
    _write_json(into / MANIFEST_FILE, written)
    return written


def _refuse(settings: Settings) -> None:
    method = detector(settings.detector)
    for option in settings.options:
        if option not in method.options:
            raise UnknownOptionError(
                detector=method.name, option=option, options=", ".join(method.options) or "–"
            )
    if not 0.0 < settings.alpha < 1.0:
        raise AlphaRangeError(alpha=settings.alpha)


def _refusals() -> Path:
    """Return the one module of the contract that the detectors need: how an error speaks."""
    found = find_spec("liudu.contract._refusal")
    if found is None or found.origin is None:
        raise FileNotFoundError("liudu.contract._refusal")
    return Path(found.origin)


def manifest(settings: Settings) -> dict[str, Any]:
    """Return the manifest of a bundle."""
    return {
        "contract": CONTRACT,
        "name": f"liudu-outbreak-{settings.detector}",
        "version": VERSION,
        "vendor": "Liudu",
        "entry": ["python3", "main.py"],
        "mode": "stream",
        "tasks": ["alarm"],
        "runtime": {"use": "python", "needs": ["numpy", "scipy", "numba", "attrs"]},
        "resources": {"cpu": 1, "memory_mib": MEMORY_MIB, "gpu": {"count": 0}},
        "warmup": {"items": 8, "timeout_s": WARM_S},
        "licence": "Apache-2.0",
        "description": f"Early warning by {settings.detector} at alpha {settings.alpha:g}.",
    }


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_questions(into: Path, table: SeriesTable, *, simulated: bool) -> tuple[int, int]:
    """Write the folder that ``liudu-trial seal`` reads: ``labels.csv`` beside an empty ``data``.

    Neighbouring weeks that are labelled belong to one outbreak. A week without a count is handed
    out without one.

    Returns
    -------
    tuple
        Steps and outbreaks.

    Raises
    ------
    BundleNotEmptyError
        When `into` holds something.
    NoLabelsError
        When the table has no labelled week.

    """
    if table.outbreak is None or not table.outbreak.any():
        raise NoLabelsError
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise BundleNotEmptyError(folder=into)
    (into / "data").mkdir(parents=True)
    if simulated:
        _write_json(into / "data" / MARK_FILE, {"by": "liudu-outbreak simulate"})
    events = 0
    with (into / LABELS_FILE).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["series", "t", "event", "data.count"])
        for row, labelled in enumerate(table.outbreak):
            numbers = event_numbers(labelled)
            writer.writerows(_steps(table, row=row, numbers=numbers))
            events += int(numbers.max(initial=0))
    return table.counts.size, events


def event_numbers(labelled: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return for each week the number of its outbreak, from 1; 0 is quiet."""
    starts = labelled & ~np.concatenate([[False], labelled[:-1]])
    return np.where(labelled, np.cumsum(starts), 0)


def _steps(
    table: SeriesTable, *, row: int, numbers: NDArray[np.int64]
) -> Iterator[tuple[str, str, str, str]]:
    name = f"s{row + 1:05d}"
    for week, number in enumerate(numbers):
        count = table.counts[row, week]
        yield (
            name,
            str(week),
            f"{name}-{number}" if number else "",
            "" if np.isnan(count) else f"{count:.0f}",
        )
