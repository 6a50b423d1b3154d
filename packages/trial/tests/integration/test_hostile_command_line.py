"""Whatever happens, a command ends with a sentence, the right exit code and one JSON object."""

import errno
import json
import os
import signal
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from liudu.console import with_console
from liudu.contract import Refusal
from liudu.trial.cli import COMMANDS, main

ENGLISH = {"LIUDU_LANG": "en"}
CHINESE = {"LIUDU_LANG": "zh"}


def ended(error, *, json=False, language="en"):
    """Return what a command says that ends with an error."""

    @click.command()
    @with_console
    def command(console):
        raise error

    words = ["--lang", language, *(["--json"] if json else [])]
    return CliRunner().invoke(command, words)


class FullError(Refusal):
    en = zh = "full"
    machine = True


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["plan", "--json"], "MissingParameter"),
        (["plan", "a", "b", "--json"], "UsageError"),
        (["seal", "x", "--nope", "--json"], "NoSuchOption"),
        (["run", "--chunk", "0", "--json"], "BadParameter"),
        (["verify", "--issuer", "--json"], "MissingParameter"),
        (["nope", "--json"], "NoSuchCommand"),
    ],
)
def test_a_wrong_command_line_is_one_json_object_where_json_is_asked_for(words, code, language):
    result = CliRunner().invoke(main, words, env={"LIUDU_LANG": language})
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["code"] == code
    assert result.stderr == ""


def test_a_missing_argument_is_named_in_the_language_that_was_asked_for():
    zh = CliRunner().invoke(main, ["plan"], env=CHINESE)
    en = CliRunner().invoke(main, ["plan", "--lang", "en"], env=CHINESE)
    assert "缺少 TARGETS" in zh.stderr
    assert "Missing argument 'TARGETS'" in en.stderr
    assert (zh.exit_code, en.exit_code) == (2, 2)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_help_in_both_languages(name):
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0
    assert any("\u4e00" <= letter <= "\u9fff" for letter in result.output)
    assert " · " in result.output


def test_no_word_at_all_shows_what_can_be_said():
    result = CliRunner().invoke(main, [], env=ENGLISH)
    assert result.exit_code == 2
    assert "selftest" in result.stderr


@pytest.mark.parametrize(
    ("error", "exit_code", "code"),
    [
        (PermissionError(errno.EACCES, "no", "/sealed"), 2, "FileRefused"),
        (OSError(errno.ENAMETOOLONG, "long", "/x"), 2, "FileRefused"),
        (OSError(errno.ENOSPC, "full", "/x"), 3, "NoRoom"),
        (OSError(errno.EIO, "broken", "/x"), 3, "FileFailed"),
        (MemoryError(), 3, "OutOfOurMemory"),
        (ZeroDivisionError("ours"), 3, "Defect"),
        (FullError(), 3, "Full"),
        (KeyboardInterrupt(), 130, "InterruptedByHand"),
    ],
)
def test_what_the_system_says_becomes_a_sentence_and_never_the_exit_code_of_a_no(
    error, exit_code, code
):
    told = ended(error, json=True)
    assert told.exit_code == exit_code
    assert json.loads(told.stdout)["error"]["code"] == code
    said = ended(error)
    assert said.exit_code == exit_code
    assert said.stdout == ""
    assert "Traceback" not in said.stderr


def test_a_defect_of_ours_says_so_and_where():
    said = ended(ZeroDivisionError("ours"), language="zh")
    assert "Liudu 自身的缺陷" in said.stderr
    assert "test_hostile_command_line.py" in said.stderr


def test_a_polite_kill_is_taken_as_an_interruption():
    @click.command()
    @with_console
    def command(console):
        signal.raise_signal(signal.SIGTERM)

    assert CliRunner().invoke(command, []).exit_code == 130
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_reader_that_goes_away_ends_a_command_quietly(tmp_path):
    ours, theirs = os.pipe()
    os.close(ours)
    targets = tmp_path / "targets.yaml"
    targets.write_text(
        "task: classify\npositive: bad\ntargets:\n"
        "  - {metric: miss_rate, op: '<', limit: 0.1}\n"
        "  - {metric: overkill_rate, op: '<', limit: 0.1}\n"
    )
    program = "from liudu.trial.cli import main; main()"
    command = [sys.executable, "-c", program, "plan", str(targets)]
    done = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, check=False)
    os.close(theirs)
    assert done.returncode != 0
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["check", "nowhere"], ["run", "nowhere", "nowhere"]])
def test_a_path_that_is_not_there_is_refused_not_answered_with_no(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = CliRunner().invoke(main, [*words, "--json"])
    assert told.exit_code == 2
    assert "nowhere" in json.loads(told.stdout)["error"]["message"]
    assert list(tmp_path.iterdir()) == []
