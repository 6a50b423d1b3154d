"""How a command speaks and how it ends."""

import errno
import json

import click
import pytest
from click.testing import CliRunner

from liudu.console import (
    EXIT_INFRA,
    EXIT_INTERRUPTED,
    EXIT_REFUSED,
    Commands,
    Console,
    as_refusal,
    with_console,
)
from liudu.contract import Refusal


class TooShortError(Refusal):
    en = "{given} is too short: write at least {length_min} letters."
    zh = "{given} 太短：至少写 {length_min} 个字。"


def command(work):
    @click.command()
    @with_console
    def told(console):
        work(console)

    return told


def refused(console):
    raise TooShortError(given="a", length_min=3)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [(["--lang", "zh"], "a 太短：至少写 3 个字。"), (["--lang", "en"], "a is too short")],
)
def test_a_refusal_is_said_in_the_language_asked_for(options, sentence):
    result = CliRunner().invoke(command(refused), options)
    assert result.exit_code == EXIT_REFUSED
    assert sentence in result.stderr


def test_with_json_a_refusal_is_one_object_with_its_facts():
    result = CliRunner().invoke(command(refused), ["--json", "--lang", "en"])
    told = json.loads(result.stdout)["error"]
    assert told["code"] == "TooShort"
    assert told["facts"] == {"given": "a", "length_min": 3}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENOSPC, "", "a"), EXIT_INFRA),
        (OSError(errno.EACCES, "", "a"), EXIT_REFUSED),
        (MemoryError(), EXIT_INFRA),
        (KeyboardInterrupt(), EXIT_INTERRUPTED),
        (ZeroDivisionError("x"), EXIT_INFRA),
    ],
)
def test_every_end_has_its_exit_code_and_a_sentence(error, code):
    def fail(console):
        raise error

    result = CliRunner().invoke(command(fail), [])
    assert result.exit_code == code
    assert result.stderr.startswith("✗ ")
    assert "Traceback" not in result.stderr


def test_a_defect_of_ours_is_named_with_its_place():
    with pytest.raises(ZeroDivisionError) as caught:
        _ = 1 / 0
    assert "test_console.py" in as_refusal(caught.value).say("en")


def test_columns_stand_below_each_other_in_chinese_too(capsys):
    Console(language="zh", json=False).table([["名称", "数"], ["ab", "1"]])
    assert capsys.readouterr().out == "名称  数\nab    1\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--lang", "zh", "nothing"], "没有"),
        (["nothing"], "没有命令 nothing"),
    ],
)
def test_a_wrong_command_line_is_said_in_words(words, sentence):
    group = click.group(cls=Commands, modules={"known": "nowhere"})(lambda: None)
    result = CliRunner().invoke(group, words, env={"LIUDU_LANG": "zh"})
    assert result.exit_code == EXIT_REFUSED
    assert sentence in result.stderr
