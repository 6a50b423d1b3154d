"""A certificate proves what it says, and nothing of it can be changed unseen."""

import copy
import json
import stat
from datetime import timedelta

import base58
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from liudu.trial import certificate, keys

# W3C Data Integrity EdDSA Cryptosuites 1.0, appendix B: key pair and signed document.
W3C_PRIVATE = "3u2en7t5LR2WtQH5PfFqMqwVHBeXouLzo6haApm8XHqvjxq"
W3C_PUBLIC = "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2"
W3C_CONTEXT = [
    "https://www.w3.org/ns/credentials/v2",
    "https://www.w3.org/ns/credentials/examples/v2",
]
W3C_DOCUMENT = {
    "@context": W3C_CONTEXT,
    "id": "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33",
    "type": ["VerifiableCredential", "AlumniCredential"],
    "name": "Alumni Credential",
    "description": "A minimum viable example of an Alumni Credential.",
    "issuer": "https://vc.example/issuers/5678",
    "validFrom": "2023-01-01T00:00:00Z",
    "credentialSubject": {"id": "did:example:abcdefgh", "alumniOf": "The School of Examples"},
}
W3C_PROOF = {
    "type": "DataIntegrityProof",
    "cryptosuite": "eddsa-jcs-2022",
    "created": "2023-02-24T23:36:38Z",
    "verificationMethod": f"https://vc.example/issuers/5678#{W3C_PUBLIC}",
    "proofPurpose": "assertionMethod",
    "@context": W3C_CONTEXT,
}
W3C_VALUE = (
    "z63t83Y53KfzJ5ZosfKTnqfMcKB2dmTrfjSaQjeNNjAD5srBowQfmWqeRb8rRjmeEuCBEsddF9LsVogtuTsijJKh4"
)


def issue(make_result, key, at, **more):
    return certificate.issue(make_result(**more), key=key, at=at, need="PCB 外观检测")


@pytest.fixture
def signed(make_result, key, at):
    return issue(make_result, key, at)


def test_the_proof_is_the_one_that_the_w3c_published():
    private = Ed25519PrivateKey.from_private_bytes(base58.b58decode(W3C_PRIVATE)[2:])
    signature = private.sign(certificate.hash_data(W3C_DOCUMENT, proof=W3C_PROOF))
    assert "z" + base58.b58encode(signature).decode() == W3C_VALUE
    assert keys.did_of(private.public_key()) == f"did:key:{W3C_PUBLIC}"


def test_a_signature_of_the_w3c_fits_and_an_altered_document_does_not():
    did, value = f"did:key:{W3C_PUBLIC}", base58.b58decode(W3C_VALUE[1:])
    message = certificate.hash_data(W3C_DOCUMENT, proof=W3C_PROOF)
    other = certificate.hash_data({**W3C_DOCUMENT, "name": "Other"}, proof=W3C_PROOF)
    assert keys.signed_by(did, signature=value, message=message)
    assert not keys.signed_by(did, signature=value, message=other)


def test_a_certificate_says_what_was_tried_and_is_intact(signed, key, at):
    found = certificate.verify(signed, at=at)
    assert found.intact
    assert found.accepted
    assert found.issuer == key.did
    subject = found.subject
    assert subject["verdict"] == "passed"
    assert subject["need"] == {"name": "PCB 外观检测"}
    assert subject["solution"]["digest"].startswith("sha256:")
    assert set(subject["seal"]) == {"commitment", "data", "labels", "protocol", "scorer"}
    assert subject["targets"][0]["metric"] == "miss_rate"
    assert subject["targets"][0]["upper"] == 0.00189
    assert subject["simulated"] is False
    assert subject["attempts"] == {"count": 1, "reasons": ["ok"]}


def test_the_same_result_and_key_make_the_same_certificate(make_result, key, at):
    assert issue(make_result, key, at) == issue(make_result, key, at)


def test_a_certificate_survives_a_file_and_other_white_space(signed, at):
    content = json.dumps(signed, indent=7, ensure_ascii=True).encode()
    assert certificate.verify(certificate.parse(content), at=at).intact


def leaves(value, path=()):
    if isinstance(value, dict):
        return [leaf for name in value for leaf in leaves(value[name], (*path, name))]
    if isinstance(value, list):
        return [leaf for place, each in enumerate(value) for leaf in leaves(each, (*path, place))]
    return [path]


def put(document, path, value):
    changed = copy.deepcopy(document)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return changed


def is_caught(document, at):
    try:
        return not certificate.verify(document, at=at).intact
    except (certificate.NotACertificateError, keys.NotADidKeyError):
        return True


