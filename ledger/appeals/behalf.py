"""代签收、代录: what the office records for a unit that works offline, and how it learnt of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..trail.act import Act
from .story import ON_BEHALF

if TYPE_CHECKING:
    from ..files.models import Attachment

NAME_LENGTH = 100


@dataclass(frozen=True)
class Behalf:
    """How a unit said it, who said it there, and what bears it out: a note or a photograph."""

    source: str
    """One of story.ON_BEHALF."""
    counterpart: str
    """Name and position of whoever spoke for the unit."""
    phone: str = ""
    note: str = ""
    files: tuple[Attachment, ...] = ()

    @property
    def fault(self) -> tuple[str, str] | None:
        """The field that is wrong, and why; None where all is there."""
        if self.source not in ON_BEHALF:
            return "source", "请选择代录来源"
        if not self.counterpart.strip():
            return "counterpart", "请填写对方姓名、职务"
        if len(self.counterpart) > NAME_LENGTH:
            return "counterpart", f"对方姓名、职务不能超过{NAME_LENGTH}字"
        if not self.note.strip() and not self.files:
            return "behalf_note", "请填写代录说明，或上传照片（纸质件、聊天截图等）"
        return None


class Recording(Act):
    """An act done on behalf of a unit: its entry tells the source, the counterpart and the note,
    and the photographs come with it."""

    def __init__(self, root: Any, verb: str, *, behalf: Behalf, **more: Any) -> None:
        super().__init__(root, verb, on_behalf=behalf.source, **more)
        self.texts["counterpart"] = behalf.counterpart.strip()
        self.texts["source_note"] = behalf.note.strip()
        if behalf.phone:
            self.personal["counterpart_phone"] = behalf.phone
        self._appeal, self._files = root, behalf.files

    def __enter__(self) -> Act:
        entered = super().__enter__()
        # Not before: rows may be changed inside an act alone.
        if self._files:
            self._appeal.add("attachments", self._files)
        return entered
