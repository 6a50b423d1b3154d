"""A machine that lacks a level says what to install or to set."""

import os

import pytest

from liudu.sandbox import Level, _available, _landlock, available


@pytest.fixture(autouse=True)
def fresh_answers():
    _available._lack.cache_clear()
    yield
    _available._lack.cache_clear()


def setting(tmp_path, value):
    path = tmp_path / str(value)
    path.write_text(f"{value}\n")
    return path


def test_without_bubblewrap_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "apt-get install bubblewrap" in available(Level.BWRAP)
    assert "未安装 bubblewrap" in available(Level.BWRAP, language="zh")


def test_an_old_bubblewrap_is_named_with_its_version(monkeypatch, tmp_path):
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho bubblewrap 0.6.1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert "0.6.1 is too old" in available(Level.BWRAP)


def test_a_strict_umask_does_not_take_a_level_away():
    before = [available(level) for level in (Level.LANDLOCK, Level.BWRAP)]
    _available._lack.cache_clear()
    was = os.umask(0o077)
    try:
        assert [available(level) for level in (Level.LANDLOCK, Level.BWRAP)] == before
    finally:
        os.umask(was)


def test_ubuntus_apparmor_rule_is_recognised(monkeypatch, tmp_path):
    monkeypatch.setattr(_available, "_APPARMOR", setting(tmp_path, 1))
    assert "apparmor_restrict_unprivileged_userns=0" in _available._userns_lack("no").say("en")


def test_kernels_without_user_namespaces_are_recognised(monkeypatch, tmp_path):
    monkeypatch.setattr(_available, "_APPARMOR", tmp_path / "absent")
    monkeypatch.setattr(_available, "_USERNS_CLONE", setting(tmp_path, 0))
    assert "unprivileged_userns_clone=1" in _available._userns_lack("no").say("en")
    monkeypatch.setattr(_available, "_USERNS_CLONE", tmp_path / "absent")
    monkeypatch.setattr(_available, "_USERNS_MAX", setting(tmp_path, 0))
    assert "user.max_user_namespaces" in _available._userns_lack("no").say("zh")


def test_any_other_failure_of_bubblewrap_is_quoted(monkeypatch, tmp_path):
    for name in ("_APPARMOR", "_USERNS_CLONE", "_USERNS_MAX"):
        monkeypatch.setattr(_available, name, tmp_path / "absent")
    assert "bwrap: no pivot" in _available._userns_lack("bwrap: no pivot").say("en")


@pytest.mark.parametrize(("abi", "said"), [(0, "no Landlock"), (2, "ABI 2 does not cover")])
def test_old_kernels_have_no_landlock_level(monkeypatch, abi, said):
    monkeypatch.setattr(_landlock, "abi", lambda: abi)
    assert said in available(Level.LANDLOCK)


def test_a_machine_without_a_table_of_calls_has_the_plain_process_only(monkeypatch):
    monkeypatch.setattr(_available._seccomp, "supported", lambda: False)
    assert "x86_64 or aarch64" in available(Level.BWRAP)
    assert available(Level.PROCESS) is None
    assert _available.best_level() is Level.PROCESS
