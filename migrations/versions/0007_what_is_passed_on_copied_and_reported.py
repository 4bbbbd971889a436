"""What is passed on to sub-units, copied to readers, and owed as a report.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _few(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(
        name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
    )


def upgrade() -> None:
    op.create_table(
        "appeal_copy",
        sa.Column("id", ID, nullable=False),
        sa.Column("appeal_id", ID, nullable=False),
        sa.Column("unit_id", ID, nullable=True),
        sa.Column("person_id", ID, nullable=True),
        sa.Column("copied_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("copied_by_id", ID, nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["appeal_id"], ["appeal.id"], name=op.f("fk_appeal_copy_appeal_id")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_appeal_copy_unit_id")),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_appeal_copy_person_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appeal_copy")),
    )
    op.create_index("ix_appeal_copy_appeal_id", "appeal_copy", ["appeal_id"])
    op.create_index("ix_appeal_copy_unit_id", "appeal_copy", ["unit_id", "appeal_id"])
    op.create_index("ix_appeal_copy_person_id", "appeal_copy", ["person_id", "appeal_id"])
    op.add_column("appeal", sa.Column("asked_below", sa.Integer(), nullable=True))
    op.add_column("appeal", sa.Column("report_due_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "appeal",
        # Nothing was ever copied before.
        sa.Column("copied", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column(
        "unit_sight", sa.Column("owes_report_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column(
        "unit_sight", sa.Column("own_warn_at", sa.DateTime(timezone=True), nullable=True)
    )
    _keep_what_is_owed()
    _few(
        "ix_appeal_asked_below",
        "appeal",
        ["asked_below", "due_at", "id"],
        "asked_below IS NOT NULL",
    )
    _few(
        "ix_appeal_report_due",
        "appeal",
        ["report_due_at", "office_id", "due_at", "id"],
        "report_due_at IS NOT NULL",
    )
    _few(
        "ix_unit_sight_owes_report",
        "unit_sight",
        ["unit_id", "owes_report_at", "due_at", "appeal_id"],
        "owes_report_at IS NOT NULL",
    )
    _few(
        "ix_unit_sight_own_warn",
        "unit_sight",
        ["unit_id", "own_warn_at", "due_at", "appeal_id"],
        "own_warn_at IS NOT NULL",
    )


def _keep_what_is_owed() -> None:
    """First reports, and the answers of assists, were limited before they were kept here."""
    op.execute(
        """
        UPDATE unit_sight SET own_warn_at = (
            SELECT min(deadline.warn_at) FROM deadline
            JOIN assignment ON assignment.id = deadline.assignment_id
            WHERE deadline.appeal_id = unit_sight.appeal_id
              AND deadline.stage = 'assist' AND deadline.ended_at IS NULL
              AND assignment.unit_id = unit_sight.unit_id
        )
        WHERE state IN ('accepted', 'assigned', 'held') AND appeal_id IN (
            SELECT appeal_id FROM deadline WHERE stage = 'assist' AND ended_at IS NULL
        )
        """
    )
    op.execute(
        """
        UPDATE appeal SET report_due_at = (
            SELECT min(deadline.due_at) FROM deadline
            WHERE deadline.appeal_id = appeal.id
              AND deadline.stage = 'report' AND deadline.ended_at IS NULL
        )
        WHERE id IN (
            SELECT appeal_id FROM deadline WHERE stage = 'report' AND ended_at IS NULL
        )
        """
    )
    op.execute(
        """
        UPDATE unit_sight SET owes_report_at = (
            SELECT min(deadline.due_at) FROM deadline
            JOIN assignment ON assignment.id = deadline.assignment_id
            WHERE deadline.appeal_id = unit_sight.appeal_id
              AND deadline.stage = 'report' AND deadline.ended_at IS NULL
              AND assignment.unit_id = unit_sight.unit_id
        )
        WHERE state IN ('accepted', 'assigned', 'held') AND appeal_id IN (
            SELECT appeal_id FROM deadline WHERE stage = 'report' AND ended_at IS NULL
        )
        """
    )


def downgrade() -> None:
    op.drop_index("ix_unit_sight_own_warn", "unit_sight")
    op.drop_index("ix_unit_sight_owes_report", "unit_sight")
    op.drop_index("ix_appeal_report_due", "appeal")
    op.drop_index("ix_appeal_asked_below", "appeal")
    op.drop_column("unit_sight", "own_warn_at")
    op.drop_column("unit_sight", "owes_report_at")
    op.drop_column("appeal", "copied")
    op.drop_column("appeal", "report_due_at")
    op.drop_column("appeal", "asked_below")
    op.drop_table("appeal_copy")
