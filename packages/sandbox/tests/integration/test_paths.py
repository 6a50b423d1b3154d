"""What a run is shown, and under which names."""

import subprocess
import sys
import tempfile
from pathlib import Path

import attrs
import pytest

from liudu.contract import Reason
from liudu.sandbox import ClosedFolderError, Mounts, NoFolderError, claim_slot, run, start
from liudu.sandbox._selftest import ordinary

ORDINARY = """
import tempfile, sys
from pathlib import Path
from liudu.sandbox import Level, Mounts, available, python_runtime, run
level = Level[sys.argv[1]]
base = Path(tempfile.mkdtemp())
for name in ("app", "in", "out"): (base / name).mkdir()
mounts = Mounts(app=base / "app", inputs=base / "in", output=base / "out",
                read_only=python_runtime())
outcome = run(["python3", "-c", "import attrs, os; print(os.getuid())"], mounts=mounts, level=level)
print(outcome.reason, outcome.stdout, outcome.stderr, outcome.failure)
"""


def test_python_inside_is_the_running_one_with_its_packages(level, mounts, limits):
    source = "import attrs, sys; print(sys.prefix)"
    outcome = run(["python3", "-c", source], mounts=mounts, level=level, limits=limits)
    assert outcome.reason is Reason.OK, outcome.stderr
    assert outcome.stdout.decode().strip() == sys.prefix


def test_a_runtime_below_tmp_is_shown_too(level, mounts, limits):
    runtime = mounts.app.parent / "runtime"
    (runtime / "bin").mkdir(parents=True)
    (runtime / "bin" / "greet").write_text("#!/bin/sh\necho from the runtime\n")
    (runtime / "bin" / "greet").chmod(0o755)
    for folder in (runtime, runtime / "bin"):
        folder.chmod(0o755)
    own = attrs.evolve(mounts, read_only=(runtime,))

    outcome = run(["greet"], mounts=own, level=level, limits=limits)

    assert runtime.is_relative_to(tempfile.gettempdir())
    assert outcome.stdout == b"from the runtime\n", outcome.stderr


@pytest.mark.slow
def test_an_ordinary_user_gets_the_same_level_as_root(as_root, level):
    with claim_slot() as slot:
        command = ordinary([sys.executable, "-c", ORDINARY, level.name], uid=slot.uid)
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == f"ok b'{slot.uid}\\n' b'' \n", done.stderr


def test_folders_below_a_closed_one_are_shown_without_opening_it(as_root, level, mounts, limits):
    home = mounts.app.parent / "home"
    for name in ("app", "in", "out"):
        (home / name).mkdir(parents=True)
    (home / "in" / "item").write_text("seen")
    (home / "diary").write_text("secret")
    home.chmod(0o700)
    own = Mounts(
        app=home / "app", inputs=home / "in", output=home / "out", read_only=mounts.read_only
    )
    script = f"cat $LIUDU_IN/item; echo done > $LIUDU_OUT/x; cat {home}/diary"
    outcome = run(["sh", "-c", script], mounts=own, level=level, limits=limits)
    assert outcome.stdout == b"seen"
    assert b"diary" in outcome.stderr
    assert (home / "out" / "x").read_text() == "done\n"
    assert home.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_is_closed_itself_is_refused_with_the_way_out(as_root, level, mounts, limits):
    mounts.app.chmod(0o700)
    with pytest.raises(ClosedFolderError, match=r"mode 700.*chmod o\+rx"):
        run(["true"], mounts=mounts, level=level, limits=limits)


def test_a_folder_that_is_not_there_is_refused(level, mounts, limits):
    mounts.inputs.rmdir()
    with pytest.raises(NoFolderError, match="cannot be shown as inputs"):
        run(["true"], mounts=mounts, level=level, limits=limits)


def test_the_paths_inside_are_told_and_in_the_environment(level, mounts, limits):
    command = ["sh", "-c", "pwd; echo $LIUDU_IN; echo $LIUDU_OUT"]
    with start(command, mounts=mounts, level=level, limits=limits, stream=True) as running:
        said = b""
        while chunk := running.stdout.read(4096):
            said += chunk
        paths = running.paths
    assert said.decode().split() == [paths.app, paths.inputs, paths.output]


def test_the_environment_of_the_runner_is_not_passed_on(monkeypatch, level, mounts, limits):
    monkeypatch.setenv("LIUDU_SECRET", "1234")
    outcome = run(
        ["env"], mounts=mounts, level=level, limits=limits, environment={"LIUDU_CONTRACT": "x/1"}
    )
    names = {line.split(b"=")[0] for line in outcome.stdout.splitlines()}
    assert names - {b"PWD"} == {
        b"PATH", b"HOME", b"TMPDIR", b"LANG", b"LIUDU_IN", b"LIUDU_OUT", b"LIUDU_CONTRACT"
    }  # fmt: skip


def test_a_stream_answers_line_by_line(level, mounts, limits):
    source = "import sys\nfor line in sys.stdin: print(line.strip() * 2, flush=True)"
    command = ["python3", "-c", source]
    with start(command, mounts=mounts, level=level, limits=limits, stream=True) as running:
        for line in (b"a", b"bc"):
            running.stdin.write(line + b"\n")
            assert running.stdout.readline() == line * 2 + b"\n"
        running.stdin.close()
        assert running.stdout.read() == b""
        assert running.wait().reason is Reason.OK


def test_the_output_belongs_to_the_slot_and_can_be_collected(level, mounts, limits):
    with claim_slot() as slot:
        command = ["sh", "-c", "echo x > $LIUDU_OUT/y"]
        run(command, mounts=mounts, level=level, limits=limits, slot=slot)
        assert (mounts.output / "y").stat().st_uid == slot.uid


def test_core_dumps_are_off_and_nothing_runs_with_more_rights(level, mounts, limits):
    command = ["sh", "-c", "ulimit -c; grep NoNewPrivs /proc/self/status || echo NoNewPrivs: 1"]
    outcome = run(command, mounts=mounts, level=level, limits=limits)
    assert outcome.stdout.split() == [b"0", b"NoNewPrivs:", b"1"]


def test_the_runner_keeps_no_open_files_after_runs(level, mounts, limits):
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        run(["true"], mounts=mounts, level=level, limits=limits)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
