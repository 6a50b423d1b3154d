"""The self-test does not stumble over processes that end by themselves."""

import os
from pathlib import Path

from liudu.sandbox import _selftest


def test_a_daemon_that_ends_between_the_look_and_the_kill_is_no_error(monkeypatch, tmp_path: Path):
    told, tell = os.pipe()
    os.set_blocking(told, False)
    gone_pid = 2**22 + 1  # above the largest pid that Linux gives
    monkeypatch.setattr(_selftest, "_daemons", lambda _token: [gone_pid])
    scene = _selftest._Scene(base=tmp_path, about={"daemon": "nobody"}, told=told)
    results = {
        "leave_daemon": [True, ""],
        "signal_host_process": [False, ""],
        "link_output_to_labels": [False, ""],
    }
    _selftest._seen_from_outside(results, scene=scene, control=True)
    os.close(told)
    os.close(tell)
    assert results["leave_daemon"] == [True, "it lived on"]
