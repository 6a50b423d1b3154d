"""A promised throughput of a batch is measured by chunks, each started and timed by itself."""

import pytest

from liudu.trial.journal import Journal

PACE = {
    "targets": [
        {"metric": "miss_rate", "op": "<", "limit": 0.2},
        {"metric": "overkill_rate", "op": "<=", "limit": 0.2},
        {"metric": "throughput_per_h", "op": ">=", "limit": 100},
    ]
}


def chunks_of(ended):
    journal = Journal(ended.folder / "journal.jsonl", now=lambda: None)
    return [event for event in journal.events if event["event"] == "chunk"]


def test_few_pieces_are_served_in_few_chunks_and_the_pace_is_bounded(bench):
    ended = bench.run(bench.seal(count=170, **PACE), bench.solution())
    pace = ended.result["targets"][2]
    assert [row["items"] for row in ended.result["measurements"]["servings"]] == [56, 57, 57]
    assert all(row["startup_s"] > 0 for row in ended.result["measurements"]["servings"])
    assert (pace["answer"], pace["method"], pace["note"]) == ("proved", "repeats", None)
    assert 100 < pace["lower"] < pace["point"]
    assert pace["point"] == pytest.approx(ended.result["measurements"]["throughput_per_h"])
    assert ended.result["measurements"]["answered"] == 170
    assert ended.verdict == "passed"


@pytest.mark.slow
def test_many_pieces_are_served_in_ten_chunks(bench):
    ended = bench.run(bench.seal(count=605, **PACE), bench.solution())
    sizes = [row["items"] for row in chunks_of(ended)]
    assert len(sizes) == 10
    assert set(sizes) == {60, 61}


def test_too_few_pieces_are_one_measurement_that_proves_no_pace(bench):
    ended = bench.run(bench.seal(count=149, **PACE), bench.solution())
    pace = ended.result["targets"][2]
    assert len(chunks_of(ended)) == 1
    assert (pace["answer"], pace["note"]) == ("not_yet", "one_measurement")
    assert pace["more_needed"]["no_further_error"] == 1
    assert ended.verdict == "undecided"


def test_a_batch_whose_pace_is_not_promised_is_started_once(bench):
    ended = bench.run(bench.seal(count=170), bench.solution())
    assert len(chunks_of(ended)) == 1


def test_the_owner_of_the_chunk_size_is_who_runs_it(bench):
    ended = bench.run(bench.seal(count=170, **PACE), bench.solution(), chunk_size=100)
    assert [row["items"] for row in chunks_of(ended)] == [100, 70]


def test_a_card_tells_each_chunk_how_many_items_it_holds(bench):
    code = bench.batch + (
        "\ncard = json.load(open(f'{IN}/trial.json'))\n"
        "assert card['item_count'] == sum(1 for _ in open(f'{IN}/items.jsonl')), card\n"
    )
    ended = bench.run(bench.seal(count=170, **PACE), bench.solution(code))
    assert ended.result["reason"] == "ok"


def test_the_owners_time_is_for_all_chunks_together(bench):
    slow = "import time\ntime.sleep(1.0)\n" + bench.batch
    sealed = bench.seal(count=170, limits={"wall_s": 2.5}, **PACE)
    ended = bench.run(sealed, bench.solution(slow))
    assert ended.result["reason"] == "timeout"
    assert "2.5 s" in ended.why["en"]
    assert [row["reason"] for row in chunks_of(ended)][-1] == "timeout"


@pytest.mark.slow
def test_a_pace_is_looked_at_in_equal_chunks(bench):
    ended = bench.run(bench.seal(count=400, **PACE), bench.solution(), until_decided=True)
    assert ended.verdict == "passed"
    assert {row["items"] for row in chunks_of(ended)} == {50}
    assert ended.result["targets"][2]["method"] == "repeats_in_turns"
