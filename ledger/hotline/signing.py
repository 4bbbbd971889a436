"""How messages between this ledger and a hotline's platform are signed, both ways. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import timedelta

NEAR = timedelta(seconds=300)
"""A message is good for so long on either side of the receiver's clock."""

NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)


def sign(
    secret: bytes, method: str, target: str, timestamp: int | str, nonce: str, body: bytes
) -> str:
    """`target` is the path with its query, exactly as sent."""
    digest = hashlib.sha256(body).hexdigest()
    text = "\n".join((method.upper(), target, str(timestamp), nonce, digest))
    made = hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return base64.b64encode(made).decode()


def is_signed(
    given: str,
    secret: bytes,
    method: str,
    target: str,
    timestamp: int | str,
    nonce: str,
    body: bytes,
) -> bool:
    """Whether `given` is that signature; takes as long whatever is wrong with it."""
    wanted = sign(secret, method, target, timestamp, nonce, body)
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode())
