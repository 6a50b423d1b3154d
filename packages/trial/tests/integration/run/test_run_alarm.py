"""Time series: a look never cuts a series, and the future is not shown."""

from liudu.acceptance import Promise
from liudu.trial.looks import Scorekeeper
from liudu.trial.seal import seal

STEPS = 40
DETECT = """
import json, sys
for line in sys.stdin:
    item = json.loads(line)
    if item["op"] == "end":
        break
    alarm = float(item["data"]["cases"]) > 50
    print(json.dumps({"id": item["id"], "alarm": alarm}), flush=True)
"""


def sealed_series(bench, *, series):
    rows = ["series,t,event,data.cases"]
    for number in range(series):
        for step in range(STEPS):
            outbreak = 20 <= step < 25
            event = f"e{number}" if outbreak else ""
            rows.append(f"s{number},{step:03},{event},{90 if outbreak else 5}")
    (bench.base / "data").mkdir()
    (bench.base / "labels.csv").write_text("\n".join(rows) + "\n")
    targets = [
        {"metric": "miss_rate", "op": "<", "limit": 0.3},
        {"metric": "false_alarm_rate", "op": "<=", "limit": 0.2},
    ]
    promise = {"task": "alarm", "mode": "stream", "level": "process", "targets": targets}
    return seal(
        bench.base / "data",
        labels=bench.base / "labels.csv",
        promise=Promise.from_mapping(promise),
        into=bench.base / "seal",
        at=bench.moment,
        simulated=True,
    )


def test_alarms_run_to_the_end_and_are_judged(bench):
    sealed = sealed_series(bench, series=30)
    ended = bench.run(sealed, bench.solution(DETECT, mode="stream", tasks=["alarm"]))
    assert ended.result["reason"] == "ok"
    assert ended.result["targets"][0]["events"] == 0
    assert ended.verdict == "passed"


def test_looks_stop_at_the_end_of_a_series(bench):
    sealed = sealed_series(bench, series=120)
    solution = bench.solution(DETECT, mode="stream", tasks=["alarm"])
    ended = bench.run(sealed, solution, until_decided=True)
    assert ended.verdict == "passed"
    shown = [look["shown"] for look in ended.result["looks"]]
    assert all(count % STEPS == 0 for count in shown)
    assert shown[-1] < STEPS * 120


def test_a_scorekeeper_knows_where_series_end(bench):
    keeper = Scorekeeper(seal=sealed_series(bench, series=3))
    assert [keeper.whole(shown) for shown in (0, 39, 40, 79, 120)] == [0, 0, 40, 40, 120]
    assert [keeper.next_whole(shown) for shown in (1, 40, 41, 500)] == [40, 40, 80, 120]
