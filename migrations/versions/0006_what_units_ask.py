"""What units have asked for and nobody has ruled on.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("appeal", sa.Column("asked", sa.Integer(), nullable=True))
    where = sa.text("asked IS NOT NULL")
    op.create_index(
        "ix_appeal_asked",
        "appeal",
        ["asked", "office_id", "due_at", "id"],
        sqlite_where=where,
        postgresql_where=where,
    )
    op.add_column(
        "request",
        # Nothing was ever asked before.
        sa.Column("by_manager", sa.Boolean(), nullable=False, server_default=sa.false()),
    )


def downgrade() -> None:
    op.drop_column("request", "by_manager")
    op.drop_index("ix_appeal_asked", "appeal")
    op.drop_column("appeal", "asked")
