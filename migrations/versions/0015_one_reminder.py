"""Who is reminded of what is decided in one place: what notices kept of it by themselves goes.

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.drop_table("reminded")


def downgrade() -> None:
    op.create_table(
        "reminded",
        sa.Column("deadline_id", ID, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["deadline_id"], ["deadline.id"], name=op.f("fk_reminded_deadline_id")
        ),
        sa.PrimaryKeyConstraint("deadline_id", "day", "event", name=op.f("pk_reminded")),
    )
