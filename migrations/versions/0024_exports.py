"""Exports of the ledger, and what each person chose for his.

Revision ID: 0024
Revises: 0023
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "export_run",
        sa.Column("id", ID, nullable=False),
        sa.Column("by_id", ID, nullable=False),
        sa.Column("by_name", sa.String(length=100), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("shape", sa.String(length=40), nullable=False),
        sa.Column("paper", sa.String(length=40), nullable=False),
        sa.Column("columns", sa.String(length=1000), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("row_count", sa.Integer(), nullable=False),
        sa.Column("job_id", ID, nullable=True),
        sa.Column("stored_name", sa.String(length=80), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export_run")),
        sa.UniqueConstraint("stored_name", name=op.f("uq_export_run_stored_name")),
    )
    op.create_index(op.f("ix_export_run_by_id"), "export_run", ["by_id"])
    op.create_index(op.f("ix_export_run_at"), "export_run", ["at"])
    op.create_table(
        "export_choice",
        sa.Column("person_id", ID, nullable=False),
        sa.Column("shape", sa.String(length=40), nullable=False),
        sa.Column("paper", sa.String(length=40), nullable=False),
        sa.Column("columns", sa.String(length=1000), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_export_choice")),
    )


def downgrade() -> None:
    op.drop_table("export_choice")
    op.drop_table("export_run")
