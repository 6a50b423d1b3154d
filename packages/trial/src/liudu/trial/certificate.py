"""The verdict of one trial as a W3C Verifiable Credential that anyone can check offline.

Verifiable Credentials Data Model 2.0 with a Data Integrity proof ``eddsa-jcs-2022`` (W3C
Recommendations of 15 May 2025). Canonical JSON (RFC 8785) takes the place of JSON-LD
processing, so that neither signing nor checking needs the network.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import attrs
import base58
import rfc8785

from liudu.contract import Language, Refusal
from liudu.trial import keys

Json = dict[str, Any]

CREDENTIALS_V2 = "https://www.w3.org/ns/credentials/v2"
# Our terms are mapped to one vocabulary inside the document: nothing has to be fetched.
CONTEXT: list[Any] = [CREDENTIALS_V2, {"@vocab": "urn:liudu:trial:1#"}]
TYPES = ["VerifiableCredential", "LiuduTrialCertificate"]
CRYPTOSUITE = "eddsa-jcs-2022"
BYTES_MAX = 4 * 1024 * 1024
LEVELS = ("process", "landlock", "bwrap", "gvisor", "oci", "site")  # from weak to strong
PRODUCTION_LEVEL = "bwrap"
SEAL_PARTS = ("commitment", "data", "labels", "protocol", "scorer")


class NotACertificateError(Refusal):
    """A document is not a certificate of ours, or not one that can be checked."""

    en = "{where}: {found}. Wanted: {wanted}. Ask its issuer for the file as it was signed."
    zh = "{where}：{found_zh}。应为：{wanted_zh}。请向签发方索取签名时的原始文件。"


class CertificateTooLargeError(Refusal):
    """A file is too large to be a certificate."""

    en = "{file} has {size} bytes; a certificate has at most {size_max}. Is it the right file?"
    zh = "{file} 有 {size} 字节，证书最多 {size_max} 字节。是不是选错了文件？"


class NotCompleteError(Refusal):
    """A run that did not end properly gets no certificate."""

    en = "{what}: no certificate is made for it. {way_out}"
    zh = "{what_zh}：不签发证书。{way_out_zh}"


# --- the proof -------------------------------------------------------------------------------


def sign(document: Mapping[str, Any], *, key: keys.Key, at: datetime) -> Json:
    """Return the document with its ``eddsa-jcs-2022`` proof.

    Parameters
    ----------
    document
        A credential without a proof.
    key
        Its key becomes the proof's verification method.
    at
        The proof's ``created``.

    """
    proof: Json = {
        "type": "DataIntegrityProof",
        "cryptosuite": CRYPTOSUITE,
        "created": moment(at),
        "verificationMethod": key.verification_method,
        "proofPurpose": "assertionMethod",
        "@context": document["@context"],
    }
    signature = key.sign(hash_data(document, proof=proof))
    value = "z" + base58.b58encode(signature).decode()
    return {**document, "proof": {**proof, "proofValue": value}}


def hash_data(document: Mapping[str, Any], *, proof: Mapping[str, Any]) -> bytes:
    """Return the 64 bytes that are signed: hash of the proof's options, hash of the document.

    Notes
    -----
    Data Integrity EdDSA Cryptosuites 1.0, section 3.3: both are canonicalised by RFC 8785
    and hashed by SHA-256; the options are the proof without its ``proofValue``.

    """
    options = {name: value for name, value in proof.items() if name != "proofValue"}
    unsecured = {name: value for name, value in document.items() if name != "proof"}
    return _sha256(rfc8785.dumps(options)) + _sha256(rfc8785.dumps(unsecured))


def digest(document: Mapping[str, Any]) -> str:
    """Return ``sha256:…`` over the canonical JSON of a document."""
    return f"sha256:{_sha256(rfc8785.dumps(dict(document))).hex()}"


def moment(at: datetime) -> str:
    """Return an aware moment as RFC 3339 in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


# --- issuing ---------------------------------------------------------------------------------


def issue(
    result: Mapping[str, Any],
    *,
    key: keys.Key,
    at: datetime,
    need: str,
    required_level: str | None = None,
    valid_until: datetime | None = None,
    status: Mapping[str, Any] | None = None,
) -> Json:
    """Return the signed certificate of a complete result.

    Parameters
    ----------
    result
        The content of ``result.json``.
    key
        The runner's key.
    at
        The moment from which it is valid, and that of the proof.
    need
        The name of the need, or of the seal, that was tried.
    required_level
        The weakest sandbox level that the protocol allows.
    valid_until
        When it stops to be valid, if ever.
    status
        An entry of a Bitstring Status List, by which it can be revoked.

    Raises
    ------
    NotCompleteError
        If the result lacks a part, or its verdict does not follow from its targets.

    """
    _refuse_half_a_result(result)
    document: Json = {
        "@context": CONTEXT,
        "type": TYPES,
        "issuer": key.did,
        "validFrom": moment(at),
        "credentialSubject": subject(result, need=need, required_level=required_level),
    }
    if valid_until is not None:
        document["validUntil"] = moment(valid_until)
    if status is not None:
        document["credentialStatus"] = dict(status)
    return sign(document, key=key, at=at)


