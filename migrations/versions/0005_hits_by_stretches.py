"""Stretches of appeals in the index of words, on PostgreSQL.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

from alembic import op

from ledger.search import ddl

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    ddl.index_anew(op.get_bind())


def downgrade() -> None:
    """The index stays: it answers what the one before it did."""