def other_than(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return f"{value}x"


def test_every_single_leaf_that_is_altered_is_caught(signed, at):
    for path in leaves(signed):
        value = signed
        for step in path:
            value = value[step]
        assert is_caught(put(signed, path, other_than(value)), at), path


SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(0, 1) | st.text(max_size=9)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_leaf_takes_another_value_unseen(data):
    at = certificate.datetime(2026, 11, 20, tzinfo=certificate.UTC)
    document = SIGNED
    path = data.draw(st.sampled_from(leaves(document)))
    old = document
    for step in path:
        old = old[step]
    new = data.draw(SCALARS.filter(lambda value: value != old or type(value) is not type(old)))
    if (
        isinstance(new, int | float)
        and isinstance(old, int | float)
        and not (isinstance(new, bool) or isinstance(old, bool))
    ):
        new = old + 1 if new == old else new  # 1 and 1.0 are one number in JSON
    assert is_caught(put(document, path, new), at)


def test_a_field_that_is_added_or_taken_away_is_caught(signed, at):
    assert is_caught({**signed, "note": "better than it was"}, at)
    for name in signed:
        assert is_caught({key: value for key, value in signed.items() if key != name}, at)
    subject = {**signed["credentialSubject"], "award": "gold"}
    assert is_caught({**signed, "credentialSubject": subject}, at)


def test_another_key_cannot_sign_in_the_name_of_the_first(signed, tmp_path, at):
    thief = keys.load_or_make(tmp_path / "thief.pem")[0]
    unsecured = {name: value for name, value in signed.items() if name != "proof"}
    forged = certificate.sign(unsecured, key=thief, at=at)
    with pytest.raises(certificate.NotACertificateError, match="verificationMethod"):
        certificate.verify(forged, at=at)
    forged["proof"]["verificationMethod"] = signed["proof"]["verificationMethod"]
    assert not certificate.verify(forged, at=at).intact


def test_only_the_expected_or_trusted_issuer_is_accepted(signed, key, tmp_path, at):
    other = keys.load_or_make(tmp_path / "other.pem")[0].did
    assert certificate.verify(signed, at=at, issuer=key.did).accepted
    assert not certificate.verify(signed, at=at, issuer=other).accepted
    named = certificate.verify(signed, at=at, trust={key.did: "苏州试验中心"})
    assert named.accepted
    assert named.issuer_name == "苏州试验中心"
    assert not certificate.verify(signed, at=at, trust={other: "somebody"}).accepted


def test_production_takes_a_passed_trial_on_real_data_from_a_known_issuer(signed, key, at):
    assert certificate.verify(signed, at=at, issuer=key.did, production=True).accepted
    unknown = certificate.verify(signed, at=at, production=True)
    assert refusals(unknown) == {"production.issuer"}


def refusals(verification):
    return {check.name for check in verification.checks if check.answer == "no"}


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"simulated": True}, "production.data"),
        ({"verdict": "undecided"}, "production.verdict"),
        ({"verdict": "failed"}, "production.verdict"),
        ({"level": {"asked": "landlock", "had": "landlock"}}, "production.level"),
        ({"level": {"asked": "gvisor", "had": "bwrap"}}, "production.level"),
        ({"level": {"asked": "bwrap", "had": "unheard-of"}}, "production.level"),
    ],
)
def test_production_refuses_what_may_not_carry_a_decision(make_result, key, at, change, refusal):
    result = {**make_result(verdict=change.get("verdict", "passed")), **change}
    signed = certificate.issue(result, key=key, at=at, need="PCB")
    found = certificate.verify(signed, at=at, issuer=key.did, production=True)
    assert found.intact
    assert refusals(found) == {refusal}


def test_a_run_weaker_than_its_protocol_is_refused_for_production(make_result, key, at):
    signed = certificate.issue(make_result(), key=key, at=at, need="PCB", required_level="oci")
    found = certificate.verify(signed, at=at, issuer=key.did, production=True)
    assert refusals(found) == {"production.level"}


def test_a_certificate_is_valid_between_its_two_moments(make_result, key, at):
    until = at + timedelta(days=365)
    status = {"type": "BitstringStatusListEntry", "statusListIndex": "7"}
    signed = certificate.issue(
        make_result(), key=key, at=at, need="PCB", valid_until=until, status=status
    )
    assert certificate.verify(signed, at=at).accepted
    assert not certificate.verify(signed, at=at - timedelta(seconds=1)).accepted
    assert not certificate.verify(signed, at=until).accepted
    checks = {check.name: check.answer for check in certificate.verify(signed, at=at).checks}
    assert checks["status"] == "unknown"


def test_a_verdict_that_does_not_follow_from_its_targets_gets_no_certificate(make_result, key, at):
    result = {**make_result(verdict="undecided"), "verdict": "passed"}
    with pytest.raises(certificate.NotCompleteError, match="does not follow"):
        certificate.issue(result, key=key, at=at, need="PCB")


