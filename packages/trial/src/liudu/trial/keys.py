"""The runner's signing key: one Ed25519 key in one private file."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

import attrs
import base58
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from liudu.contract import Refusal

ED25519_PUBLIC = b"\xed\x01"  # the multicodec of an Ed25519 public key, as a varint
PUBLIC_BYTES = 32
SIGNATURE_BYTES = 64
KEY_BYTES_MAX = 16_384


class KeyTooOpenError(Refusal):
    """Somebody else than the owner may read or write the key."""

    en = (
        "The key {file} has mode {mode}: others may read it, so its signature proves nothing. "
        "Limit: 0600. If nobody has read it, run `chmod 600 {file}`; otherwise make a new one."
    )
    zh = (
        "密钥 {file} 的权限是 {mode}，别人也能读到，用它签名就不算数。上限为 0600。"
        "若确认无人读过，运行 `chmod 600 {file}`；否则请换一把新密钥。"
    )


class NotOurKeyError(Refusal):
    """The file is not an unencrypted Ed25519 private key in PEM."""

    en = (
        "{file} is not a usable key ({found}). Wanted: an Ed25519 private key in PEM without a "
        "password. Name another file in LIUDU_KEY, or one that is absent and it is made."
    )
    zh = (
        "{file} 不是可用的密钥（{found}）。需要不带口令的 PEM 格式 Ed25519 私钥。"
        "请在 LIUDU_KEY 里指定别的文件；指定一个不存在的文件，就会新建一把。"
    )


class KeyNotWritableError(Refusal):
    """The key can be neither read nor made where it should be."""

    en = "The key {file} cannot be kept there ({found}). Name a writable file in LIUDU_KEY."
    zh = "密钥无法存放在 {file}（{found}）。请在 LIUDU_KEY 里指定一个可写的文件。"


class NotADidKeyError(Refusal):
    """A name is not the did:key of an Ed25519 key."""

    en = "{did!r} is not a did:key of an Ed25519 key. Wanted: did:key:z6Mk… as its owner gave it."
    zh = "{did!r} 不是 Ed25519 密钥的 did:key。应写成 did:key:z6Mk…，以签发方公布的为准。"


@attrs.frozen
class Key:
    """A key that signs, known to the world by its did:key."""

    private: Ed25519PrivateKey = attrs.field(repr=False)

    @property
    def did(self) -> str:
        """The public half as a did:key."""
        return did_of(self.private.public_key())

    @property
    def verification_method(self) -> str:
        """The key's name in a proof: the did, and the key within it."""
        return method_of(self.did)

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of the Ed25519 signature (RFC 8032)."""
        return self.private.sign(message)


def did_of(public: Ed25519PublicKey) -> str:
    """Return the did:key of a public key: multibase base58btc over multicodec and key."""
    return "did:key:z" + base58.b58encode(ED25519_PUBLIC + public.public_bytes_raw()).decode()


def method_of(did: str) -> str:
    """Return the one verification method that a did:key has."""
    return f"{did}#{did.removeprefix('did:key:')}"


def public_key_of(did: str) -> Ed25519PublicKey:
    """Return the public key that a did:key spells.

    Raises
    ------
    NotADidKeyError
        If it spells anything else than one Ed25519 key.

    """
    try:
        raw = base58.b58decode(did.removeprefix("did:key:z")) if _is_did_key(did) else b""
        if len(raw) == len(ED25519_PUBLIC) + PUBLIC_BYTES and raw.startswith(ED25519_PUBLIC):
            return Ed25519PublicKey.from_public_bytes(raw[len(ED25519_PUBLIC) :])
    except ValueError:
        pass
    raise NotADidKeyError(did=did[:120])


def _is_did_key(did: str) -> bool:
    return did.startswith("did:key:z") and did.isascii() and len(did) <= KEY_BYTES_MAX


def signed_by(did: str, *, signature: bytes, message: bytes) -> bool:
    """Say whether the key of `did` made this signature over this message."""
    try:
        public_key_of(did).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def key_path(environment: Mapping[str, str]) -> Path:
    """Return where the key lies: ``LIUDU_KEY``, or ``liudu/key.pem`` in the user's settings."""
    if named := environment.get("LIUDU_KEY"):
        return Path(named)
    settings = environment.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(settings) / "liudu" / "key.pem"


def load_or_make(path: Path) -> tuple[Key, bool]:
    """Return the key at `path` and whether it was made just now."""
    if path.exists():
        return load(path), False
    made = _make(path)
    return load(path), made


def load(path: Path) -> Key:
    """Read a key; a file that anybody else can read is refused.

    Raises
    ------
    KeyTooOpenError, NotOurKeyError

    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(KEY_BYTES_MAX)
    except OSError as error:
        raise NotOurKeyError(file=str(path), found=error.strerror) from error
    if stat.S_IMODE(mode) & 0o077:
        raise KeyTooOpenError(file=str(path), mode=f"{stat.S_IMODE(mode):04o}")
    try:
        private = load_pem_private_key(content, password=None)
    except (ValueError, TypeError) as error:
        raise NotOurKeyError(file=str(path), found=type(error).__name__) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise NotOurKeyError(file=str(path), found=type(private).__name__)
    return Key(private)


def _make(path: Path) -> bool:
    pem = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        return _link(draft, path)
    except OSError as error:
        raise KeyNotWritableError(file=str(path), found=error.strerror) from error
    finally:
        draft.unlink(missing_ok=True)


def _link(draft: Path, path: Path) -> bool:
    # A link, not a rename: of two first runs at once, the second takes the key of the first.
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    return True