def subject(result: Mapping[str, Any], *, need: str, required_level: str | None) -> Json:
    """Return what is certified: who was tried on what, how, and what came of it."""
    digests, attempts = result["digests"], result.get("attempts", [])
    measured = result.get("measurements") or {}
    level = dict(result["level"])
    if required_level is not None:
        level["required"] = required_level
    return {
        "id": f"urn:liudu:trial:{trial_id(result)}",
        "type": "Trial",
        "contract": result["contract"],
        "task": result["task"],
        "verdict": result["verdict"],
        "reason": result["reason"],
        "simulated": result["simulated"],
        "need": {"name": need},
        "solution": {**result["solution"], "digest": digests["solution"]},
        "seal": {part: digests[part] for part in SEAL_PARTS if part in digests},
        "scorer": result["scorer"],
        "targets": [flat_target(entry) for entry in result["targets"]],
        "level": level,
        "measurements": measured,
        "attempts": {"count": len(attempts), "reasons": [_reason(entry) for entry in attempts]},
        "evidence": {"result": digest(result), "predictions": digests.get("predictions")},
        "versions": result.get("versions", {}),
        "started_at": result.get("started_at"),
        "ended_at": result.get("ended_at"),
    }


def trial_id(result: Mapping[str, Any]) -> str:
    """Return 32 hexadecimal digits that name this trial: its seal, its solution, its answers."""
    digests = result["digests"]
    named = {part: digests.get(part) for part in ("commitment", "solution", "predictions")}
    return digest({**named, "ended_at": result.get("ended_at")})[7:39]


def flat_target(entry: Mapping[str, Any]) -> Json:
    """Return a target of a result in one mapping: what was asked and what was found."""
    nested = entry.get("target")
    flat = {**nested, **entry} if isinstance(nested, Mapping) else dict(entry)
    flat.pop("target", None)
    return {name: value for name, value in flat.items() if value is not None}


def _reason(attempt: object) -> object:
    return attempt.get("reason") if isinstance(attempt, Mapping) else attempt