def test_a_result_that_lacks_a_digest_gets_no_certificate(make_result, key, at):
    result = make_result()
    del result["digests"]["labels"]
    with pytest.raises(certificate.NotCompleteError, match=r"digests\.labels"):
        certificate.issue(result, key=key, at=at, need="PCB")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "not JSON, or cut short"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"a": 1', "cut short"),
        (b"[1]", "a list"),
        (b'"text"', "a str"),
        (b'{"a":1,"a":2}', "stands twice"),
        (b'{"a":NaN}', "not a JSON number"),
        (b'{"a":-Infinity}', "not a JSON number"),
        (b'{"a":1e999}', "inf"),
        (b'{"a":9007199254740993}', "9007199254740993"),
        (b'{"a":"\\ud800"}', "non-UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_file_that_can_be_read_two_ways_is_refused(content, match):
    with pytest.raises(certificate.NotACertificateError, match=match):
        certificate.parse(content)


@pytest.mark.parametrize(
    ("path", "value", "match"),
    [
        (("type",), ["VerifiableCredential"], "type"),
        (("@context",), ["https://www.w3.org/2018/credentials/v1"], "@context"),
        (("proof", "cryptosuite"), "eddsa-rdfc-2022", "eddsa-rdfc-2022"),
        (("proof", "proofPurpose"), "authentication", "authentication"),
        (("proof", "created"), "yesterday", "yesterday"),
        (("proof", "created"), "2026-11-20T08:00:00", "created"),
        (("validFrom",), 7, "validFrom"),
        (("proof",), [], "exactly one proof"),
        (("credentialSubject",), [], "credentialSubject"),
        (("credentialSubject", "simulated"), "no", "simulated"),
    ],
)
def test_a_document_of_another_form_is_refused_and_told_what_is_wanted(
    signed, at, path, value, match
):
    with pytest.raises(certificate.NotACertificateError, match=match) as refusal:
        certificate.verify(put(signed, path, value), at=at)
    assert "应为" in refusal.value.say("zh")


def test_two_proofs_and_none_are_refused(signed, at):
    both = {**signed, "proof": [signed["proof"], signed["proof"]]}
    none = {name: value for name, value in signed.items() if name != "proof"}
    for document in (both, none):
        with pytest.raises(certificate.NotACertificateError, match="exactly one proof"):
            certificate.verify(document, at=at)


@pytest.mark.parametrize(
    "did", ["", "did:web:example.cn", "did:key:z", "did:key:z6Mk", "did:key:z0OIl", "did:key:zé"]
)
def test_a_name_that_is_no_ed25519_key_is_refused(did):
    with pytest.raises(keys.NotADidKeyError):
        keys.public_key_of(did)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.truncate(certificate.BYTES_MAX * 100)
    with pytest.raises(certificate.CertificateTooLargeError, match=str(certificate.BYTES_MAX)):
        certificate.read(path)


def test_the_first_use_makes_a_private_key_and_the_second_takes_it(tmp_path):
    path = tmp_path / "settings" / "liudu" / "key.pem"
    first, made = keys.load_or_make(path)
    second, made_again = keys.load_or_make(path)
    assert (made, made_again) == (True, False)
    assert first.did == second.did
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["key.pem"]


def test_the_key_lies_where_the_environment_says(tmp_path):
    assert keys.key_path({"LIUDU_KEY": "/a/b.pem"}).name == "b.pem"
    assert keys.key_path({"XDG_CONFIG_HOME": str(tmp_path)}) == tmp_path / "liudu" / "key.pem"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o666])
def test_a_key_that_others_can_read_is_refused(tmp_path, mode):
    path = tmp_path / "key.pem"
    keys.load_or_make(path)
    path.chmod(mode)
    with pytest.raises(keys.KeyTooOpenError, match=f"{mode:04o}"):
        keys.load(path)


@pytest.mark.parametrize("content", [b"", b"-----BEGIN", b"\0" * 100])
def test_a_file_that_is_no_key_is_refused(tmp_path, content):
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(keys.NotOurKeyError):
        keys.load(path)


def _signed_once():
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    result = {
        "contract": "liudu.trial/1",
        "verdict": "passed",
        "reason": "ok",
        "task": "classify",
        "simulated": False,
        "level": {"asked": "bwrap", "had": "bwrap"},
        "digests": dict.fromkeys((*certificate.SEAL_PARTS, "solution"), "sha256:00"),
        "scorer": {"name": "classify", "version": "1"},
        "solution": {"name": "a", "version": "1"},
        "targets": [{"metric": "miss_rate", "limit": 0.002, "answer": "proved", "events": 1}],
    }
    at = certificate.datetime(2026, 11, 20, tzinfo=certificate.UTC)
    return certificate.issue(result, key=keys.Key(private), at=at, need="PCB")


SIGNED = _signed_once()
