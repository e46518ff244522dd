"""Whom a phone lets in: tokens, signatures and the keys that somebody accepted on its screen."""

from __future__ import annotations

import base64
import binascii
import struct
import threading
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

TOKEN_BYTES = 20
MODULUS_BYTES = 256
KEY = struct.Struct(f"<2I{MODULUS_BYTES}s{MODULUS_BYTES}sI")
"""Android's struct RSAPublicKey: words of the modulus, -1/n mod 2^32, modulus, R^2 mod n, exponent; little-endian."""


@dataclass(frozen=True)
class PublicKey:
    """A key of an adb server and the name it gives itself."""

    modulus: int
    exponent: int
    name: str = ""

    def signed(self, token: bytes, signature: bytes) -> bool:
        """Whether the signature of the token was made with this key (RSA PKCS#1 v1.5, the token taken as a SHA-1)."""
        try:
            key = rsa.RSAPublicNumbers(self.exponent, self.modulus).public_key()
            key.verify(signature, token, padding.PKCS1v15(), Prehashed(hashes.SHA1()))  # noqa: S303 - the protocol's
        except (InvalidSignature, ValueError):
            return False
        return True


def parse_key(payload: bytes) -> PublicKey:
    """Read what AUTH with a public key carries: base64 of the struct, a blank, a name, NUL. Raises ValueError."""
    encoded, _, name = payload.rstrip(b"\0").partition(b" ")
    try:
        raw = base64.b64decode(encoded, validate=True)
        words, _, modulus, _, exponent = KEY.unpack(raw)
    except (binascii.Error, struct.error) as error:
        raise ValueError(f"not a key of adb: {error}") from None
    if words * 4 != MODULUS_BYTES:
        raise ValueError(f"a key of {words} words, not 64")
    return PublicKey(int.from_bytes(modulus, "little"), exponent, name.decode(errors="replace"))


class Guard:
    """The keys that a phone knows; one that is `open` asks nobody for a key."""

    def __init__(self, *, is_open: bool = True, known: tuple[PublicKey, ...] = ()) -> None:
        self.is_open = is_open
        self._known = set(known)
        self._lock = threading.Lock()

    def accept(self, key: PublicKey) -> None:
        """Know the key from now on ("always allow from this computer")."""
        with self._lock:
            self._known.add(key)

    def knows(self, key: PublicKey) -> bool:
        """Whether the key was accepted."""
        with self._lock:
            return key in self._known

    def knows_signer(self, token: bytes, signature: bytes) -> bool:
        """Whether one of the known keys signed the token."""
        with self._lock:
            known = list(self._known)
        return any(key.signed(token, signature) for key in known)
