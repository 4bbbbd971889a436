"""What leaders instruct, and the units it is put to.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "instruction",
        sa.Column("id", ID, nullable=False),
        sa.Column("appeal_id", ID, nullable=False),
        sa.Column("office_id", ID, nullable=False),
        sa.Column("leader_id", ID, nullable=True),
        sa.Column("leader_name", sa.String(length=100), nullable=False),
        sa.Column("dated_on", sa.Date(), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("reply_by", sa.Date(), nullable=True),
        sa.Column("entry_seq", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["appeal_id"], ["appeal.id"], name=op.f("fk_instruction_appeal_id")
        ),
        sa.ForeignKeyConstraint(["office_id"], ["unit.id"], name=op.f("fk_instruction_office_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instruction")),
    )
    op.create_index("ix_instruction_appeal_id", "instruction", ["appeal_id"])
    op.create_index("ix_instruction_leader_id", "instruction", ["leader_id", "id"])
    op.create_table(
        "instruction_unit",
        sa.Column("id", ID, nullable=False),
        sa.Column("appeal_id", ID, nullable=False),
        sa.Column("instruction_id", ID, nullable=False),
        sa.Column("unit_id", ID, nullable=False),
        sa.Column("replied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("replied_by_id", ID, nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("seqs", sa.String(length=400), nullable=False),
        sa.ForeignKeyConstraint(
            ["appeal_id"], ["appeal.id"], name=op.f("fk_instruction_unit_appeal_id")
        ),
        sa.ForeignKeyConstraint(
            ["instruction_id"], ["instruction.id"], name=op.f("fk_instruction_unit_instruction_id")
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"], ["unit.id"], name=op.f("fk_instruction_unit_unit_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instruction_unit")),
    )
    op.create_index("ix_instruction_unit_appeal_id", "instruction_unit", ["appeal_id"])
    op.create_index("ix_instruction_unit_instruction_id", "instruction_unit", ["instruction_id"])
    waiting = sa.text("replied_at IS NULL")
    op.create_index(
        "ix_instruction_unit_waiting",
        "instruction_unit",
        ["unit_id", "appeal_id"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    op.create_index(
        "ix_appeal_instructed",
        "appeal",
        ["office_id", "due_at", "id"],
        # SQLite takes it only where a query says the same words.
        sqlite_where=sa.text("instructed IS 1"),
        postgresql_where=sa.text("instructed IS true"),
    )


def downgrade() -> None:
    op.drop_index("ix_appeal_instructed", "appeal")
    op.drop_table("instruction_unit")
    op.drop_table("instruction")
