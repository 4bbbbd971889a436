"""The kinds of file that are uploaded, one line each: what it is called, who may, what takes it in.

The pages, the remembered columns and the results know no kind by name; a further kind is a
further line of `_ROWS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ..appeals.models import Appeal
from ..catalogue.queries import catalogue
from ..people.actor import Actor, Seat
from ..sheets import Columns, Sheet
from . import batch, feedback, firm_rows, intake, old_ledgers, orders, template, their_results
from .batch import Batch
from .feedback import Feedback
from .firm_rows import FirmRows
from .intake import Taking
from .models import ImportRun
from .old_ledgers import OldLedgers
from .permissions import carrying_seat, importing_seat
from .taking import Orders
from .their_results import TheirResults

BY_ACTS = ("supplement", "correct", "recur", "reopen")
"""The acts that bring another text of the same order into the appeal, as its state allows."""


@dataclass(frozen=True)
class FileKind:
    """A row of the table. `make` is given the office's id and the channel, '' where none is asked.

    `code` is that of the `intake.Kind` which `make` returns: a run names its kind by it.
    """

    code: str
    name: str
    may: Callable[[Actor], Seat | None]
    """The seat under which the actor may upload such a file; None where he may not."""
    columns: Columns
    required: tuple[str, ...]
    make: Callable[[int, str], intake.Kind[Any]]
    channels: Callable[[], Mapping[str, str]] = dict
    """The channels to choose from, code and name; none where no channel is asked."""
    needs_channel: bool = True
    """Whether one of them must be chosen."""
    about: str = ""
    """What comes of a row, for whoever chooses."""
    counts: str = "件"
    """The measure word of what a row becomes."""
    keeps_row: bool = False
    """Whether columns without a meaning stay in the record with the rest of their row."""
    blank: Callable[[], bytes] | None = None
    """Makes an empty workbook to fill in."""
    blank_name: str = ""
    """The file name under which it is handed out."""
    done: str = "新登记"
    """What is said of a row that was taken in."""
    differs: str = "内容不一致"
    """What is said of a row in conflict."""
    settled_by: tuple[str, ...] = BY_ACTS
    """Codes of the acts on an appeal's page that settle a conflict."""
    changes: Callable[[intake.Kind[Any], Sheet], Sequence[Any]] | None = None
    """Every row as it will be, for a trial that shows each change; its columns are given, and need
    no looking at."""
    ours: Callable[[Appeal, Mapping[str, str], str], Mapping[str, str]] | None = None
    """Title and content of what stands, given the row's text and the reason of a conflict; without
    it those of the appeal."""

    @property
    def steps(self) -> tuple[str, ...]:
        """Of an upload."""
        looked = ("核对列", "对照取值", "试导入") if self.changes is None else ("逐行核对",)
        return ("选择文件", *looked, "导入结果" if self.changes is None else "录入结果")

    def taking(
        self,
        *,
        office_id: int,
        channel: str,
        by: Actor,
        mapping: Mapping[str, str] | None = None,
        claim: Callable[[ImportRun], None] | None = None,
        hold: intake.Hold | None = None,
    ) -> Taking[Any]:
        """Raises NoSuchChannel."""
        made = self.make(office_id, channel)
        return Taking(made, office_id=office_id, by=by, mapping=mapping, claim=claim, hold=hold)


class OpeningOrders(Orders):
    """A hotline's orders taken over: what has been replied to arrives closed."""

    code = "opening_orders"

    def __init__(self, channel: str, office_id: int) -> None:
        super().__init__(channel, office_id, opening=True)


def hotlines() -> dict[str, str]:
    """The channels whose orders bring numbers of their own."""
    return {c.code: c.name for c in catalogue().channels.values() if c.source_system}


MOST_CHANGES = 2000
"""So many rows are shown as they will be: as many as one sheet is handed out with."""


def _changes(kind: intake.Kind[Any], sheet: Sheet) -> Sequence[feedback.Change]:
    assert isinstance(kind, Feedback)
    return list(islice(kind.changes(sheet), MOST_CHANGES))


_ROWS = (
    FileKind(
        "orders", "热线工单", importing_seat, orders.COLUMNS, Orders.required,
        lambda office_id, channel: Orders(channel, office_id), channels=hotlines,
        about="12345、12328等热线平台转来的工单，逐件登记为待受理；原答复写入“补充”，不改变办理状态。",
    ),
    FileKind(
        "their_results", "热线平台回访结果", importing_seat, their_results.COLUMNS,
        TheirResults.required,
        lambda office_id, channel: TheirResults(channel, office_id), channels=hotlines,
        about="12345、12328等热线平台自己回访的结果：待回访的即作为本件回访，待销号的不满意即暂停销号，"
        "已销号的不满意列为再次反映，其余留作参考，不再重复回访企业。",
        done="已采用",
    ),
    FileKind(
        "opening_orders", "热线工单（期初导入）", carrying_seat, orders.COLUMNS, Orders.required,
        lambda office_id, channel: OpeningOrders(channel, office_id), channels=hotlines,
        about="启用台账以前的热线工单：有答复的列为已销号（期初），没有答复的列为待受理。",
    ),
    FileKind(
        "ledger", "原有台账（期初导入）", carrying_seat, old_ledgers.COLUMNS, OldLedgers.required,
        lambda office_id, _channel: OldLedgers(office_id),
        about="本办公室原来的诉求台账：已销号的列为已销号（期初），未销号的按承办单位转入，整行留存。",
        keeps_row=True,
    ),
    FileKind(
        "batch", "诉求批量登记", batch.registering_seat, batch.COLUMNS, Batch.required,
        lambda office_id, channel: Batch(channel, office_id),
        channels=batch.channels_by_hand, needs_channel=False,
        about="走访、座谈会收集的诉求，以导入人的名义逐件登记为待受理；文件中写明来源渠道的以文件为准。",
        blank=template.workbook, blank_name=template.FILE_NAME,
    ),
    FileKind(
        "firms", "企业名单", firm_rows.registering_seat, firm_rows.COLUMNS, FirmRows.required,
        lambda office_id, _channel: FirmRows(office_id),
        about="企业库没有的企业逐家登记；已有的不改动。同一代码名称不同、同名代码不同的列为“内容不一致”。",
        counts="家",
    ),
    FileKind(
        "feedback", "承办单位反馈表", feedback.recording_seat, feedback.COLUMNS, Feedback.required,
        lambda office_id, _channel: Feedback(office_id),
        about="线下单位填回的反馈表，逐行代录为阶段反馈或办结反馈；空行跳过，导出后已有变化的不录入。",
        done="已录入", differs="已有变化", settled_by=("answer_on_behalf", "progress_on_behalf"),
        changes=_changes, ours=feedback.ours,
    ),
)  # fmt: skip

KINDS: Mapping[str, FileKind] = {kind.code: kind for kind in _ROWS}


def open_to(actor: Actor) -> dict[str, FileKind]:
    """What this actor may upload, by code."""
    return {code: kind for code, kind in KINDS.items() if kind.may(actor)}
