"""What a stream does with solutions of every temper."""

import itertools
import json
import resource

import attrs
import numpy as np
import pytest

from liudu.contract import Item, Manifest, Reason, Warmup
from liudu.sandbox import Level, Limits, claim_slot
from liudu.trial import clock
from liudu.trial.serve_batch import serve_batch
from liudu.trial.serve_stream import serve_stream
from liudu.trial.serving import Clock, Isolation, Terms

ECHO = """
import json, sys
for line in sys.stdin:
    item = json.loads(line)
    if item["op"] == "end":
        break
    print(json.dumps({"id": item["id"], "label": "ok"}), flush=True)
"""


@attrs.frozen(kw_only=True)
class Solution:
    folder: object
    manifest: Manifest


@pytest.fixture
def serve(tmp_path):
    """Return a function that serves 40 items to a program and returns how that ended."""
    (tmp_path / "app").mkdir()

    def served(code, *, count=40, window=4, timeout_s=20.0, items=None, batch=False, **options):
        (tmp_path / "app" / "main.py").write_text(code)
        mode = "batch" if batch else "stream"
        manifest = Manifest(
            name="s",
            version="1",
            entry=("python3", "main.py"),
            mode=mode,
            warmup=Warmup(timeout_s=options.pop("warmup_timeout_s", 20)),
        )
        way = serve_batch if batch else serve_stream
        with claim_slot() as slot:
            return way(
                Solution(folder=tmp_path / "app", manifest=manifest),
                items=items or [Item(id=f"id{number}") for number in range(count)],
                pieces=tmp_path,
                terms=Terms(
                    task="classify",
                    mode=mode,
                    classes=("ok", "bad"),
                    window=window,
                    item_timeout_s=timeout_s,
                ),
                into=tmp_path / "serving",
                isolation=Isolation(level=Level.PROCESS, limits=Limits(wall_s=60), slot=slot),
                clock=options.pop("clock", Clock(now=clock.now)),
                **options,
            )

    return served


def test_every_item_is_answered_once_and_timed_in_order(serve):
    ended = serve(ECHO)
    assert ended.reason is Reason.OK
    assert len(ended.predictions) == 40
    sent, answered = ended.timings.T
    assert (sent <= answered).all()
    assert (np.diff(sent) >= 0).all()
    assert (np.diff(ended.done_at_s) >= 0).all()
    assert ended.done_at_s[-1] <= ended.wall_s


def test_answers_may_come_in_any_order_within_the_window(serve):
    code = """
import json, sys
held = []
for line in sys.stdin:
    item = json.loads(line)
    if item["op"] == "end":
        break
    held.append(item["id"])
    if len(held) == 4:
        for name in reversed(held):
            print(json.dumps({"id": name, "label": "ok"}))
        sys.stdout.flush()
        held = []
"""
    ended = serve(code)
    assert ended.reason is Reason.OK
    sent, answered = ended.timings.T
    assert (sent <= answered).all()


def test_no_more_than_the_window_is_ever_in_flight(serve):
    code = """
import json, os, select, sys
most, held = 0, []
buffer = b""
while True:
    while data := os.read(0, 65536):
        buffer += data
        if not select.select([0], [], [], 0.02)[0]:
            break
    *lines, buffer = buffer.split(b"\\n")
    items = [json.loads(line) for line in lines]
    most = max(most, sum(item["op"] == "item" for item in items))
    for item in items:
        if item["op"] == "end":
            sys.stderr.write(str(most))
            raise SystemExit
        print(json.dumps({"id": item["id"], "label": "ok"}), flush=True)
"""
    ended = serve(code, window=7)
    assert ended.reason is Reason.OK
    assert int(ended.outcome.stderr) == 7


def test_warm_up_is_answered_first_and_neither_timed_nor_kept(serve):
    warmup = [Item(id="w1"), Item(id="w2"), Item(id="w3")]
    ended = serve(ECHO, warmup=warmup)
    assert ended.reason is Reason.OK
    assert set(ended.predictions) == {f"id{number}" for number in range(40)}
    assert ended.startup_s > 0


def test_the_files_of_an_item_appear_when_it_is_sent_and_not_before(serve, tmp_path):
    (tmp_path / "items").mkdir()
    items = []
    for number in range(6):
        (tmp_path / "items" / f"{number}.bin").write_bytes(b"x")
        items.append(Item(id=f"id{number}", path=f"items/{number}.bin"))
    code = """
import json, os, sys
for line in sys.stdin:
    item = json.loads(line)
    if item["op"] == "end":
        break
    sys.stderr.write(f"{len(os.listdir(os.environ['LIUDU_IN'] + '/items'))} ")
    print(json.dumps({"id": item["id"], "label": "ok"}), flush=True)
"""
    ended = serve(code, items=items, window=1)
    assert ended.reason is Reason.OK
    assert ended.outcome.stderr == b"1 2 3 4 5 6 "


