"""On which machine and day a figure was measured; where the data lie and the result is written."""

import json
import os
import platform
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results"
DATA = Path(os.environ.get("LIUDU_DATA", ROOT.parent / "shared" / "data"))


def processor():
    """Return the processor's name and the number of cores."""
    lines = Path("/proc/cpuinfo")
    names = lines.read_text(encoding="utf-8").splitlines() if lines.is_file() else []
    name = next((n.split(":", 1)[1].strip() for n in names if n.startswith("model name")), "")
    return f"{name or platform.processor()}, {os.cpu_count()} cores, {platform.system()}"


def write_result(name, content):
    """Write bench/results/NAME.json with machine and date."""
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    head = {
        "machine": f"{processor()}, Python {platform.python_version()}",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }
    text = json.dumps({**head, **content}, indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    print(f"→ {path.relative_to(ROOT)}")
