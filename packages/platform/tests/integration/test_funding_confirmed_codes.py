"""Whoever claims a company's public credit code does not get what bureaus know of it."""

import pytest

from liudu.platform.actors import SYSTEM, Role
from liudu.platform.funding.models import Subject
from liudu.platform.funding.services import subject_for_organisation
from liudu.platform.identity import services as identity

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]
CODE = "91350100M000100Y43"


@pytest.fixture
def known(at):
    """What a bureau's list told of a company."""
    return Subject.objects.create(kind="enterprise", ref=CODE, name="真公司", created_at=at)


@pytest.fixture
def claimed(at, person, actor, organisation):
    """A company that somebody founded with that code."""
    user = person("stranger@example.com")
    by = actor(user, of=organisation("别家"))
    return identity.found_organisation(
        by=by, at=at, name="自称的公司", kind="company", user=user, credit_code=CODE
    )


def test_a_claimed_code_joins_nothing(at, known, claimed):
    mine = subject_for_organisation(at=at, organisation=claimed)
    assert mine != known
    known.refresh_from_db()
    assert known.organisation is None


@pytest.fixture
def officer(person, actor, organisation):
    bureau = organisation("场景办", kind="bureau")
    return actor(person("officer@example.com", of=bureau, roles=[Role.OFFICER]), of=bureau)


def test_a_code_that_the_office_confirmed_joins_what_the_bureau_knows(at, known, claimed, officer):
    before = subject_for_organisation(at=at, organisation=claimed)
    confirmed = identity.confirm_credit_code(by=officer, at=at, organisation=claimed)
    assert subject_for_organisation(at=at, organisation=confirmed) == known
    before.refresh_from_db()
    assert before.organisation is None


def test_another_code_has_to_be_confirmed_again(at, claimed):
    confirmed = identity.confirm_credit_code(by=SYSTEM, at=at, organisation=claimed)
    edited = identity.edit_organisation(by=SYSTEM, at=at, organisation=confirmed, name="自称的公司")
    assert edited.credit_code_confirmed_at is None
    with pytest.raises(identity.organisations.NoCreditCodeError):
        identity.confirm_credit_code(by=SYSTEM, at=at, organisation=edited)
