"""An appeal bears further orders: what a hotline suggests stands until the office answers.

Revision ID: 0019
Revises: 0018
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "appeal", sa.Column("rework_suggested_at", sa.DateTime(timezone=True), nullable=True)
    )
    few = sa.text("rework_suggested_at IS NOT NULL")
    op.create_index(
        "ix_appeal_rework_suggested",
        "appeal",
        ["office_id", "registered_at", "id"],
        sqlite_where=few,
        postgresql_where=few,
    )


def downgrade() -> None:
    op.drop_index("ix_appeal_rework_suggested", "appeal")
    op.drop_column("appeal", "rework_suggested_at")
