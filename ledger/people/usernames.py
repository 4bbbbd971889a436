"""Account names: how they are compared, and what may be one. Pure."""

from __future__ import annotations

import re
import unicodedata

_SHAPE = re.compile(r"[\w][\w.-]{1,31}")


def fold(username: str) -> str:
    """The form in which names are kept and compared: half width, lower case, no outer blanks."""
    return unicodedata.normalize("NFKC", username).strip().lower()


def problem(username: str) -> str | None:
    """Why a folded name cannot be an account's; None where it can."""
    if not _SHAPE.fullmatch(username):
        return "用户名为2至32个字母、数字、汉字、点、下划线或连字符，且不以点或连字符开头。"
    return None
