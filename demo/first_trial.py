"""One whole trial, from boards and a promise to a certificate, by commands that anyone can type.

Run: make trial           the files lie in var/first-trial afterwards
Each line that starts with `$` is a command that can be typed again by hand.
"""

import os
import shlex
import shutil
import subprocess
import sys
import time
import webbrowser
from pathlib import Path

ROOT = Path(__file__).parents[1]
HERE = Path("var") / "first-trial"
PIECES = 3000
SEED = 20261120

PROMISE = """\
# The promise of a board line, as a need owner would write it.
task: classify
positive: defective
mode: batch
level: process            # the weakest level allowed here, so that the demo runs anywhere
line: {pieces_per_h: 6000, positive_share: 0.01}
targets:
  - {metric: miss_rate,        op: "<",  limit: 0.01, confidence: 0.95, hoped: 0.002}
  - {metric: overkill_rate,    op: "<=", limit: 0.03, confidence: 0.95, hoped: 0.01}
  - {metric: throughput_per_h, op: ">=", limit: 6000}
"""

ZH = not (os.environ.get("LIUDU_LANG") or os.environ.get("LANG") or "").lower().startswith("en")


def say(*, zh, en):
    """Print one heading in the reader's language."""
    print("\n" + (zh if ZH else en), flush=True)


def do(command, *, may_answer_no=False):
    """Show a command as it would be typed, run it, and stop the demo if it fails."""
    command = command.format(here=HERE)
    print("$ " + command, flush=True)
    code = subprocess.run(shlex.split(command), cwd=ROOT, check=False, env=environment()).returncode
    if code and not (may_answer_no and code == 1):
        sys.exit(code)


def environment():
    """The demo signs with a key of its own, so that it leaves nothing outside var/first-trial."""
    return {**os.environ, "LIUDU_KEY": str(ROOT / HERE / "key.pem")}


def show(report):
    """Open the report where a browser can be expected; say where it lies in any case."""
    print(f"\n  {report}")
    screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if sys.stdout.isatty() and not os.environ.get("CI") and (screen or sys.platform == "darwin"):
        webbrowser.open(report.resolve().as_uri())


def main():
    started_s = time.monotonic()
    shutil.rmtree(ROOT / HERE, ignore_errors=True)
    (ROOT / HERE).mkdir(parents=True)
    (ROOT / HERE / "targets.yaml").write_text(PROMISE, encoding="utf-8")

    say(zh="一、要证明这份承诺，需要多少件样品？", en="1. How many pieces does the promise take?")
    do("liudu-trial plan {here}/targets.yaml")
    say(
        zh="二、生成模拟电路板（直到证书都标明是模拟数据）",
        en="2. Boards are simulated (and marked as such up to the certificate)",
    )
    do(
        "liudu-inspect simulate {here}/boards --task classify"
        f" --pieces {PIECES} --defect-rate 0.4 --seed {SEED}"
    )
    say(
        zh="三、封存：提交之前，数据、标签、规则、评分都已由哈希固定",
        en="3. Seal: hashes fix data, labels, rules and scorer before anyone submits",
    )
    do(
        "liudu-trial seal {here}/boards --labels {here}/boards/labels.csv"
        " --targets {here}/targets.yaml --out {here}/seal"
    )
    say(zh="四、供方打包方案，先在家自查", en="4. A vendor packs a solution and checks it at home")
    do("liudu-inspect pack {here}/solution --task classify")
    do("liudu-trial check {here}/solution")
    say(
        zh="五、试验：方案不可信，隔离运行，从外面测量",
        en="5. The trial: an untrusted solution, isolated, measured from outside",
    )
    do("liudu-trial run {here}/seal {here}/solution --out {here}/run", may_answer_no=True)
    say(zh="六、报告与证书", en="6. Report and certificate")
    do("liudu-trial report {here}/run")
    do("liudu-trial verify {here}/run/certificate.json")
    took_s = time.monotonic() - started_s
    say(zh=f"完成，用时 {took_s:.0f} 秒。报告：", en=f"Done in {took_s:.0f} s. The report:")
    show(ROOT / HERE / "run" / "report.html")


if __name__ == "__main__":
    main()
