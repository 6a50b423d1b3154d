"""Every attack is tried at bwrap, and each must be blocked."""

import pytest

from liudu.sandbox import Level, available, selftest
from liudu.sandbox._attacks import KINDS

pytestmark = [pytest.mark.bwrap, pytest.mark.slow]


@pytest.fixture(scope="module")
def attacks():
    lack = available(Level.BWRAP)
    if lack is not None:
        pytest.skip(lack)
    return {attack.name: attack for attack in selftest(Level.BWRAP).attacks}


@pytest.mark.parametrize("name", [kind.name for kind in KINDS])
def test_bwrap_blocks(attacks, name):
    attack = attacks[name]
    assert attack.blocked, attack.detail
    if not attack.control:
        pytest.skip(f"blocked, but this machine or account forbids it already: {attack.en}")


def test_the_attacks_are_at_least_the_28_of_the_threat_model():
    assert len({kind.name for kind in KINDS}) == len(KINDS) >= 28
