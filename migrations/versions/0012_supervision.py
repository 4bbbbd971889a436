"""Supervision: urgings, numbered papers and their replies, reminders.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _moment(name: str, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _index(name: str, table: str, columns: list[str], where: str = "") -> None:
    op.create_index(
        name,
        table,
        columns,
        # SQLite takes it only where a query says the same words.
        sqlite_where=sa.text(where.replace("true", "1")) if where else None,
        postgresql_where=sa.text(where) if where else None,
    )


def upgrade() -> None:
    op.add_column("appeal", sa.Column("urged", sa.Integer(), nullable=True))
    op.add_column("appeal", sa.Column("supervised", sa.String(length=40), nullable=True))
    op.add_column("appeal", sa.Column("awaited", sa.Integer(), nullable=True))
    op.add_column(
        "deadline",
        # What runs already is looked at when its light turns.
        sa.Column(
            "look_at",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.text("'1990-01-01 00:00:00.000000'"),
        ),
    )
    op.execute("UPDATE deadline SET look_at = warn_at")
    _index("ix_deadline_look_at", "deadline", ["look_at", "id"], "ended_at IS NULL")
    op.create_table(
        "supervision_urge",
        sa.Column("id", ID, nullable=False),
        sa.Column("appeal_id", ID, nullable=False),
        sa.Column("assignment_id", ID, nullable=True),
        sa.Column("unit_id", ID, nullable=False),
        sa.Column("way", sa.String(length=40), nullable=False),
        sa.Column("urged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("urged_by_id", ID, nullable=True),
        sa.Column("spoken_to", sa.String(length=100), nullable=False),
        sa.Column("urging", sa.Text(), nullable=False),
        sa.Column("urge_answer", sa.Text(), nullable=False),
        _moment("promised_at"),
        sa.ForeignKeyConstraint(
            ["appeal_id"], ["appeal.id"], name=op.f("fk_supervision_urge_appeal_id")
        ),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignment.id"], name=op.f("fk_supervision_urge_assignment_id")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_supervision_urge_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supervision_urge")),
    )
    _index("ix_supervision_urge_appeal_id", "supervision_urge", ["appeal_id", "id"])
    op.create_table(
        "supervision_paper",
        sa.Column("id", ID, nullable=False),
        sa.Column("appeal_id", ID, nullable=False),
        sa.Column("assignment_id", ID, nullable=True),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("office_id", ID, nullable=False),
        sa.Column("paper_year", sa.Integer(), nullable=False),
        sa.Column("paper_number", sa.Integer(), nullable=False),
        sa.Column("letter_number", sa.String(length=100), nullable=False),
        sa.Column("signing_body", sa.String(length=200), nullable=False),
        sa.Column("unit_id", ID, nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_by_id", ID, nullable=True),
        sa.Column("reply_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paper_text", sa.Text(), nullable=False),
        sa.Column("demand", sa.Text(), nullable=False),
        _moment("meeting_at"),
        sa.Column("meeting_place", sa.String(length=200), nullable=False),
        sa.Column("summoned", sa.String(length=200), nullable=False),
        _moment("replied_at"),
        sa.Column("replied_by_id", ID, nullable=True),
        sa.Column("unit_reply", sa.Text(), nullable=False),
        _moment("withdrawn_at"),
        sa.Column("withdrawn_by_id", ID, nullable=True),
        sa.Column("withdrawn_for", sa.Text(), nullable=False),
        sa.Column("waits", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["appeal_id"], ["appeal.id"], name=op.f("fk_supervision_paper_appeal_id")
        ),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignment.id"], name=op.f("fk_supervision_paper_assignment_id")
        ),
        sa.ForeignKeyConstraint(
            ["office_id"], ["unit.id"], name=op.f("fk_supervision_paper_office_id")
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"], ["unit.id"], name=op.f("fk_supervision_paper_unit_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supervision_paper")),
        sa.UniqueConstraint(
            "kind",
            "office_id",
            "paper_year",
            "paper_number",
            name=op.f("uq_supervision_paper_kind_office_id_paper_year_paper_number"),
        ),
    )
    _index("ix_supervision_paper_appeal_id", "supervision_paper", ["appeal_id", "id"])
    _index("ix_supervision_paper_unit_id", "supervision_paper", ["unit_id", "issued_at", "id"])
    _index("ix_supervision_paper_issued_at", "supervision_paper", ["issued_at", "id"])
    _index(
        "ix_supervision_paper_unit_waits",
        "supervision_paper",
        ["unit_id", "reply_due_at", "id"],
        "waits IS true",
    )
    _index(
        "ix_supervision_paper_waits", "supervision_paper", ["reply_due_at", "id"], "waits IS true"
    )
    op.create_table(
        "reminder",
        sa.Column("id", ID, nullable=False),
        sa.Column("matter_id", ID, nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("assignment_key", ID, nullable=False),
        sa.Column("on_day", sa.Date(), nullable=False),
        sa.Column("appeal_id", ID, nullable=False),
        sa.Column("deadline_id", ID, nullable=True),
        sa.Column("paper_id", ID, nullable=True),
        sa.Column("unit_id", ID, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("step", sa.String(length=40), nullable=False),
        sa.Column("waits", sa.Boolean(), nullable=False),
        sa.Column("settled_as", sa.String(length=40), nullable=False),
        _moment("settled_at"),
        sa.Column("settled_by_id", ID, nullable=True),
        sa.ForeignKeyConstraint(["appeal_id"], ["appeal.id"], name=op.f("fk_reminder_appeal_id")),
        sa.ForeignKeyConstraint(
            ["deadline_id"], ["deadline.id"], name=op.f("fk_reminder_deadline_id")
        ),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["supervision_paper.id"], name=op.f("fk_reminder_paper_id")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_reminder_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminder")),
        sa.UniqueConstraint(
            "matter_id",
            "event",
            "assignment_key",
            "on_day",
            name=op.f("uq_reminder_matter_id_event_assignment_key_on_day"),
        ),
    )
    _index("ix_reminder_deadline_id", "reminder", ["deadline_id", "event"])
    _index("ix_reminder_appeal_id", "reminder", ["appeal_id", "id"])
    _index("ix_reminder_waits", "reminder", ["created_at", "id"], "waits IS true")


def downgrade() -> None:
    op.drop_table("reminder")
    op.drop_table("supervision_paper")
    op.drop_table("supervision_urge")
    op.drop_index("ix_deadline_look_at", "deadline")
    op.drop_column("deadline", "look_at")
    for name in ("awaited", "supervised", "urged"):
        op.drop_column("appeal", name)
