"""The audit as services use it."""

import pytest

from liudu.platform.actors import SYSTEM
from liudu.platform.audit.decisions import START, digest_of
from liudu.platform.audit.services import record

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]


def test_a_line_covers_the_line_before(at):
    first, second = (
        record(at=at, by=SYSTEM, verb="city.pack.loaded", subject_kind="pack", subject_key=key)
        for key in ("one", "two")
    )
    assert (first.number, first.previous) == (1, START)
    assert second.previous == first.digest
    assert second.digest == digest_of(previous=first.digest, content=second.content)
