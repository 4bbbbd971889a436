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


def downgrade() -> None:
    for name, (table, column, _newest) in NEWEST.items():
        op.drop_index(name, table)
        op.create_index(name, table, [column])
