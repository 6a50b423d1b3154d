"""Levels have names that a protocol can use."""

import pytest

from liudu.sandbox import Level, UnknownLevelError


@pytest.mark.parametrize("level", list(Level))
def test_a_level_is_found_by_its_name(level):
    assert Level.named(str(level)) is level


def test_an_unknown_level_is_refused_with_those_there_are():
    with pytest.raises(UnknownLevelError, match="process, landlock, bwrap") as caught:
        Level.named("jail")
    assert "没有名为 'jail'" in caught.value.say("zh")
