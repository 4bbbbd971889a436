"""What is handed over from shift to shift, and which line a shift keeps; and the newest of a
telephone number or a plate, read from the end of its index.

Revision ID: 0017
Revises: 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

NEWEST = {
    "ix_appeal_phone_index": ("appeal", "phone_index", "id"),
    "ix_appeal_spot_phone_index": ("appeal", "spot_phone_index", "id"),
    "ix_appeal_plate": ("appeal_plate", "plate", "appeal_id"),
}


def upgrade() -> None:
    for name, (table, column, newest) in NEWEST.items():
        op.drop_index(name, table)
        op.create_index(name, table, [column, newest])
    op.add_column(
        "duty_shift", sa.Column("line", sa.String(length=40), nullable=False, server_default="")
    )
    op.create_table(
        "shift_handover",
        sa.Column("id", ID, nullable=False),
        sa.Column("office_id", ID, nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ticked", sa.String(length=200), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("critical", sa.Text(), nullable=False),
        sa.Column("salt", sa.String(length=64), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("out_by_id", ID, nullable=False),
        sa.Column("out_by_name", sa.String(length=100), nullable=False),
        sa.Column("out_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("in_words", sa.Text(), nullable=False),
        sa.Column("in_by_id", ID, nullable=True),
        sa.Column("in_by_name", sa.String(length=100), nullable=False),
        sa.Column("in_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["office_id"], ["unit.id"], name=op.f("fk_shift_handover_office_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shift_handover")),
    )
    op.create_index("ix_shift_handover_office", "shift_handover", ["office_id", "id"])
    waits = sa.text("in_at IS NULL")
    op.create_index(
        "uq_shift_handover_waits",
        "shift_handover",
        ["office_id"],
        unique=True,
        sqlite_where=waits,
        postgresql_where=waits,
    )


def downgrade() -> None:
    op.drop_table("shift_handover")
    op.drop_column("duty_shift", "line")
    for name, (table, column, _newest) in NEWEST.items():
        op.drop_index(name, table)
        op.create_index(name, table, [column])
