"""What a joined appeal is handled with, and the few that are joined or have others joined to them.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

FEW = {
    "ix_appeal_masters": "joined_count > 0",
    "ix_appeal_joined": "master_id IS NOT NULL AND state <> 'merged'",
}


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("appeal", sa.Column("handled_with_id", number, nullable=True))
    for name, where in FEW.items():
        op.create_index(
            name,
            "appeal",
            ["office_id", "id"],
            sqlite_where=sa.text(where),
            postgresql_where=sa.text(where),
        )


def downgrade() -> None:
    for name in FEW:
        op.drop_index(name, "appeal")
    op.drop_column("appeal", "handled_with_id")
