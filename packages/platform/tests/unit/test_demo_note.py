"""What the demo says first on a machine that keeps trials apart less well."""

import pytest

from liudu.platform.commands.demo import tell_of_the_sandbox
from liudu.sandbox import Level


class Heard:
    """A console that keeps what it is told."""

    def __init__(self):
        self.zh = self.en = ""

    def say(self, *, zh, en):
        """Keep a sentence."""
        self.zh, self.en = zh, en


@pytest.mark.parametrize(
    ("level", "label"),
    [(Level.LANDLOCK, "landlock"), (Level.PROCESS, "process"), (None, "process")],
)
def test_a_weaker_sandbox_is_told_with_its_name_and_the_way_out(level, label):
    heard = Heard()
    tell_of_the_sandbox(heard, level=level)
    for said in (heard.zh, heard.en):
        assert label in said
        assert "liudu doctor" in said


@pytest.mark.parametrize("level", [Level.BWRAP, Level.GVISOR])
def test_nothing_is_said_where_nothing_is_missing(level):
    heard = Heard()
    tell_of_the_sandbox(heard, level=level)
    assert (heard.zh, heard.en) == ("", "")
