"""Limits end a run with the reason that names them."""

import os

import pytest

from liudu.contract import Reason
from liudu.sandbox import Level, Limits, run

BLOCK = """
block = bytearray({mib} << 20)
block[::4096] = b"x" * len(block[::4096])
import time; time.sleep({hold_s})
"""


def python(source: str) -> list[str]:
    return ["python3", "-I", "-S", "-c", source]


@pytest.mark.slow
def test_the_peak_memory_of_a_600_mib_block_is_measured_within_five_percent(level, mounts):
    source = BLOCK.format(mib=600, hold_s=0.1)
    outcome = run(python(source), mounts=mounts, level=level, limits=Limits(memory_mib=2048))
    assert outcome.reason is Reason.OK
    assert 600 <= outcome.memory_peak_mib <= 630


@pytest.mark.slow
def test_memory_that_children_share_with_their_parent_is_counted_once(level, mounts):
    source = BLOCK.format(mib=200, hold_s=0) + (
        "import os\n"
        "kids = []\n"
        "for _ in range(4):\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        time.sleep(0.4); os._exit(0)\n"
        "    kids.append(pid)\n"
        "for pid in kids: os.waitpid(pid, 0)\n"
    )
    outcome = run(python(source), mounts=mounts, level=level, limits=Limits(memory_mib=600))
    assert outcome.reason is Reason.OK
    assert 200 <= outcome.memory_peak_mib <= 240
    assert outcome.processes_peak == 5


def test_a_tree_above_its_memory_is_killed_as_oom(level, mounts):
    source = BLOCK.format(mib=300, hold_s=30)
    outcome = run(python(source), mounts=mounts, level=level, limits=Limits(memory_mib=128))
    assert (outcome.reason, outcome.killed_because) == (Reason.OOM, "memory")


def test_several_processes_together_above_the_memory_are_killed_as_oom(level, mounts):
    source = "import os\nfor _ in range(3): os.fork()\n" + BLOCK.format(mib=40, hold_s=30)
    outcome = run(python(source), mounts=mounts, level=level, limits=Limits(memory_mib=128))
    assert (outcome.reason, outcome.killed_because) == (Reason.OOM, "memory")


def test_a_run_that_sleeps_too_long_is_a_timeout(level, mounts):
    outcome = run(["sleep", "30"], mounts=mounts, level=level, limits=Limits(wall_s=0.3))
    assert (outcome.reason, outcome.killed_because) == (Reason.TIMEOUT, "wall")
    assert 0.3 <= outcome.wall_s < 5


def test_a_run_that_stops_itself_is_a_timeout_too(level, mounts):
    command = ["sh", "-c", "kill -STOP $$"]
    outcome = run(command, mounts=mounts, level=level, limits=Limits(wall_s=0.3))
    assert outcome.reason is Reason.TIMEOUT


@pytest.mark.slow
def test_a_run_that_computes_too_long_in_several_processes_is_a_timeout(level, mounts):
    limits = Limits(wall_s=60, cpu_s=0.7)
    loop = "while :; do :; done"
    one, two = (
        run(["sh", "-c", script], mounts=mounts, level=level, limits=limits)
        for script in (loop, f"({loop}) & {loop}")
    )
    for outcome in (one, two):
        assert (outcome.reason, outcome.killed_because) == (Reason.TIMEOUT, "cpu")
        assert outcome.cpu_s >= 0.9 * limits.cpu_s
    assert two.cpu_s < 1.6 * one.cpu_s  # were one of the two not counted, it would be twice


@pytest.mark.slow
def test_the_cpu_of_children_that_have_ended_is_counted(level, mounts):
    source = (
        "import os, time\n"
        "for _ in range(4):\n"
        "    if os.fork() == 0:\n"
        "        while time.process_time() < 0.1: pass\n"
        "        os._exit(0)\n"
        "    os.wait()\n"
        "print(sum(os.times()[:4]))\n"
    )
    outcome = run(python(source), mounts=mounts, level=level, limits=Limits(wall_s=60))
    kernel_s = float(outcome.stdout)  # most of it the children's
    assert 0.8 * kernel_s <= outcome.cpu_s <= 1.5 * kernel_s


