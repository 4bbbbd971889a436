"""Field encryption, blind indexes and commitments: pure functions over bytes and keys.

A ciphertext is `version.key id.nonce.text`, each part URL-safe base64 or hex, and is bound to
the table and field it stands in, so that it cannot be moved to another place. The key id lets
several keys live side by side while an office rotates them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from functools import cached_property

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = "v1"


class CipherError(ValueError):
    """A ciphertext is malformed, was moved or altered, or its key is not configured."""


def _derive(key: bytes, purpose: bytes) -> bytes:
    return hmac.new(key, b"ledger/" + purpose, hashlib.sha256).digest()


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(frozen=True)
class Keyring:
    """The field keys, newest first: the first encrypts, all decrypt and index."""

    keys: tuple[bytes, ...]

    @cached_property
    def _by_id(self) -> dict[str, AESGCM]:
        return {self._key_id(key): AESGCM(_derive(key, b"encrypt")) for key in self.keys}

    @cached_property
    def _newest(self) -> tuple[str, AESGCM]:
        return next(iter(self._by_id.items()))

    @cached_property
    def _indexes(self) -> tuple[hmac.HMAC, ...]:
        # Half of an HMAC is its key: done once.
        return tuple(hmac.new(_derive(key, b"index"), digestmod="sha256") for key in self.keys)

    @staticmethod
    def _key_id(key: bytes) -> str:
        return _derive(key, b"id").hex()[:8]

    def encrypt(self, text: str, place: str) -> str:
        """Ciphertext of `text`, readable only at `place` ("table.field")."""
        key_id, cipher = self._newest
        nonce = secrets.token_bytes(12)
        sealed = cipher.encrypt(nonce, text.encode(), place.encode())
        return f"{VERSION}.{key_id}.{_b64(nonce)}.{_b64(sealed)}"

    def decrypt(self, ciphertext: str, place: str) -> str:
        """The text. Raises CipherError if altered, moved, or under a key we do not have."""
        try:
            version, key_id, nonce, sealed = ciphertext.split(".")
            if version != VERSION:
                raise CipherError(f"unknown ciphertext version {version[:8]!r}")
            cipher = self._by_id[key_id]
            return cipher.decrypt(_unb64(nonce), _unb64(sealed), place.encode()).decode()
        except KeyError as error:
            raise CipherError("the key of this ciphertext is not in LEDGER_FIELD_KEY") from error
        except (ValueError, InvalidTag) as error:
            raise CipherError(f"unreadable ciphertext at {place}") from error

    def blind(self, value: str, place: str) -> str:
        """Keyed index of `value` under the newest key: 32 hex characters, not reversible."""
        return self.blinds(value, place)[0]

    def blinds(self, value: str, place: str) -> list[str]:
        """The index under every key: look up with IN, so that a rotation loses nobody."""
        said = f"{place}\x00{value}".encode()
        found = []
        for index in self._indexes:
            told = index.copy()
            told.update(said)
            found.append(told.hexdigest()[:32])
        return found


def commit(text: str, salt: bytes) -> str:
    """SHA-256(salt ‖ text) in hex: what stands in the chain for a text that may be erased."""
    return hashlib.sha256(salt + text.encode()).hexdigest()