def follows(*, verdict: object, targets: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether a verdict follows from the answers of its targets."""
    answers = {entry.get("answer") for entry in targets}
    if verdict == "passed":
        return answers == {"proved"}
    if verdict == "failed":  # a run that crashed has failed, whatever its targets say
        return True
    return verdict == "undecided" and "refuted" not in answers and answers != {"proved"}


def _refuse_half_a_result(result: Mapping[str, Any]) -> None:
    wanted = ("contract", "verdict", "reason", "task", "simulated", "targets", "level", "digests")
    missing = [name for name in (*wanted, "scorer", "solution") if name not in result]
    missing += [f"digests.{part}" for part in _missing_digests(result)]
    if missing:
        names = ", ".join(missing)
        raise NotCompleteError(
            what=f"result.json lacks {names}",
            what_zh=f"result.json 缺少 {names}",
            way_out="Run the trial again.",
            way_out_zh="请重新运行试验。",
        )
    if not follows(verdict=result["verdict"], targets=result["targets"]):
        raise NotCompleteError(
            what=f"the verdict {result['verdict']!r} does not follow from the targets",
            what_zh=f"结论 {result['verdict']!r} 与各项指标的回答不一致",
            way_out="result.json was altered: run the trial again.",
            way_out_zh="result.json 已被改动：请重新运行试验。",
        )


def _missing_digests(result: Mapping[str, Any]) -> list[str]:
    digests = result.get("digests")
    found = digests if isinstance(digests, Mapping) else {}
    return [part for part in (*SEAL_PARTS, "solution") if not found.get(part)]


# --- reading ---------------------------------------------------------------------------------


def read(path: Path) -> Json:
    """Read a certificate file strictly.

    Raises
    ------
    CertificateTooLargeError, NotACertificateError

    """
    try:
        with path.open("rb") as file:
            content = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise _bad(path.name, f"cannot be read ({error.strerror})", "无法读取") from error
    if len(content) > BYTES_MAX:
        raise CertificateTooLargeError(file=path.name, size=path.stat().st_size, size_max=BYTES_MAX)
    return parse(content, where=path.name)


def parse(content: bytes, *, where: str = "certificate") -> Json:
    """Parse JSON in which nothing is ambiguous: no double keys, no NaN, no number out of range."""
    try:
        document = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_no_double_keys,
            parse_constant=_no_constant,
        )
        rfc8785.dumps(document)
    except UnicodeDecodeError as error:
        raise _bad(where, f"byte {error.start} is not UTF-8", "不是 UTF-8 文本") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise _bad(
            where,
            f"not JSON, or cut short ({error.msg}, {place})",
            f"不是 JSON，或文件被截断（第 {error.lineno} 行第 {error.colno} 列）",
        ) from error
    except RecursionError as error:
        raise _bad(where, "nested too deeply", "嵌套过深") from error
    except (_AmbiguousError, rfc8785.CanonicalizationError) as error:
        raise _bad(where, str(error), f"内容有歧义（{error}）") from error
    if not isinstance(document, dict):
        kind = type(document).__name__
        raise _bad(where, f"a {kind}", f"是 {kind}", "one JSON object", "一个 JSON 对象")
    return document


class _AmbiguousError(ValueError):
    pass


def _no_double_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise _AmbiguousError(f"the key {double!r} stands twice in one object")
    return found


def _no_constant(text: str) -> object:
    raise _AmbiguousError(f"{text} is not a JSON number")


def _bad(
    where: str,
    found: str,
    found_zh: str,
    wanted: str = "a certificate as JSON",
    wanted_zh: str = "JSON 格式的证书",
) -> NotACertificateError:
    return NotACertificateError(
        where=where, found=found, found_zh=found_zh, wanted=wanted, wanted_zh=wanted_zh
    )


# --- checking --------------------------------------------------------------------------------

Standing = Literal["yes", "no", "unknown"]


@attrs.frozen(kw_only=True)
class Check:
    """One thing that was looked at: yes, no, or it could not be told."""

    name: str
    answer: Standing
    zh: str
    en: str

    def say(self, language: Language) -> str:
        """Return the sentence in one language."""
        return self.zh if language == "zh" else self.en

    def to_json(self) -> Json:
        """Return it for machines."""
        return {"name": self.name, "answer": self.answer, "zh": self.zh, "en": self.en}


@attrs.frozen(kw_only=True)
class Verification:
    """What a certificate says and what is to be thought of it.

    Attributes
    ----------
    issuer
        The did:key that signed.
    issuer_name
        Its name in the trust file, or None.
    subject
        The ``credentialSubject``, worth something only if `intact`.
    checks
        Everything that was looked at, in order.

    """

    issuer: str
    issuer_name: str | None
    digest: str
    subject: Mapping[str, Any]
    checks: tuple[Check, ...]

    @property
    def intact(self) -> bool:
        """Whether nothing was altered since it was signed."""
        return any(check.name == "signature" and check.answer == "yes" for check in self.checks)

    @property
    def accepted(self) -> bool:
        """Whether every check that was asked for says yes or could not be told."""
        return all(check.answer != "no" for check in self.checks)

    def to_json(self) -> Json:
        """Return it for machines."""
        return {
            "accepted": self.accepted,
            "intact": self.intact,
            "issuer": {"did": self.issuer, "name": self.issuer_name},
            "digest": self.digest,
            "subject": dict(self.subject),
            "checks": [check.to_json() for check in self.checks],
        }


def verify(
    document: Mapping[str, Any],
    *,
    at: datetime,
    issuer: str | None = None,
    trust: Mapping[str, str] | None = None,
    production: bool = False,
) -> Verification:
    """Check a certificate without the network.

    Parameters
    ----------
    document
        As `parse` returned it.
    at
        The moment for which its validity is asked.
    issuer
        The did:key that must have signed it, if one is expected.
    trust
        Names of issuers by did:key, if only these are trusted.
    production
        Also ask whether it may carry a decision: real data, a strong sandbox, passed.

    Raises
    ------
    NotACertificateError
        If its form is wrong: then there is nothing to be checked.

    """
    proof = _well_formed(document)
    did = str(document["issuer"])
    name = (trust or {}).get(did)
    found = document["credentialSubject"]
    checks = [_signature(document, proof=proof), _issuer(did, issuer=issuer, trust=trust)]
    checks += _validity(document, at=at)
    checks += _production(found, known=name is not None or did == issuer) if production else []
    return Verification(
        issuer=did,
        issuer_name=name,
        digest=digest(document),
        subject=found,
        checks=tuple(checks),
    )


def _well_formed(document: Mapping[str, Any]) -> Json:
    contexts = document.get("@context")
    proof = document.get("proof")
    _want("@context", contexts == CONTEXT, contexts, CONTEXT)
    _want("type", document.get("type") == TYPES, document.get("type"), TYPES)
    if not isinstance(proof, dict):
        found = "no proof" if proof is None else f"{type(proof).__name__}: {_short(proof)}"
        raise _bad("proof", found, found, "exactly one proof", "恰好一个 proof")
    _want("proof.type", proof.get("type") == "DataIntegrityProof", proof.get("type"))
    suite = proof.get("cryptosuite")
    _want("proof.cryptosuite", suite == CRYPTOSUITE, suite, CRYPTOSUITE)
    purpose = proof.get("proofPurpose")
    _want("proof.proofPurpose", purpose == "assertionMethod", purpose, "assertionMethod")
    _want("proof.@context", proof.get("@context") == contexts, proof.get("@context"), contexts)
    _moment_at("proof.created", proof.get("created"))
    _moment_at("validFrom", document.get("validFrom"))
    if "validUntil" in document:
        _moment_at("validUntil", document["validUntil"])
    _well_formed_subject(document.get("credentialSubject"))
    did, method = document.get("issuer"), proof.get("verificationMethod")
    _want("issuer", isinstance(did, str), did, "did:key:z6Mk…")
    keys.public_key_of(str(did))
    wanted = keys.method_of(str(did))
    _want("proof.verificationMethod", method == wanted, method, wanted)
    return proof


def _well_formed_subject(found: object) -> None:
    _want("credentialSubject", isinstance(found, dict), found, "one JSON object")
    subject_of = found if isinstance(found, dict) else {}
    for name, kind in (
        ("verdict", str),
        ("simulated", bool),
        ("solution", dict),
        ("seal", dict),
        ("level", dict),
        ("targets", list),
    ):
        value = subject_of.get(name)
        _want(f"credentialSubject.{name}", isinstance(value, kind), value, kind.__name__)
    for place, entry in enumerate(subject_of["targets"]):
        fits = isinstance(entry, dict) and all(
            isinstance(entry.get(name), str) for name in ("metric", "op", "answer")
        )
        _want(f"credentialSubject.targets[{place}]", fits, entry, "metric, op, limit, answer")


def _want(where: str, fits: bool, found: object, wanted: object = "DataIntegrityProof") -> None:
    if not fits:
        raise _bad(where, _short(found), _short(found), _short(wanted), _short(wanted))


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 120 else f"{text[:117]}…"  # noqa: PLR2004 - what fits a line


def _moment_at(where: str, value: object) -> datetime:
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value)
            if found.tzinfo is not None:
                return found
    except ValueError:
        pass
    raise _bad(where, _short(value), _short(value), "2026-11-20T08:00:00Z", "2026-11-20T08:00:00Z")


def _signature(document: Mapping[str, Any], *, proof: Mapping[str, Any]) -> Check:
    value = proof.get("proofValue")
    _want("proof.proofValue", isinstance(value, str) and value[:1] == "z", value, "z + base58btc")
    try:
        signature = base58.b58decode(str(value)[1:]) if len(str(value)) <= 120 else b""  # noqa: PLR2004
    except ValueError:
        signature = b""
    message = hash_data(document, proof=proof)
    fits = len(signature) == keys.SIGNATURE_BYTES and keys.signed_by(
        str(document["issuer"]), signature=signature, message=message
    )
    if fits:
        return _yes(
            "signature",
            "签名有效：签发后没有任何改动。",
            "The signature is valid: nothing was altered.",
        )
    return _no(
        "signature",
        "签名无效：签发后内容被改动过，或并非该密钥所签。上面写的任何内容都不可信。",
        "The signature does NOT fit: something was altered after it was signed, "
        "or this key never signed it. Believe nothing that it says.",
    )


def _issuer(did: str, *, issuer: str | None, trust: Mapping[str, str] | None) -> Check:
    if issuer is not None and did != issuer:
        return _no(
            "issuer",
            f"签发方是 {did}，不是您指定的 {issuer}。",
            f"Signed by {did}, not by {issuer}.",
        )
    if trust is not None and did in trust:
        return _yes(
            "issuer", f"签发方：{trust[did]}（{did}）。", f"Signed by {trust[did]} ({did})."
        )
    if issuer is not None:
        return _yes("issuer", f"签发方正是您指定的 {did}。", f"Signed by {did}, as expected.")
    if trust is not None:
        return _no(
            "issuer",
            f"签发方 {did} 不在信任名单里：谁都能造一把密钥来签名。",
            f"Signed by {did}, which the trust file does not name: anybody can make a key.",
        )
    return Check(
        name="issuer",
        answer="unknown",
        zh=f"签发方是 {did}，身份未知：用 --trust 或 --issuer 告诉我您信任谁。",
        en=f"Signed by {did}, whoever that is: say whom you trust with --trust or --issuer.",
    )


def _validity(document: Mapping[str, Any], *, at: datetime) -> list[Check]:
    start = _moment_at("validFrom", document["validFrom"])
    until = document.get("validUntil")
    checks = []
    if at < start:
        checks.append(
            _no("validity", f"自 {moment(start)} 起才有效。", f"Valid only from {moment(start)}.")
        )
    elif until is not None and at >= _moment_at("validUntil", until):
        checks.append(_no("validity", f"已于 {until} 过期。", f"Expired on {until}."))
    else:
        checks.append(
            _yes("validity", f"自 {moment(start)} 起有效。", f"Valid from {moment(start)}.")
        )
    if "credentialStatus" in document:
        checks.append(
            Check(
                name="status",
                answer="unknown",
                zh="没有查询是否已吊销：核验不联网。",
                en="Whether it was revoked was not asked: this check uses no network.",
            )
        )
    return checks


def _production(found: Mapping[str, Any], *, known: bool) -> list[Check]:
    level = found["level"]
    had = level.get("had")
    wanted = max((PRODUCTION_LEVEL, level.get("asked"), level.get("required")), key=level_order)
    verdict = found["verdict"]
    consistent = verdict == "passed" and follows(verdict=verdict, targets=found["targets"])
    return [
        _gate("data", found["simulated"] is False, _REAL_DATA),
        _gate(
            "level",
            level_order(had) >= level_order(wanted),
            (
                f"沙箱级别：{had}。",
                f"Sandbox level: {had}.",
                f"沙箱级别只有 {had}，至少要 {wanted}。",
                f"the sandbox level was {had}, the weakest allowed is {wanted}.",
            ),
        ),
        _gate(
            "verdict",
            consistent,
            (
                "结论：通过。",
                "Verdict: passed.",
                f"结论是 {verdict}，不是 passed。",
                f"the verdict is {verdict}, not passed.",
            ),
        ),
        _gate("issuer", known, _KNOWN_ISSUER),
    ]


_REAL_DATA = (
    "真实数据。",
    "Real data.",
    "这是模拟数据，只证明程序能跑通，不证明方案在真实数据上有效。",
    "the data are simulated: they show that the program runs, not that the solution works.",
)
_KNOWN_ISSUER = (
    "签发方已确认。",
    "The issuer is known.",
    "签发方未确认，须用 --trust 或 --issuer 指明信任谁。",
    "the issuer is unknown; say whom you trust with --trust or --issuer.",
)


def level_order(level: object) -> int:
    """Return how strong a sandbox level is; -1 for one that is not known."""
    return LEVELS.index(level) if isinstance(level, str) and level in LEVELS else -1


def _gate(name: str, fits: bool, sentences: tuple[str, str, str, str]) -> Check:
    zh, en, refusal_zh, refusal_en = sentences
    if fits:
        return _yes(f"production.{name}", zh, en)
    return _no(
        f"production.{name}", f"不可用于生产：{refusal_zh}", f"Not for production: {refusal_en}"
    )


def _yes(name: str, zh: str, en: str) -> Check:
    return Check(name=name, answer="yes", zh=zh, en=en)


def _no(name: str, zh: str, en: str) -> Check:
    return Check(name=name, answer="no", zh=zh, en=en)


def compare(name: str, *, claimed: object, found: str | None) -> Check:
    """Say whether a digest in the certificate is that of the thing at hand.

    Parameters
    ----------
    name
        What is compared, such as ``seal.data``.
    claimed
        What the certificate says.
    found
        What was computed just now, or None where a file for it is missing.

    """
    if found is None:
        return Check(
            name=f"digest.{name}",
            answer="unknown",
            zh=f"{name}：缺少文件，无法重新计算。",
            en=f"{name}: a file is missing, so it cannot be computed again.",
        )
    if claimed == found:
        return _yes(f"digest.{name}", f"{name}：与证书一致。", f"{name}: as certified.")
    return _no(
        f"digest.{name}",
        f"{name}：与证书不一致。证书写的是 {claimed}，实际是 {found}。",
        f"{name}: NOT what was certified. The certificate says {claimed}, this is {found}.",
    )
