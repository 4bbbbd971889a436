"""Reconciliation: a hotline's list laid beside ours, and what its words for states mean.

Revision ID: 0022
Revises: 0021
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "reconciliation",
        sa.Column("id", ID, nullable=False),
        sa.Column("office_id", ID, nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("source_system", sa.String(length=40), nullable=False),
        sa.Column("since_day", sa.Date(), nullable=False),
        sa.Column("until_day", sa.Date(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("file_sha256", sa.String(length=64), nullable=False),
        sa.Column("draft_id", ID, nullable=True),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_id", ID, nullable=True),
        sa.Column("by_name", sa.String(length=100), nullable=False),
        sa.Column("row_count", sa.Integer(), nullable=False),
        sa.Column("repeated", sa.Integer(), nullable=False),
        sa.Column("agreed", sa.Integer(), nullable=False),
        sa.Column("finished", sa.Boolean(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by_id", ID, nullable=True),
        sa.Column("closed_by_name", sa.String(length=100), nullable=True),
        sa.ForeignKeyConstraint(
            ["office_id"], ["unit.id"], name=op.f("fk_reconciliation_office_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliation")),
    )
    op.create_index("ix_reconciliation_office_id", "reconciliation", ["office_id", "id"])
    op.create_table(
        "reconciliation_line",
        sa.Column("id", ID, nullable=False),
        sa.Column("reconciliation_id", ID, nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("finding", sa.String(length=40), nullable=False),
        sa.Column("row_number", sa.Integer(), nullable=False),
        sa.Column("order_number", sa.String(length=64), nullable=False),
        sa.Column("sub_number", sa.String(length=64), nullable=False),
        sa.Column("their_word", sa.String(length=100), nullable=False),
        sa.Column("their_meaning", sa.String(length=40), nullable=False),
        sa.Column("our_meaning", sa.String(length=40), nullable=False),
        sa.Column("appeal_id", ID, nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("theirs", sa.Text(), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by_id", ID, nullable=True),
        sa.Column("settled_by_name", sa.String(length=100), nullable=True),
        sa.Column("settled_how", sa.String(length=40), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["reconciliation_id"],
            ["reconciliation.id"],
            name=op.f("fk_reconciliation_line_reconciliation_id"),
        ),
        sa.ForeignKeyConstraint(
            ["appeal_id"], ["appeal.id"], name=op.f("fk_reconciliation_line_appeal_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliation_line")),
    )
    lines = "reconciliation_line"
    finding = ["reconciliation_id", "finding", "id"]
    op.create_index("ix_reconciliation_line_finding", lines, finding)
    op.create_index("ix_reconciliation_line_number", lines, ["reconciliation_id", "order_number"])
    unsettled = sa.text("settled_at IS NULL")
    op.create_index(
        "ix_reconciliation_line_open",
        lines,
        finding,
        sqlite_where=unsettled,
        postgresql_where=unsettled,
    )
    op.create_index("ix_reconciliation_line_appeal_id", lines, ["appeal_id"])
    op.create_table(
        "hotline_state_word",
        sa.Column("id", ID, nullable=False),
        sa.Column("office_id", ID, nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("word", sa.String(length=100), nullable=False),
        sa.Column("meaning", sa.String(length=40), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_id", ID, nullable=True),
        sa.Column("by_name", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(
            ["office_id"], ["unit.id"], name=op.f("fk_hotline_state_word_office_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hotline_state_word")),
        sa.UniqueConstraint("office_id", "channel", "word", name="uq_hotline_state_word_word"),
    )
    op.create_index(
        "ix_external_order_received", "external_order", ["source_system", "received_at", "id"]
    )


def downgrade() -> None:
    op.drop_index("ix_external_order_received", "external_order")
    op.drop_table("hotline_state_word")
    op.drop_table("reconciliation_line")
    op.drop_table("reconciliation")
