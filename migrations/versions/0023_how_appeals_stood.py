"""How appeals stood, stretch by stretch, and the formulas of what is counted.

What stands already is told from its entries by `ledger db upgrade`, right after this.

Revision ID: 0023
Revises: 0022
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
CODE = sa.String(length=40)

FEW = (
    (
        "ix_appeal_interval_open",
        "is_open IS true",
        ["to_at", "from_at", "due_at", "appeal_id"],
    ),
    (
        "ix_appeal_interval_ended",
        "is_open IS false",
        ["to_at", "from_at", "state", "opening", "excluded", "appeal_id"],
    ),
    ("ix_appeal_interval_excluded", "excluded IS true", ["to_at", "from_at", "appeal_id"]),
)


def upgrade() -> None:
    op.create_table(
        "appeal_interval",
        sa.Column("appeal_id", ID, nullable=False),
        sa.Column("from_at", MOMENT, nullable=False),
        sa.Column("to_at", MOMENT, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("verb", CODE, nullable=False),
        sa.Column("came_from", CODE, nullable=False),
        sa.Column("state", CODE, nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("office_id", ID, nullable=False),
        sa.Column("region_code", sa.String(length=12), nullable=False),
        sa.Column("lead_unit_id", ID, nullable=True),
        sa.Column("kind", CODE, nullable=False),
        sa.Column("category_id", ID, nullable=True),
        sa.Column("channel", CODE, nullable=False),
        sa.Column("urgency", CODE, nullable=False),
        sa.Column("white_list", sa.Boolean(), nullable=False),
        sa.Column("opening", sa.Boolean(), nullable=False),
        sa.Column("excluded", sa.Boolean(), nullable=False),
        sa.Column("master_id", ID, nullable=True),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("contacted", sa.Boolean(), nullable=True),
        sa.Column("solved", CODE, nullable=False),
        sa.Column("satisfaction", CODE, nullable=False),
        sa.Column("on_time", sa.Boolean(), nullable=True),
        sa.Column("on_time_original", sa.Boolean(), nullable=True),
        sa.Column("handed_on", sa.Date(), nullable=True),
        sa.Column("answered_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["appeal_id"], ["appeal.id"], name=op.f("fk_appeal_interval_appeal_id")
        ),
        sa.PrimaryKeyConstraint("appeal_id", "from_at", name=op.f("pk_appeal_interval")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_appeal_interval_from", "appeal_interval", ["from_at", "appeal_id"])
    for name, where, columns in FEW:
        op.create_index(
            name,
            "appeal_interval",
            columns,
            # SQLite takes it only where a query says the same words.
            sqlite_where=sa.text(where.replace("true", "1").replace("false", "0")),
            postgresql_where=sa.text(where),
        )
    op.create_table(
        "figure_formula",
        sa.Column("id", ID, nullable=False),
        sa.Column("effective_at", MOMENT, nullable=False),
        sa.Column("basically_percent", sa.Integer(), nullable=False),
        sa.Column("basis", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_figure_formula")),
        sa.UniqueConstraint("effective_at", name=op.f("uq_figure_formula_effective_at")),
    )


def downgrade() -> None:
    op.drop_table("figure_formula")
    op.drop_table("appeal_interval")
