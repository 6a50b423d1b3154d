"""What every outbreak benchmark says of itself: the machine, the day, and where the data lie."""

import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def machine() -> str:
    """Cores, processor and Python of this machine."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].partition(":")[2].strip() if lines else model
    return f"{os.cpu_count()} cores, {model}, Python {platform.python_version()}"


def record(name, result):
    """Write bench/results/NAME.json."""
    today = datetime.now(UTC).date().isoformat()  # noqa: TID251 - a benchmark says its day
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    content = {"machine": machine(), "date": today, **result}
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    print(f"→ bench/results/{path.name}")


def data(relative):
    """Return a file of the data folder, or end with a word on where to get it."""
    folder = Path(os.environ.get("LIUDU_DATA", Path(__file__).parents[2] / "shared" / "data"))
    path = folder / relative
    if not path.exists():
        sys.exit(f"{relative} is not in {folder}: set LIUDU_DATA to the folder that holds it.")
    return path


def shown(figure):
    """Write a figure with its interval for a table."""
    if figure["value"] is None:
        return "–"
    low, high = figure["interval"]
    return f"{figure['value']:.4f} [{low:.4f}, {high:.4f}]"
