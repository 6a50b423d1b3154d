"""What the weaker levels let through is found out, not believed."""

import pytest

from liudu.sandbox import Level, LevelNotBuiltError, available, best_level, selftest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def as_process():
    return selftest(Level.PROCESS)


def test_a_plain_process_reads_the_labels_and_the_self_test_says_so(as_process):
    attacks = {attack.name: attack for attack in as_process.attacks}
    assert attacks["read_sealed_labels"].control
    assert not attacks["read_sealed_labels"].blocked
    assert not as_process.holds


@pytest.mark.parametrize(
    "name", ["leave_daemon", "fork_bomb", "allocate_memory", "link_output_to_labels"]
)
def test_even_a_plain_process_is_limited_and_cleaned_up(as_process, name):
    attack = {attack.name: attack for attack in as_process.attacks}[name]
    assert attack.control
    assert attack.blocked, attack.detail


def test_landlock_hides_the_labels_and_the_host_and_says_what_it_cannot():
    if lack := available(Level.LANDLOCK):
        pytest.skip(lack)
    found = selftest(Level.LANDLOCK)
    allowed = {attack.name for attack in found.attacks if not attack.blocked}
    # Before Linux 6.12 (ABI 6) signals to processes of the same uid are not covered.
    assert allowed <= {"stat_sealed_labels", "signal_host_process"}


def test_the_best_level_is_one_that_starts():
    assert available(best_level()) is None


@pytest.mark.parametrize("level", [Level.GVISOR, Level.OCI, Level.SITE])
def test_a_level_that_is_only_a_name_is_refused_with_what_is_missing(level):
    with pytest.raises(LevelNotBuiltError, match="no driver yet"):
        selftest(level)
