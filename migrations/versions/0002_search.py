"""The index of appeals by their words.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from alembic import op

from ledger.search import ddl

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Empty where appeals stand already: `ledger reindex` fills it."""
    ddl.create(op.get_bind())


def downgrade() -> None:
    ddl.drop(op.get_bind())