@pytest.mark.parametrize(
    ("code", "reason", "says"),
    [
        ("print('hello', flush=True); import time; time.sleep(60)", Reason.BAD_OUTPUT, "not JSON"),
        (ECHO.replace('item["id"]', '"id39"'), Reason.BAD_OUTPUT, "not sent yet"),
        (ECHO.replace('item["id"]', '"x"'), Reason.BAD_OUTPUT, "not the id of an item"),
        (ECHO.replace('item["id"]', '"id0"'), Reason.BAD_OUTPUT, "again"),
        (ECHO.replace('"ok"', '"perhaps"'), Reason.BAD_OUTPUT, "perhaps"),
        (ECHO.replace('"label": "ok"', '"label": "ok", "score": float("nan")'),
         Reason.BAD_OUTPUT, "NaN"),
        ("raise SystemExit(4)", Reason.CRASH, "exit code 4"),
        ("import sys; sys.stdin.readline()", Reason.MISSING_ITEMS, "40 of 40"),
        (ECHO.replace("break", "raise SystemExit(5)"), Reason.CRASH, "exit code 5"),
        (ECHO + "print(json.dumps({'id': 'id0', 'label': 'ok'}))\n", Reason.BAD_OUTPUT, "again"),
    ],
)  # fmt: skip
def test_every_bad_end_has_its_reason_and_sentence(serve, code, reason, says):
    ended = serve(code)
    assert ended.reason is reason
    assert says in ended.why.say("en")
    assert ended.why.say("zh")
    assert len(ended.predictions) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import time; time.sleep(60)", "Item 1 of 40"),
        (ECHO.replace("    print", "    if item['id'] != 'id7': print"), "Item 8 of 40"),
        (ECHO + "import time; time.sleep(60)", "end"),
    ],
)
def test_a_solution_that_stops_answering_is_stopped_and_told_where(serve, code, says):
    ended = serve(code, timeout_s=0.5)
    assert ended.reason is Reason.TIMEOUT
    assert says in ended.why.say("en")
    assert "0.5 s" in ended.why.say("en")


@pytest.mark.slow
def test_a_warm_up_that_does_not_end_is_stopped(serve):
    ended = serve("import time; time.sleep(60)", warmup=[Item(id="w1")], warmup_timeout_s=0.3)
    assert ended.reason is Reason.TIMEOUT


def test_a_flood_without_a_line_feed_is_cut_and_takes_no_memory(serve):
    code = "import os\nwhile True: os.write(1, b'x' * (1 << 20))"
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ended = serve(code)
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
    assert ended.reason is Reason.BAD_OUTPUT
    assert "longer than" in ended.why.say("en")
    assert grown_kib < 32 * 1024


def test_items_larger_than_the_pipe_are_sent_whole(serve):
    items = [Item(id=f"id{n}", data={"text": "x" * 200_000}) for n in range(5)]
    ended = serve(ECHO, items=items, window=3)
    assert ended.reason is Reason.OK
    assert len(ended.predictions) == 5


def test_looks_come_while_nothing_is_in_flight_and_their_time_is_not_counted(serve):
    ticks = itertools.count()
    paused = []

    def look(predictions, timings):
        assert np.isfinite(timings).all()
        assert len(timings) == len(predictions)
        paused.append(len(predictions))
        for _ in range(100_000):
            next(ticks)
        return len(predictions) >= 50

    slow_clock = Clock(now=clock.now, monotonic=lambda: next(ticks) * 1e-3)
    ended = serve(ECHO, count=400, look=look, clock=slow_clock, timeout_s=1e9)
    assert ended.reason is Reason.OK
    assert paused == [32, 41, 52]
    assert len(ended.predictions) == 52
    assert ended.wall_s < 100


def test_answers_of_a_batch_are_timed_as_they_appear_and_not_before(serve):
    code = """
import json, os, time
with open(os.environ["LIUDU_OUT"] + "/predictions.jsonl", "w") as out:
    for number in range(40):
        print(json.dumps({"id": f"id{number}", "label": "ok"}), file=out, flush=True)
        time.sleep(0.01)
"""
    ended = serve(code, batch=True)
    assert ended.reason is Reason.OK
    assert len(set(ended.done_at_s.tolist())) > 3
    assert (np.diff(ended.done_at_s) >= 0).all()
    assert ended.done_at_s[-1] <= ended.wall_s


def test_answers_that_are_written_early_and_decided_late_count_at_the_end(serve):
    code = """
import json, os, time
path = os.environ["LIUDU_OUT"] + "/predictions.jsonl"
def write(label):
    with open(path, "r+" if os.path.exists(path) else "w") as out:
        for number in range(40):
            print(json.dumps({"id": f"id{number}", "label": label}), file=out)
write("bad")
time.sleep(0.3)
write("ok ".strip() + "")
open(path, "w").close()
write("ok")
"""
    ended = serve(code, batch=True)
    assert ended.reason is Reason.OK
    assert ended.done_at_s.tolist() == [ended.wall_s] * 40


def test_a_batch_says_how_far_it_is(serve):
    code = """
import json, os, time
with open(os.environ["LIUDU_OUT"] + "/predictions.jsonl", "w") as out:
    for number in range(40):
        print(json.dumps({"id": f"id{number}", "label": "ok"}), file=out, flush=True)
    time.sleep(0.2)
"""
    told = []
    serve(code, batch=True, on_answers=told.append)
    assert told
    assert told[-1] == 40
    assert json.dumps(told) == json.dumps(sorted(told))
