"""The conformance kit as data: its samples, and the sentence for each failure."""

import attrs
import pytest

from liudu.contract import (
    TASKS,
    Labelled,
    Manifest,
    NotJsonError,
    Reason,
    Refusal,
    Resources,
    item_line,
    kit,
    parse_item,
)
from liudu.contract.kit import Ran, SampleName

BATCH = Manifest(
    name="a",
    version="1",
    entry=("./a",),
    mode="batch",
    tasks=("classify",),
    resources=Resources(memory_mib=64),
)
STREAM = attrs.evolve(BATCH, mode="stream")
SHOWN = {sample.name: sample for sample in kit.samples("classify")}


class EndedBadlyError(Refusal):
    en = "It ended badly."
    zh = "结束不正常。"


def good(name=SampleName.PLAIN):
    answers = {item.id: Labelled(item.id, "ok") for item in SHOWN[name].items}
    return Ran(reason=Reason.OK, predictions=answers, startup_s=0.1, memory_peak_mib=20)


def bad(reason, **facts):
    return Ran(reason=reason, why=EndedBadlyError(), exit_code=1, **facts)


def judged(manifest=BATCH, **runs):
    runs = {SampleName(name): ran for name, ran in runs.items()}
    found = kit.judge_runs(runs, manifest=manifest, shown=SHOWN)
    return {finding.check.name: finding for finding in found}


def all_good(manifest=BATCH, **changes):
    return judged(manifest, **{str(name): good(name) for name in SampleName} | changes)


def states(found):
    return {name: finding.state for name, finding in found.items() if finding.state != "passed"}


@pytest.mark.parametrize("task", TASKS)
def test_samples_can_be_written_and_name_only_files_that_they_bring(task):
    samples = kit.samples(task)

    assert samples[0].name is SampleName.PLAIN
    for sample in samples:
        assert [parse_item(item_line(item), line_number=1) for item in sample.items] == list(
            sample.items
        )
        named = {item.path for item in sample.items} - {None}
        named |= {path for item in sample.items for path in item.companions.values()}
        assert named == sample.files.keys()
        assert sample.truth.keys() == {item.id for item in sample.items}


@pytest.mark.parametrize("task", ["classify", "detect", "value"])
def test_pictures_are_whole_except_the_two_damaged_ones(task):
    whole = {sample.name: sample.files for sample in kit.samples(task)}
    size = len(b"P5\n64 64\n255\n") + 64 * 64

    assert {len(data) for data in whole[SampleName.PLAIN].values()} == {size}
    assert sorted(len(data) for data in whole[SampleName.DAMAGED].values())[:2] == [0, size // 2]


def test_a_solution_that_does_all_well_passes_every_check():
    assert states(all_good()) == {}
    assert states(all_good(STREAM)) == {}


def test_a_failed_plain_run_leaves_the_other_checks_untried_and_not_passed():
    found = judged(plain=bad(Reason.CRASH))

    assert states(found) == {
        "ends": "failed",
        "answers": "skipped",
        "offline": "skipped",
        "unusual": "skipped",
        "damaged": "skipped",
        "repeatable": "skipped",
    }


@pytest.mark.parametrize(
    ("reason", "check"),
    [
        (Reason.CRASH, "ends"),
        (Reason.TIMEOUT, "in_time"),
        (Reason.OOM, "memory"),
        (Reason.BAD_OUTPUT, "format"),
        (Reason.MISSING_ITEMS, "answers"),
        (Reason.SANDBOX_VIOLATION, "inside"),
    ],
)
@pytest.mark.parametrize("manifest", [BATCH, STREAM], ids=lambda manifest: manifest.mode)
def test_every_bad_end_fails_exactly_one_check_and_explains_it_twice(reason, check, manifest):
    found = judged(manifest, plain=bad(reason))

    failed = [name for name, finding in found.items() if finding.state == "failed"]
    assert failed == [check]
    assert found[check].en
    assert any("一" <= letter <= "鿿" for letter in found[check].zh)


def test_noise_on_standard_output_is_explained_in_stream_mode_only():
    noise = NotJsonError(line_number=1, what="x", value="loaded")
    ran = Ran(reason=Reason.BAD_OUTPUT, why=noise)

    assert "print all else to stderr" in judged(STREAM, plain=ran)["format"].en
    assert "stderr" not in judged(BATCH, plain=ran)["format"].en


@pytest.mark.parametrize(
    ("stderr", "advice"),
    [
        ("ModuleNotFoundError: No module named 'cv2.dnn'", '"needs": ["cv2"]'),
        ("OSError: [Errno 30] Read-only file system: 'x'", "only LIUDU_OUT and /tmp"),
        ("OSError: [Errno 101] Network is unreachable", "reach the network"),
        ("OSError: [Errno 28] No space left on device", "is small; work on one item"),
        ("MemoryError", "ran out of memory"),
        ("sh: 1: cannot open /in/x: No such file or directory", "LIUDU_IN and LIUDU_OUT"),
    ],
)
def test_the_last_words_of_a_crash_become_advice(stderr, advice):
    assert advice in judged(plain=bad(Reason.CRASH, stderr=stderr))["ends"].en


def test_more_memory_than_the_manifest_names_is_a_failure_also_when_the_run_ended_well():
    found = all_good(again=attrs.evolve(good(SampleName.AGAIN), memory_peak_mib=65))

    assert states(found) == {"memory": "failed"}
    assert "It used 65 MiB, its manifest names 64 MiB" in found["memory"].en


def test_a_slow_start_is_measured_against_the_manifest():
    slow = attrs.evolve(good(), startup_s=31.0)

    assert states(all_good(STREAM, plain=slow)) == {"in_time": "failed"}
    assert states(all_good(BATCH, plain=slow)) == {}


def test_changed_files_of_the_solution_are_a_failure():
    assert states(all_good(plain=attrs.evolve(good(), app_changed=True))) == {"inside": "failed"}


def test_a_level_that_lets_the_network_through_proves_nothing_of_it():
    found = all_good(plain=attrs.evolve(good(), network_blocked=False))

    assert states(found) == {"offline": "skipped"}


def test_advice_is_a_warning_and_no_failure():
    changed = {name: Labelled(name, "defective") for name in good().predictions}
    found = all_good(
        damaged=bad(Reason.CRASH),
        again=attrs.evolve(good(SampleName.AGAIN), predictions=changed),
    )

    assert states(found) == {"damaged": "warned", "repeatable": "warned"}
