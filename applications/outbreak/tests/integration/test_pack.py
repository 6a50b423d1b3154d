"""The packed solution as a trial meets it: a plain process, one line at a time."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from liudu.contract import Manifest, read_predictions
from liudu.outbreak.benchmark import NoLabelsError
from liudu.outbreak.cli import main
from liudu.outbreak.detectors import UnknownDetectorError, detect
from liudu.outbreak.pack import (
    AlphaRangeError,
    BundleNotEmptyError,
    event_numbers,
    pack,
    write_questions,
)
from liudu.outbreak.series import SeriesTable
from liudu.outbreak.simulate import SCENARIOS, simulate
from liudu.outbreak.solution import Settings, Watcher

WEEKS = 330
HR = Settings(detector="hr", alpha=0.01, year_weeks=52.0)


@pytest.fixture(scope="module")
def counts():
    grid = simulate(
        seed=5, replicates=1, scenarios=SCENARIOS[18:20], past_sizes=(), current_sizes=(10,)
    )
    return grid.counts(past_size=0, current_size=10)[:, -WEEKS:].astype(float)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed") / "bundle"
    pack(folder, settings=HR)
    return folder


def started(bundle):
    environment = {"PATH": os.environ["PATH"], "HOME": str(bundle.parent)}
    return subprocess.Popen(
        [sys.executable, "main.py"],
        cwd=bundle,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def steps(counts):
    for series, row in enumerate(counts):
        for step, count in enumerate(row):
            data = {"series": f"r{series}", "step": step, "count": int(count)}
            yield {"op": "item", "id": f"{series}-{step}", "data": data}


def test_the_manifest_of_a_bundle_is_valid(bundle):
    data = (bundle / "liudu-solution.json").read_bytes()

    manifest = Manifest.parse(data, file="liudu-solution.json")

    assert manifest.mode == "stream"
    assert manifest.tasks == ("alarm",)


@pytest.mark.slow
def test_each_step_is_answered_once_before_the_next_is_asked(bundle, counts):
    process = started(bundle)
    answers = []
    for message in steps(counts):
        process.stdin.write(json.dumps(message) + "\n")
        process.stdin.flush()
        answers.append(process.stdout.readline())  # would wait for ever if it wanted the next
    rest, errors = process.communicate('{"op":"end"}\n', timeout=60)

    assert (process.returncode, rest, errors) == (0, "", "")
    ids = {message["id"] for message in steps(counts)}
    read = read_predictions(
        [line.encode() for line in answers], task="alarm", ids=ids, classes=frozenset()
    )
    whole = detect(counts, at=np.arange(WEEKS), name="hr", year_weeks=52.0)
    decided = whole.alarms(alpha=0.01)
    found = np.array([[read[f"{s}-{t}"].alarm for t in range(WEEKS)] for s in range(len(counts))])
    assert np.array_equal(found, decided)
    assert found.any()


@pytest.mark.slow
def test_a_bundle_mixes_nothing_installed_in_and_runs_from_a_folder_it_cannot_write(bundle):
    look = (
        "import sys; sys.path.insert(0, '.'); import liudu.outbreak.solution\n"
        "print(*(m.__file__ for n, m in sys.modules.items() if n.startswith('liudu')), sep='\\n')"
    )
    before = {path: path.stat().st_mode for path in [bundle, *bundle.rglob("*")]}
    for path in before:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        loaded = subprocess.run(
            [sys.executable, "-B", "-c", look], cwd=bundle, capture_output=True, check=True
        )
        process = started(bundle)
        out, errors = process.communicate('{"op":"end"}\n', timeout=110)
    finally:
        for path, mode in before.items():
            path.chmod(mode)

    assert (process.returncode, out, errors) == (0, "", "")
    assert all(str(bundle) in line for line in loaded.stdout.decode().split())


def answered(watcher, values, *, series="a"):
    return [
        watcher.answer({"id": str(step), "data": {"series": series, "step": step, "count": value}})
        for step, value in enumerate(values)
    ]


def test_an_answer_never_depends_on_what_comes_later():
    rng = np.random.default_rng(1)
    first = rng.poisson(5, 80).tolist()
    calm, wild = Watcher(HR), Watcher(HR)

    answers = answered(calm, [*first, 5, 5, 5]), answered(wild, [*first, 500, 900, 900])

    assert answers[0][:80] == answers[1][:80]
    assert answers[1][80]["alarm"]
    assert answers[1][80]["score"] > answers[0][80]["score"]


def test_series_are_kept_apart_and_a_series_that_begins_again_is_new():
    rng = np.random.default_rng(2)
    values = rng.poisson(4, 60).tolist()
    alone, beside = Watcher(HR), Watcher(HR)
    answered(beside, [90] * 60, series="b")
    answered(beside, [1] * 30, series="a")

    assert answered(alone, values) == answered(beside, values)


@pytest.mark.parametrize("count", [None, "", "many", True, -3, float("inf")])
def test_a_count_that_is_not_known_never_alarms(count):
    watcher = Watcher(HR)
    answered(watcher, [3] * 40)

    answer = watcher.answer({"id": "x", "data": {"series": "a", "step": 40, "count": count}})

    assert answer == {"id": "x", "alarm": False, "score": 0.0}


def test_a_long_series_forgets_only_what_no_detector_looks_back_to():
    rng = np.random.default_rng(3)
    values = rng.poisson(6, 2300)
    watcher = Watcher(HR)
    answers = answered(watcher, values.tolist())

    whole = detect(values[None, :].astype(float), at=[2299], name="hr", year_weeks=52.0)

    assert answers[-1]["alarm"] == bool(whole.alarms(alpha=0.01)[0, 0])
    assert len(watcher._histories["a"].counts[0]) <= 4096


def test_neighbouring_weeks_are_one_outbreak():
    labelled = np.array([True, True, False, False, True, False, True])

    assert event_numbers(labelled).tolist() == [1, 1, 0, 0, 2, 0, 3]


def table(*, labels):
    return SeriesTable(
        columns=("district",),
        keys=(("甲区",),),
        calendar="counted",
        first_week=1,
        counts=np.array([[1.0, np.nan, 9.0]]),
        outbreak=np.array([[False, False, True]]) if labels else None,
    )


def test_questions_hold_counts_and_outbreaks_and_no_names_of_places(tmp_path):
    assert write_questions(tmp_path / "q", table(labels=True), simulated=True) == (3, 1)

    text = (tmp_path / "q" / "labels.csv").read_text(encoding="utf-8")
    assert text.splitlines() == [
        "series,t,event,data.count", "s00001,0,,1", "s00001,1,,", "s00001,2,s00001-1,9",
    ]  # fmt: skip
    assert (tmp_path / "q" / "data" / "simulated.json").is_file()


def test_questions_without_a_labelled_week_are_refused(tmp_path):
    with pytest.raises(NoLabelsError):
        write_questions(tmp_path / "q", table(labels=False), simulated=False)
    assert not (tmp_path / "q").exists()


def test_a_bundle_is_never_written_over_something_else(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")

    with pytest.raises(BundleNotEmptyError, match="not empty"):
        pack(tmp_path, settings=HR)


def test_settings_that_cannot_be_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(UnknownDetectorError):
        pack(tmp_path / "a", settings=Settings(detector="crystal", alpha=0.01, year_weeks=52.0))
    with pytest.raises(AlphaRangeError):
        pack(tmp_path / "a", settings=Settings(detector="hr", alpha=1.5, year_weeks=52.0))
    assert list(tmp_path.iterdir()) == []


def test_the_command_packs_and_says_the_digest(tmp_path):
    done = CliRunner().invoke(
        main, ["pack", str(tmp_path / "b"), "--detector", "farrington", "--json"]
    )

    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["digest"].startswith("sha256:")
    settings = json.loads((tmp_path / "b" / "settings.json").read_text())
    assert settings["detector"] == "farrington"
