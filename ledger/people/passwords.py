"""What a password must be, and one-time passwords. Pure but for the random source."""

from __future__ import annotations

import secrets
import unicodedata

LEAST = 8
MOST = 128
RULE = "至少8个字符，且含大写字母、小写字母、数字、符号中的三类；不得包含用户名，不得与原密码相同。"

# Without 0 O 1 l I, which are misread when written down.
_UPPER, _LOWER = "ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghijkmnpqrstuvwxyz"
_DIGITS, _SIGNS = "23456789", "@#%+="


def normal(password: str) -> str:
    """One form for what two keyboards may send differently; the case stays."""
    return unicodedata.normalize("NFKC", password)


def classes(password: str) -> int:
    """How many of capital, small, digit, other it holds."""
    return sum(
        (
            any(c.isupper() for c in password),
            any(c.islower() for c in password),
            any(c.isdigit() for c in password),
            any(not (c.isupper() or c.islower() or c.isdigit()) for c in password),
        )
    )


def problem(password: str, *, username: str) -> str | None:
    """Why a (normal) password is refused, with what to do; None where it is good."""
    if len(password) < LEAST:
        return f"密码太短：至少{LEAST}个字符。"
    if len(password) > MOST:
        return f"密码太长：最多{MOST}个字符。"
    if classes(password) < 3:
        return "密码太简单：大写字母、小写字母、数字、符号中至少要有三类。"
    if username and username in password.lower():
        return "密码不得包含用户名。"
    return None


def one_time() -> str:
    """Twelve characters of all four classes, easy to read out."""
    picks = [secrets.choice(pool) for pool in (_UPPER, _LOWER, _DIGITS, _SIGNS)]
    picks += [secrets.choice(_UPPER + _LOWER + _DIGITS) for _ in range(8)]
    secrets.SystemRandom().shuffle(picks)
    return "".join(picks)
