"""What units see, and indexes of the few that ask for attention.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

FEW = (
    ("ix_appeal_recurred", "recurred_at IS NOT NULL", ["office_id", "registered_at", "id"]),
    (
        "ix_appeal_unendorsed",
        "is_open IS true AND duty_unendorsed IS true",
        ["office_id", "is_open", "due_at", "id"],
    ),
    (
        "ix_appeal_details_asked",
        "is_open IS true AND details_asked IS true",
        ["office_id", "is_open", "due_at", "id"],
    ),
    ("ix_appeal_open_urgency", "is_open IS true", ["urgency", "office_id", "due_at", "id"]),
)


def _index(name: str, table: str, columns: list[str], where: str = "") -> None:
    op.create_index(
        name,
        table,
        columns,
        # SQLite takes it only where a query says the same words.
        sqlite_where=sa.text(where.replace("true", "1")) if where else None,
        postgresql_where=sa.text(where) if where else None,
    )


def upgrade() -> None:
    """What stands already is kept at once."""
    op.create_table(
        "unit_sight",
        sa.Column("unit_id", ID, nullable=False),
        sa.Column("appeal_id", ID, nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("warn_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duty", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_unit_sight_unit_id")),
        sa.ForeignKeyConstraint(["appeal_id"], ["appeal.id"], name=op.f("fk_unit_sight_appeal_id")),
        sa.PrimaryKeyConstraint("unit_id", "appeal_id", name=op.f("pk_unit_sight")),
        sqlite_with_rowid=False,
    )
    op.execute(
        """
        INSERT INTO unit_sight
            (unit_id, appeal_id, state, is_open, due_at, warn_at, registered_at, duty)
        SELECT s.unit_id, a.id, a.state, a.is_open, a.due_at, a.warn_at, a.registered_at,
            max(CASE WHEN a.state IN ('assigned', 'held') AND s.state = 'offered'
                THEN 1 ELSE 0 END)
            + max(CASE WHEN a.state IN ('assigned', 'held')
                AND s.state IN ('contested', 'signing', 'taken') THEN 2 ELSE 0 END)
            + max(CASE WHEN a.state IN ('assigned', 'held')
                AND s.state IN ('contested', 'signing', 'taken')
                AND s.sent_back_at IS NOT NULL THEN 4 ELSE 0 END)
        FROM assignment s JOIN appeal a ON a.id = s.appeal_id
        GROUP BY s.unit_id, a.id
        """
    )
    _index("ix_unit_sight_due", "unit_sight", ["unit_id", "due_at", "appeal_id"])
    _index("ix_unit_sight_registered", "unit_sight", ["unit_id", "registered_at", "appeal_id"])
    _index("ix_unit_sight_state", "unit_sight", ["unit_id", "state", "due_at", "appeal_id"])
    _index(
        "ix_unit_sight_open", "unit_sight", ["unit_id", "due_at", "appeal_id"], "is_open IS true"
    )
    _index(
        "ix_unit_sight_duty",
        "unit_sight",
        ["unit_id", "duty", "due_at", "appeal_id", "warn_at", "is_open"],
    )
    op.drop_index("ix_appeal_recurred_at", "appeal")
    for name, where, columns in FEW:
        _index(name, "appeal", columns, where)


def downgrade() -> None:
    for name, _, _ in FEW:
        op.drop_index(name, "appeal")
    op.create_index("ix_appeal_recurred_at", "appeal", ["recurred_at"])
    op.drop_table("unit_sight")
