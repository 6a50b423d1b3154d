"""What is asked of each version of Landlock."""

import pytest

from liudu.sandbox import _landlock


@pytest.mark.parametrize(
    ("version", "access_count", "length"),
    [(1, 13, 8), (2, 14, 8), (3, 15, 8), (4, 15, 16), (5, 16, 16), (6, 16, 24), (7, 16, 24)],
)
def test_a_kernel_is_asked_for_no_more_than_it_knows(version, access_count, length):
    attributes = _landlock.ruleset(version)
    assert len(attributes) == length
    assert _landlock.all_access(version) == 2**access_count - 1
