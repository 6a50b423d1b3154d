"""Certificates are filed, released, shown, revoked, and verified each time they are looked at."""

import json
from datetime import timedelta

import pytest
import supplies

from liudu.platform.actors import Role
from liudu.platform.supply import queries, services
from liudu.platform.supply.models import Certificate
from liudu.platform.supply.services import certificates
from liudu.trial import certificate as credentials
from liudu.trial import keys

pytestmark = [pytest.mark.django_db, pytest.mark.everywhere]
AT = supplies.AT


@pytest.fixture(autouse=True)
def key(settings, tmp_path):
    """The platform's key, in a place of its own."""
    settings.PRIVATE = tmp_path / "private"
    settings.CERTIFICATE_KEY = tmp_path / "key.pem"
    return supplies.platform_key(settings)


@pytest.fixture
def whose():
    """A vendor."""
    return supplies.vendor()


@pytest.fixture
def officer():
    """Somebody of the bureau."""
    return supplies.party("场景办", Role.OFFICER, kind="bureau")


@pytest.fixture
def version(whose):
    """A version that conforms."""
    return supplies.conforming(whose, supplies.solution(whose))


@pytest.fixture
def filed(version, key):
    """A certificate of a trial that passed, not released."""
    need = supplies.need(supplies.party("明州光电", Role.NEED_OWNER))
    return supplies.filed(version, need, key=key)


def release(filed, officer):
    """Release and return it."""
    return services.release_certificate(by=officer.actor, at=AT, trial_key=filed.trial_key)


def answers(certificate):
    """Return what each check says."""
    examined = queries.examine(queries.certificate_for(certificate.key), at=AT)
    return {each.name: each.answer for each in examined.looked}


def test_a_day_is_told_as_it_is_in_the_city(filed, officer):
    evening = AT.replace(hour=17)  # the next day in Suzhou
    release(filed, officer)
    services.revoke_certificate(by=officer.actor, at=evening, certificate=filed, reason="错")
    with pytest.raises(certificates.RevokedAlreadyError) as refusal:
        services.revoke_certificate(by=officer.actor, at=evening, certificate=filed, reason="错")
    next_day = str(AT.date() + timedelta(days=1))
    assert next_day in refusal.value.say("zh")
    revoked = queries.certificate_for(filed.key)
    words = {each.name: each.words.zh for each in queries.examine(revoked, at=evening).looked}
    assert next_day in words["revoked"]


def test_a_genuine_certificate_is_verified_in_words(filed):
    examined = queries.examine(filed, at=AT)
    assert examined.valid
    assert answers(filed) == dict.fromkeys(
        ["signature", "issuer", "validity", "record", "revoked"], "yes"
    )
    assert "漏检率" in examined.targets[0].words.zh
    assert examined.targets[0].upper == 0.0487


def test_a_trial_has_one_certificate_however_often_it_is_filed(filed, version, key):
    again = supplies.filed(version, filed.need, key=key, verdict="failed")
    assert again.pk == filed.pk
    assert again.verdict == "passed"


def test_what_is_not_intact_is_not_filed(version, filed, key):
    document = supplies.document(key, digest=version.digest)
    document["credentialSubject"]["verdict"] = "failed"
    with pytest.raises(certificates.NotIntactError):
        services.file_certificate(
            by=supplies.party("x").actor,
            at=AT,
            version=version,
            need=filed.need,
            trial_key="another00001",
            verdict="failed",
            document=document,
        )
    assert Certificate.objects.count() == 1


def test_a_changed_document_is_found_out(filed):
    document = json.loads(json.dumps(filed.document))
    document["credentialSubject"]["targets"][0]["upper"] = 0.001
    Certificate.objects.filter(pk=filed.pk).update(document=document)
    assert answers(filed)["signature"] == "no"


def test_a_changed_record_is_found_out(filed):
    Certificate.objects.filter(pk=filed.pk).update(verdict="failed")
    assert answers(filed)["record"] == "no"


def test_anybody_can_make_a_key_but_it_is_not_the_platforms(filed, version, tmp_path):
    stranger, _ = keys.load_or_make(tmp_path / "stranger.pem")
    forged = supplies.document(stranger, digest=version.digest)
    Certificate.objects.filter(pk=filed.pk).update(document=forged)
    assert answers(filed)["signature"] == "yes"
    assert answers(filed)["issuer"] == "no"


def test_a_former_key_of_the_platform_is_still_trusted(filed, settings, key, tmp_path):
    settings.CERTIFICATE_KEY = tmp_path / "new.pem"
    supplies.platform_key(settings)
    assert answers(filed)["issuer"] == "no"
    settings.CERTIFICATE_ISSUERS = [key.did]
    assert answers(filed)["issuer"] == "yes"


def test_a_document_without_form_is_told_so(filed):
    Certificate.objects.filter(pk=filed.pk).update(document={"hello": 1})
    assert answers(filed) == {"form": "no"}


def test_the_stored_document_is_the_very_one_that_was_signed(filed, key, version):
    signed = supplies.document(key, digest=version.digest)
    stored = Certificate.objects.get(pk=filed.pk).document
    assert credentials.digest(stored) == credentials.digest(signed)


def test_a_release_that_passed_proves_the_solution(filed, officer, version):
    assert supplies.fresh(version.solution).proven_at is None
    released = release(filed, officer)
    assert released.released_at == AT
    assert supplies.fresh(version.solution).proven_at == AT


def test_nothing_is_shown_before_it_is_released(filed, whose):
    with pytest.raises(certificates.NotReleasedError):
        services.show_certificate(by=whose.actor, at=AT, certificate=filed, public=True)


def test_a_revoked_certificate_says_so_and_proves_nothing(filed, officer, version):
    release(filed, officer)
    services.revoke_certificate(by=officer.actor, at=AT, certificate=filed, reason="标签有误")
    examined = queries.examine(queries.certificate_for(filed.key), at=AT)
    assert not examined.valid
    assert "标签有误" in examined.looked[-1].words.zh
    assert supplies.fresh(version.solution).proven_at is None
    with pytest.raises(certificates.RevokedAlreadyError):
        services.revoke_certificate(by=officer.actor, at=AT, certificate=filed, reason="x")


def test_a_solution_stays_proven_while_another_certificate_says_so(filed, officer, version, key):
    release(filed, officer)
    second = supplies.filed(version, filed.need, key=key, trial_key="trial0000002")
    release(second, officer)
    services.revoke_certificate(by=officer.actor, at=AT, certificate=filed, reason="标签有误")
    assert supplies.fresh(version.solution).proven_at == AT


def test_revoking_needs_a_reason(filed, officer):
    with pytest.raises(certificates.ReasonMissingError):
        services.revoke_certificate(by=officer.actor, at=AT, certificate=filed, reason=" ")
