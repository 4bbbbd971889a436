"""车牌号 as people write them, and the one spelling they are found by. Pure."""

from __future__ import annotations

import re
import unicodedata

MOST = 30
"""Of one appeal."""

_SEPARATORS = re.compile(r"[\s,、;/|+]+")
_NOISE = re.compile(r"[·•・.()\-‐-―−]")
_PLATE = re.compile(r"(?=(?:.*[A-Z0-9]){4})[一-鿿A-Z][A-Z0-9一-鿿]{4,9}")
_NONE = {"无", "不详", "未知", "暂无", "没有", "-", "/"}


class PlateError(ValueError):
    """What was typed can't be a plate. The message is for the screen."""


def read(raw: str) -> list[str]:
    """The plates in a text, tractor and trailer alike, each once, in order: 赣B12345, 赣B1234挂.

    Lenient: a plate of the army, of the police or a provisional one passes. Raises PlateError.
    """
    text = unicodedata.normalize("NFKC", raw).upper().strip()
    if text in _NONE:
        return []
    text = _NOISE.sub("", text)
    # 赣B 12345 and 赣B1234 挂 are one plate each, whatever the blank says.
    text = re.sub(r"([一-鿿][A-Z])\s+(?=[A-Z0-9]{4,6}(?![A-Z0-9]))", r"\1", text)
    text = re.sub(r"\s+挂", "挂", text)
    plates = list(dict.fromkeys(part for part in _SEPARATORS.split(text) if part))
    for plate in plates:
        if not _PLATE.fullmatch(plate):
            raise PlateError(
                f"“{plate[:20]}”不像车牌号，请核对（如赣B12345、赣B1234挂）；"
                "只知道部分号码的，请写在诉求内容中"
            )
    if len(plates) > MOST:
        raise PlateError(f"车牌号最多填写{MOST}个，现有{len(plates)}个，其余请列在附件中")
    return plates
