"""The desk: the lines that are answered there, and the calls.

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "hotline_line",
        sa.Column("id", ID, nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("cross_region", sa.Boolean(), nullable=False),
        sa.Column("office_id", ID, nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["office_id"], ["unit.id"], name=op.f("fk_hotline_line_office_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hotline_line")),
        sa.UniqueConstraint("number", name=op.f("uq_hotline_line_number")),
    )
    op.create_table(
        "call_record",
        sa.Column("id", ID, nullable=False),
        sa.Column("office_id", ID, nullable=False),
        sa.Column("line_id", ID, nullable=False),
        sa.Column("outside_id", sa.String(length=64), nullable=True),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_by_id", ID, nullable=False),
        sa.Column("taken_by_name", sa.String(length=100), nullable=False),
        sa.Column("taken_unit_id", ID, nullable=False),
        sa.Column("taken_role", sa.String(length=40), nullable=False),
        sa.Column("caller_name", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("phone_index", sa.String(length=64), nullable=True),
        sa.Column("appellant_type", sa.String(length=40), nullable=False),
        sa.Column("appellant_name", sa.Text(), nullable=False),
        sa.Column("firm_id", ID, nullable=True),
        sa.Column("plates", sa.String(length=400), nullable=False),
        sa.Column("place", sa.String(length=200), nullable=False),
        sa.Column("stuck_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("confidential", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.String(length=40), nullable=False),
        sa.Column("void_reason", sa.String(length=40), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("appeal_id", ID, nullable=True),
        sa.ForeignKeyConstraint(["office_id"], ["unit.id"], name=op.f("fk_call_record_office_id")),
        sa.ForeignKeyConstraint(
            ["line_id"], ["hotline_line.id"], name=op.f("fk_call_record_line_id")
        ),
        sa.ForeignKeyConstraint(
            ["taken_unit_id"], ["unit.id"], name=op.f("fk_call_record_taken_unit_id")
        ),
        sa.ForeignKeyConstraint(["firm_id"], ["firm.id"], name=op.f("fk_call_record_firm_id")),
        sa.ForeignKeyConstraint(
            ["appeal_id"], ["appeal.id"], name=op.f("fk_call_record_appeal_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_record")),
        sa.UniqueConstraint(
            "line_id", "outside_id", name=op.f("uq_call_record_line_id_outside_id")
        ),
    )
    for name, columns in (
        ("office", ("office_id", "began_at", "id")),
        ("office_line", ("office_id", "line_id", "began_at", "id")),
        ("office_outcome", ("office_id", "outcome", "began_at", "id")),
        ("taken_by", ("taken_by_id", "began_at", "id")),
        ("phone_index", ("phone_index", "began_at")),
        ("firm_id", ("firm_id", "began_at")),
        ("appeal_id", ("appeal_id",)),
    ):
        op.create_index(f"ix_call_record_{name}", "call_record", list(columns))
    with_confidence = "is_open IS true AND confidential IS true"
    op.create_index(
        "ix_appeal_confidential",
        "appeal",
        ["office_id", "due_at", "id"],
        sqlite_where=sa.text(with_confidence.replace("true", "1")),
        postgresql_where=sa.text(with_confidence),
    )


def downgrade() -> None:
    op.drop_index("ix_appeal_confidential", "appeal")
    op.drop_table("call_record")
    op.drop_table("hotline_line")
