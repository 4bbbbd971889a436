"""Names and credit codes of firms: what counts as the same, what can't be one.

Pure. Source of the code's form: GB 32100-2015 (统一社会信用代码).
"""

from __future__ import annotations

import re
import unicodedata

from stdnum.cn import uscc as gb32100

_BRACKETS = str.maketrans({"〔": "(", "〕": ")", "【": "(", "】": ")", "[": "(", "]": ")"})
_BLANK = re.compile(r"[\s\u200b-\u200f\u2060\ufeff]+")
_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


class UsccError(ValueError):
    """What was typed can't be a credit code at all. The message is for the screen."""


def fold(name: str) -> str:
    """A name as it is compared: full- and half-width, brackets, blanks and case don't count."""
    text = unicodedata.normalize("NFKC", name).translate(_BRACKETS)
    return _BLANK.sub("", text).lower()


def clean_uscc(raw: str) -> str | None:
    """The code without blanks and dashes, half-width, in capitals; None for none given.

    Raises UsccError where it could be neither a credit code nor an old registration number.
    """
    text = _BLANK.sub("", unicodedata.normalize("NFKC", raw)).replace("-", "").upper()
    if text in {"", "无", "/", "N/A"}:
        return None
    if not re.fullmatch(r"[0-9A-Z]+", text):
        raise UsccError("统一社会信用代码只能由数字和大写字母组成，请核对；不清楚时可留空")
    if len(text) not in (15, 18) or (len(text) == 15 and not text.isdecimal()):
        raise UsccError(
            f"统一社会信用代码应为18位（旧注册号为15位数字），现为{len(text)}位，"
            "请核对；不清楚时可留空"
        )
    return text


def check_uscc(code: str) -> str | None:
    """Why a cleaned code looks wrong, in words for the screen; None where it is sound.

    Codes are copied by ear and from old licences: a doubtful one is kept and marked.
    """
    if len(code) == 15:
        return "这是15位旧注册号，不是18位统一社会信用代码，已按原样保存，请尽快补正"
    if strange := sorted(set(code) - set(_ALPHABET)):
        return (
            f"统一社会信用代码中不应有字母{'、'.join(strange)}（容易与数字混淆），"
            "已按原样保存，请核对"
        )
    if not code[2:8].isdecimal():
        return "统一社会信用代码第3至8位应为行政区划数字，已按原样保存，请核对"
    # Not gb32100.validate: it refuses the letters with which village collectives' codes begin.
    if code[-1] != gb32100.calc_check_digit(code[:-1]):
        return "统一社会信用代码校验位不符，可能有一位抄错，已按原样保存，请核对"
    return None
