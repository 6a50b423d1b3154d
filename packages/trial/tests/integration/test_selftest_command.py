"""``liudu-trial selftest``: the level that is had, what got through, the way to a stronger one."""

import json

import pytest
from click.testing import CliRunner

from liudu.sandbox import Attack, Level, SelfTest, available
from liudu.trial.cli import main
from liudu.trial.commands import selftest

LACK = {
    "en": "bwrap is not installed: apt install bubblewrap",
    "zh": "未安装 bwrap：请安装 bubblewrap",
}


def attack(name, *, blocked, control=True):
    return Attack(
        name=name,
        en=f"{name} en",
        zh=f"{name} 中文",
        blocked=blocked,
        control=control,
        detail="why",
    )


@pytest.fixture
def machine(monkeypatch):
    """A machine without bubblewrap, whose landlock lets one attack through."""
    attacks = (attack("one", blocked=True), attack("two", blocked=False))
    test = SelfTest(level=Level.LANDLOCK, attacks=attacks, startup_ms=12.0)
    monkeypatch.setattr(
        selftest, "selftest", lambda level: test if level is Level.LANDLOCK else None
    )
    monkeypatch.setattr(
        selftest,
        "available",
        lambda level, language="en": LACK[language] if level is Level.BWRAP else None,
    )


def run(*arguments):
    return CliRunner().invoke(main, ["selftest", *arguments])


@pytest.mark.usefixtures("machine")
def test_the_next_weaker_level_is_tried_where_the_strongest_cannot_be_had():
    result = run("--json")

    answer = json.loads(result.stdout)
    assert (answer["level"], answer["holds"], result.exit_code) == ("landlock", False, 1)
    assert [a["blocked"] for a in answer["attacks"]] == [True, False]
    assert answer["missing"] == {"bwrap": LACK["en"]}


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("en", ["✓ one en", "✗ two en  (why)", "1 of 2 attacks blocked", "stronger level bwrap"]),
        ("zh", ["✓ one 中文", "✗ two 中文  (why)", "2 种攻击中拦住 1 种", "更强的级别 bwrap"]),
    ],
)
def test_people_read_every_attack_and_what_a_stronger_level_needs(language, sentences):
    result = run("--lang", language)

    assert [sentence for sentence in sentences if sentence not in result.stdout] == []
    assert LACK[language] in result.stdout


@pytest.mark.parametrize("level", ["oci", "gvisor", "site"])
def test_a_level_that_is_only_a_name_is_refused_with_what_is_missing(level):
    result = run("--level", level, "--lang", "en")

    assert result.exit_code != 0
    assert level in result.stdout + result.stderr


@pytest.mark.bwrap
@pytest.mark.slow
@pytest.mark.skipif(
    available(Level.BWRAP) is not None, reason=f"no bubblewrap: {available(Level.BWRAP)}"
)
def test_bubblewrap_holds_against_every_attack_on_this_machine():
    answer = json.loads(run("--level", "bwrap", "--json").stdout)

    assert [a["name"] for a in answer["attacks"] if not a["blocked"]] == []
    assert len(answer["attacks"]) >= 28
    assert answer["holds"]
