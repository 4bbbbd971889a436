"""File names that come from anywhere."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 120

_FORBIDDEN = re.compile(r'[<>:"|?*\\/]')


def safe_name(raw: str | None) -> str:
    """The name alone, fit for a page, a header and any disk; its extension survives.

    Paths, control characters, NULs, marks that turn the direction of writing (they make
    “exe.jpg” of “gpj.exe”) and lone surrogates go; too long a name is shortened before its
    extension. A name of which nothing is left is 附件.
    """
    name = unicodedata.normalize("NFC", (raw or "").replace("\\", "/").rsplit("/", 1)[-1])
    name = "".join(" " if char.isspace() else char for char in name)
    name = "".join(char for char in name if unicodedata.category(char)[0] != "C")
    name = _FORBIDDEN.sub("_", " ".join(name.split())).strip(" .")
    if not name:
        return "附件"
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > 10:
        return name[:LONGEST].rstrip(" .")
    room = LONGEST - len(extension) - 1
    return f"{stem[:room].rstrip(' .') or '附件'}.{extension}"


def extension_of(name: str) -> str:
    """Small letters without the dot; empty where there is none."""
    _stem, dot, extension = name.rpartition(".")
    return extension.lower() if dot else ""