def test_the_cost_of_the_sandbox_is_not_charged_to_the_solution(level, mounts, limits):
    before_s = sum(os.times()[2:4])
    outcome = run(["true"], mounts=mounts, level=level, limits=limits)
    spent_s = sum(os.times()[2:4]) - before_s
    assert outcome.cpu_s < 0.5 * spent_s


@pytest.mark.slow
def test_two_gigabytes_on_one_line_neither_block_nor_fill_the_memory(level, mounts, limits):
    source = "import os\nline = b'x' * (1 << 20)\nfor _ in range(2048): os.write(1, line)\n"
    outcome = run(python(source), mounts=mounts, level=level, limits=limits)
    assert outcome.reason is Reason.OK
    assert outcome.stdout == b"x" * (64 << 10)
    assert outcome.stdout_truncated


def test_stderr_is_kept_to_its_cap(level, mounts):
    command = ["sh", "-c", "head -c 100000 /dev/zero >&2; echo no"]
    outcome = run(command, mounts=mounts, level=level, limits=Limits(stderr_kib=1))
    assert len(outcome.stderr) == 1024
    assert outcome.stderr_truncated
    assert outcome.stdout == b"no\n"
    assert not outcome.stdout_truncated


def test_a_file_above_the_output_size_is_bad_output(level, mounts):
    limits = Limits(output_mib=4, wall_s=30)
    command = ["sh", "-c", "exec head -c 8000000 /dev/zero > $LIUDU_OUT/big"]
    outcome = run(command, mounts=mounts, level=level, limits=limits)
    assert outcome.reason in {Reason.BAD_OUTPUT, Reason.CRASH}
    assert (mounts.output / "big").stat().st_size <= 4 << 20


def test_a_command_that_fails_of_its_full_output_is_bad_output_not_a_crash(level, mounts):
    write = "block = b'x' * (1 << 20)\nfor _ in range(9): f.write(block); f.flush()"
    source = f"import os\nf = open(os.environ.get('LIUDU_OUT', 'out') + '/big', 'wb')\n{write}"
    output = "/out" if level is Level.BWRAP else str(mounts.output)
    limits = Limits(output_mib=4, wall_s=30)
    environment = {"LIUDU_OUT": output}
    outcome = run(
        python(source), mounts=mounts, level=level, limits=limits, environment=environment
    )
    assert (outcome.reason, outcome.killed_because) == (Reason.BAD_OUTPUT, "output")
    assert b"File too large" in outcome.stderr


def test_many_files_above_the_output_size_are_bad_output(level, mounts):
    limits = Limits(output_mib=4, wall_s=30)
    script = "for i in 1 2 3 4; do head -c 3000000 /dev/zero > $LIUDU_OUT/$i; done; sleep 30"
    outcome = run(["sh", "-c", script], mounts=mounts, level=level, limits=limits)
    assert (outcome.reason, outcome.killed_because) == (Reason.BAD_OUTPUT, "output")


def test_a_program_that_was_built_for_32_bits_is_a_violation(bwrap, mounts, limits):
    source = "import os, signal\nos.kill(os.getpid(), signal.SIGSYS)"
    outcome = run(python(source), mounts=mounts, level=bwrap, limits=limits)
    assert outcome.reason is Reason.SANDBOX_VIOLATION


@pytest.mark.bwrap
def test_tmp_is_capped_and_gone_afterwards(bwrap, mounts):
    limits = Limits(tmp_mib=4, wall_s=30)
    command = ["sh", "-c", "head -c 8000000 /dev/zero > /tmp/x; wc -c < /tmp/x"]
    outcome = run(command, mounts=mounts, level=bwrap, limits=limits)
    assert int(outcome.stdout) == 4 << 20


def test_numpy_works_within_the_default_limits(level, mounts):
    pytest.importorskip("numpy")
    source = "import numpy; a = numpy.ones((500, 500)); print(int((a @ a).sum()))"
    command = ["python3", "-c", source]
    outcome = run(command, mounts=mounts, level=level, limits=Limits(wall_s=60))
    assert outcome.stdout == b"125000000\n", outcome.stderr


def test_the_level_is_ordered():
    assert Level.PROCESS < Level.LANDLOCK < Level.BWRAP < Level.GVISOR < Level.OCI < Level.SITE
