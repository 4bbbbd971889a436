"""The appeal: columns (record.py) and verbs (intake to opening, assisting, requesting, reckoning,
pausing, outside, conferring) put together."""

from __future__ import annotations

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, relationship

from ..files.models import Attachment
from ..firms.models import Firm
from ..people.models import Unit
from .answering import Answering
from .assisting import Assisting
from .conferring import Conferring
from .instructing import Instructing
from .instructions import Instruction, InstructionUnit
from .joining import Joining
from .judging import Judging
from .outside import Outside
from .outside_parts import Conference, ConferencePoint, OutsideRecord
from .parts import (
    AppealPlate,
    Assignment,
    Copy,
    Deadline,
    ExternalOrder,
    FormerOwner,
    Request,
)
from .passing import Passing
from .pausing import Pausing
from .reckoning import Reckoning
from .relaying import Relaying
from .signing import Signing

__all__ = ["Appeal", "Assignment", "Attachment", "Deadline", "ExternalOrder", "Request"]


def _few(name: str, where: str, *columns: str) -> Index:
    """An index of those rows alone. SQLite takes it where a query says the same words, and where
    no other index begins with more of what is asked."""
    return Index(
        name,
        *columns,
        sqlite_where=text(where.replace("true", "1")),
        postgresql_where=text(where),
    )


class Appeal(
    Joining,
    Answering,
    Assisting,
    Pausing,
    Passing,
    Reckoning,
    Signing,
    Judging,
    Outside,
    Conferring,
    Instructing,
    Relaying,
):
    """诉求. See record.py for its columns."""

    __tablename__ = "appeal"
    __table_args__ = (
        Index("ix_appeal_office_open_due", "office_id", "is_open", "due_at", "id"),
        Index("ix_appeal_office_state_due", "office_id", "state", "due_at", "id"),
        Index("ix_appeal_office_registered", "office_id", "registered_at", "id"),
        Index("ix_appeal_office_due", "office_id", "due_at", "id"),
        Index("ix_appeal_office_open_registered", "office_id", "is_open", "registered_at", "id"),
        # For whoever sees every office of a ledger: province and city.
        Index("ix_appeal_open_due", "is_open", "due_at", "id"),
        Index("ix_appeal_registered", "registered_at", "id"),
        Index("ix_appeal_due", "due_at", "id"),
        Index("ix_appeal_lead_unit_state", "lead_unit_id", "state", "due_at", "id"),
        Index("ix_appeal_firm_id", "firm_id", "registered_at", "id"),
        Index("ix_appeal_phone_index", "phone_index", "id"),
        Index("ix_appeal_phone_tail_index", "phone_tail_index"),
        Index("ix_appeal_spot_phone_index", "spot_phone_index", "id"),
        Index("ix_appeal_closed_at", "office_id", "closed_at"),
        # Few of many: what asks for attention, whatever the ledger holds besides.
        _few("ix_appeal_recurred", "recurred_at IS NOT NULL", "office_id", "registered_at", "id"),
        _few(
            "ix_appeal_unendorsed",
            "is_open IS true AND duty_unendorsed IS true",
            "office_id",
            "is_open",
            "due_at",
            "id",
        ),
        _few(
            "ix_appeal_details_asked",
            "is_open IS true AND details_asked IS true",
            "office_id",
            "is_open",
            "due_at",
            "id",
        ),
        _few("ix_appeal_asked", "asked IS NOT NULL", "asked", "office_id", "due_at", "id"),
        _few("ix_appeal_asked_below", "asked_below IS NOT NULL", "asked_below", "due_at", "id"),
        _few(
            "ix_appeal_report_due",
            "report_due_at IS NOT NULL",
            "report_due_at",
            "office_id",
            "due_at",
            "id",
        ),
        _few("ix_appeal_masters", "joined_count > 0", "office_id", "id"),
        _few("ix_appeal_joined", "master_id IS NOT NULL AND state <> 'merged'", "office_id", "id"),
        _few("ix_appeal_instructed", "instructed IS true", "office_id", "due_at", "id"),
        _few("ix_appeal_open_urgency", "is_open IS true", "urgency", "office_id", "due_at", "id"),
        _few(
            "ix_appeal_coordination",
            "is_open IS true AND coordination_asked IS true",
            "coordination_asked",
            "is_open",
            "due_at",
            "id",
        ),
        _few(
            "ix_appeal_confidential",
            "is_open IS true AND confidential IS true",
            "office_id",
            "due_at",
            "id",
        ),
        _few("ix_appeal_follow_up", "follow_up_on IS NOT NULL", "office_id", "follow_up_on"),
    )

    office: Mapped[Unit] = relationship(
        foreign_keys="Appeal.office_id", lazy="joined", innerjoin=True
    )
    lead_unit: Mapped[Unit | None] = relationship(foreign_keys="Appeal.lead_unit_id", viewonly=True)
    firm: Mapped[Firm | None] = relationship(foreign_keys="Appeal.firm_id")
    master: Mapped[Appeal | None] = relationship(
        foreign_keys="Appeal.master_id", remote_side="Appeal.id", viewonly=True
    )
    assignments: Mapped[list[Assignment]] = relationship(
        back_populates="appeal", order_by=Assignment.id
    )
    deadlines: Mapped[list[Deadline]] = relationship(back_populates="appeal", order_by=Deadline.id)
    requests: Mapped[list[Request]] = relationship(back_populates="appeal", order_by=Request.id)
    external_orders: Mapped[list[ExternalOrder]] = relationship(
        back_populates="appeal", order_by=ExternalOrder.id
    )
    attachments: Mapped[list[Attachment]] = relationship(order_by=Attachment.id)
    instructions: Mapped[list[Instruction]] = relationship(
        back_populates="appeal", order_by=Instruction.id
    )
    instruction_units: Mapped[list[InstructionUnit]] = relationship(
        back_populates="appeal", order_by=InstructionUnit.id
    )
    plate_rows: Mapped[list[AppealPlate]] = relationship(
        order_by=AppealPlate.id, cascade="all, delete-orphan"
    )
    former_owners: Mapped[list[FormerOwner]] = relationship(order_by=FormerOwner.id)
    copies: Mapped[list[Copy]] = relationship(order_by=Copy.id)
    outside_records: Mapped[list[OutsideRecord]] = relationship(
        back_populates="appeal", order_by=OutsideRecord.id
    )
    conferences: Mapped[list[Conference]] = relationship(
        back_populates="appeal", order_by=Conference.id
    )
    conference_points: Mapped[list[ConferencePoint]] = relationship(
        back_populates="appeal", order_by=ConferencePoint.id
    )
