"""Holds with their reasons, what is written to others, what is put before the leaders, conferences.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)

# What an entry sets is empty in rows that are older than the column: no entry of theirs says so.
SET = (
    sa.Column("hold_reason", sa.String(40), nullable=True),
    sa.Column("raised_by_id", ID, nullable=True),
    sa.Column("coordination_at", MOMENT, nullable=True),
    sa.Column("coordination_by_id", ID, nullable=True),
    sa.Column("difficulty", sa.Text(), nullable=True),
    sa.Column("proposal", sa.Text(), nullable=True),
    sa.Column("proposed_leader", sa.String(100), nullable=True),
)
DERIVED = ("outside_count", "conference_count", "points_open")
FEW = {
    "ix_appeal_coordination": (
        "is_open IS true AND coordination_asked IS true",
        ["coordination_asked", "is_open", "due_at", "id"],
    ),
    "ix_appeal_follow_up": ("follow_up_on IS NOT NULL", ["office_id", "follow_up_on"]),
}


def upgrade() -> None:
    for column in SET:
        op.add_column("appeal", column)
    op.add_column("appeal", sa.Column("follow_up_on", sa.Date(), nullable=True))
    for name in DERIVED:
        op.add_column("appeal", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    for name, (where, columns) in FEW.items():
        op.create_index(
            name,
            "appeal",
            columns,
            sqlite_where=sa.text(where.replace("true", "1")),
            postgresql_where=sa.text(where),
        )
    op.add_column("request", sa.Column("conference_id", ID, nullable=True))
    op.create_table(
        "outside_record",
        sa.Column("id", ID, nullable=False),
        sa.Column("appeal_id", ID, nullable=False),
        sa.Column("direction", sa.String(40), nullable=False),
        sa.Column("party", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("letter_number", sa.String(100), nullable=False),
        sa.Column("sent_on", sa.Date(), nullable=False),
        sa.Column("handler_name", sa.String(100), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("follow_on", sa.Date(), nullable=True),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("replied_on", sa.Date(), nullable=True),
        sa.Column("reply_number", sa.String(100), nullable=False),
        sa.Column("written_seq", sa.Integer(), nullable=False),
        sa.Column("reply_seq", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["appeal_id"], ["appeal.id"], name="fk_outside_record_appeal_id"),
        sa.PrimaryKeyConstraint("id", name="pk_outside_record"),
    )
    op.create_index("ix_outside_record_appeal_id", "outside_record", ["appeal_id"])
    op.create_table(
        "conference",
        sa.Column("id", ID, nullable=False),
        sa.Column("appeal_id", ID, nullable=False),
        sa.Column("mark", sa.String(60), nullable=False),
        sa.Column("matters", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(100), nullable=False),
        sa.Column("held_at", MOMENT, nullable=False),
        sa.Column("venue", sa.String(200), nullable=False),
        sa.Column("participants", sa.Text(), nullable=False),
        sa.Column("conclusion", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["appeal_id"], ["appeal.id"], name="fk_conference_appeal_id"),
        sa.PrimaryKeyConstraint("id", name="pk_conference"),
    )
    op.create_index("ix_conference_appeal_id", "conference", ["appeal_id"])
    op.create_index("ix_conference_mark", "conference", ["mark"])
    op.create_table(
        "conference_point",
        sa.Column("id", ID, nullable=False),
        sa.Column("appeal_id", ID, nullable=False),
        sa.Column("conference_id", ID, nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("agreed", sa.Text(), nullable=False),
        sa.Column("unit_id", ID, nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("done_on", sa.Date(), nullable=True),
        sa.Column("done_words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["appeal_id"], ["appeal.id"], name="fk_conference_point_appeal_id"),
        sa.ForeignKeyConstraint(
            ["conference_id"], ["conference.id"], name="fk_conference_point_conference_id"
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name="fk_conference_point_unit_id"),
        sa.PrimaryKeyConstraint("id", name="pk_conference_point"),
    )
    op.create_index("ix_conference_point_appeal_id", "conference_point", ["appeal_id"])


def downgrade() -> None:
    for table in ("conference_point", "conference", "outside_record"):
        op.drop_table(table)
    op.drop_column("request", "conference_id")
    for name in FEW:
        op.drop_index(name, "appeal")
    for name in (*DERIVED, "follow_up_on", *(column.name for column in SET)):
        op.drop_column("appeal", name)
