"""Pack a solution: a folder that runs with Python, numpy and OpenCV alone."""

import json
import shutil
from pathlib import Path
from typing import Any, Literal

from liudu.contract import CONTRACT, Refusal

Task = Literal["detect", "classify"]
Mode = Literal["batch", "stream"]

HERE = Path(__file__).parent
WEIGHTS = HERE / "weights" / "deeppcb.npz"
SETTINGS = HERE / "weights" / "settings.json"
VERSION = "0.1.0"
MODULES = (
    "boxes",
    "crops",
    "difference",
    "inspector",
    "network",
    "pictures",
    "raster",
    "registration",
    "solution",
)
MAIN = '''\
"""Boards against their templates; see liudu/inspect/solution.py."""

import os
import sys
from pathlib import Path

# One thread, set before numpy loads its linear algebra.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

from liudu.inspect.solution import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent, sys.argv[1:]))
'''


class NotEmptyError(Refusal):
    """A bundle is never written over something else."""

    en = "{folder} is not empty: name a new folder, or empty it first."
    zh = "{folder} 不是空文件夹：请换一个新文件夹，或先将它清空。"


def pack(
    into: Path,
    *,
    task: Task,
    mode: Mode = "batch",
    weights: Path = WEIGHTS,
    score_min: float | None = None,
) -> None:
    """Write the bundle.

    Parameters
    ----------
    into
        A new or empty folder.
    task
        `detect` answers boxes; `classify` answers defective or ok.
    mode
        How the trial speaks to it.
    weights
        See `liudu.inspect.training.save`.
    score_min
        The operating threshold; by default the one chosen on the validation pairs.

    Raises
    ------
    NotEmptyError
        When `into` holds something.

    """
    if into.exists() and any(into.iterdir()):
        raise NotEmptyError(folder=into)
    modules = into / "liudu" / "inspect"
    modules.mkdir(parents=True)
    # Packages of their own, so that a liudu that is installed beside is never mixed in.
    (into / "liudu" / "__init__.py").touch()
    (modules / "__init__.py").touch()
    for name in MODULES:
        shutil.copyfile(HERE / f"{name}.py", modules / f"{name}.py")
    shutil.copyfile(weights, into / "weights.npz")
    (into / "main.py").write_text(MAIN, encoding="utf-8")
    chosen = default_score_min(task) if score_min is None else score_min
    settings = {"task": task, "score_min": chosen, "weights": "weights.npz"}
    _write_json(into / "settings.json", settings)
    _write_json(into / "liudu-solution.json", manifest(task=task, mode=mode))


def default_score_min(task: Task) -> float:
    """Return the threshold chosen on the validation pairs, see MODEL_CARD.md."""
    settings = json.loads(SETTINGS.read_text(encoding="utf-8"))
    return float(settings["score_min"][task])


def manifest(*, task: Task, mode: Mode) -> dict[str, Any]:
    """Return the manifest of a bundle."""
    entry = ["python3", "main.py", "--mode", mode]
    return {
        "contract": CONTRACT,
        "name": f"liudu-inspect-{task}",
        "version": VERSION,
        "vendor": "Liudu",
        "entry": entry,
        "mode": mode,
        "tasks": [task],
        "runtime": {"use": "python", "needs": ["numpy", "opencv-python-headless"]},
        "resources": {"cpu": 1, "memory_mib": 512, "gpu": {"count": 0}},
        "warmup": {"items": 1, "timeout_s": 30},
        "licence": "Apache-2.0",
        "description": "Finds defects on printed boards by comparing with a template.",
    }


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
