"""What an outcome has to say for itself, and what an answer leaves over.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TEXTS = (("assignment", "particulars"), ("appeal", "evidence"), ("appeal", "particulars"))
LINKS = ("origin_id", "remainder_id")


def upgrade() -> None:
    for table, column in TEXTS:
        op.add_column(table, sa.Column(column, sa.Text(), nullable=False, server_default=""))
    for column in LINKS:
        number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
        op.add_column("appeal", sa.Column(column, number, nullable=True))


def downgrade() -> None:
    for column in reversed(LINKS):
        op.drop_column("appeal", column)
    for table, column in reversed(TEXTS):
        op.drop_column(table, column)
