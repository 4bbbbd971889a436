"""Telephone numbers: one spelling, a mask, and the places of their blind indexes.

Pure. Appeals index their contacts under the same two places, so that one number typed finds
firms and appeals alike.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

PHONE: Final = "phone"
"""Place of the blind index of a whole number (`keyring().blind(number, PHONE)`)."""

PHONE_TAIL: Final = "phone_tail"
"""Place of the blind index of a number's last four digits."""

_NOISE = re.compile(r"[\s\-‐-―−－()（）.·]+")
_EXTENSION = re.compile(r"(?:转|分机|ext|x|#|,|，)+[:：]?(\d+)$", re.IGNORECASE)


class PhoneError(ValueError):
    """What was typed can't be a telephone number. The message is for the screen."""


def normalise(raw: str) -> str:
    """The digits of a number: no +86, blanks, dashes or brackets; '' for ''.

    A Chinese mobile number loses its country code, a fixed line keeps its area code; an
    extension follows after '#'. Raises PhoneError for anything else.
    """
    text = unicodedata.normalize("NFKC", raw).strip()
    text = _NOISE.sub("", text)
    if not text:
        return ""
    extension = ""
    if found := _EXTENSION.search(text):
        extension, text = "#" + found.group(1), text[: found.start()]
    text = re.sub(r"^(?:\+|00)?86(?=1\d{10}$|0\d{9,11}$)", "", text)
    text = re.sub(r"^(?:\+|00)86(?=\d)", "", text)
    text = re.sub(r"^0(?=1[3-9]\d{9}$)", "", text)
    if not re.fullmatch(r"[0-9]{3,15}", text) or len(extension) > 7:
        raise PhoneError("电话号码只能是3至15位数字，可带区号和分机（如0797-1234567转801），请核对")
    return text + extension


def tail(number: str) -> str:
    """The last four digits of a normalised number, its extension aside."""
    return number.partition("#")[0][-4:]


def mask(number: str) -> str:
    """138****5678; of a shorter number only the last digits are left."""
    main, _, _extension = number.partition("#")
    if not main:
        return ""
    if len(main) >= 11:
        return f"{main[:3]}{'*' * (len(main) - 7)}{main[-4:]}"
    if len(main) >= 7:
        return "*" * (len(main) - 4) + main[-4:]
    return "*" * len(main)
