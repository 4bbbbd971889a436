"""Files at scale: how far an import is, what became of each row, and what a hotline's words mean.

Revision ID: 0018
Revises: 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column(
        "import_run", sa.Column("last_row", sa.Integer(), nullable=False, server_default="0")
    )
    op.add_column("import_run", sa.Column("job_id", ID, nullable=True))
    op.add_column("import_run", sa.Column("stopped_by_name", sa.String(length=100), nullable=True))
    op.add_column("import_run", sa.Column("sheet_name", sa.String(length=80), nullable=True))
    op.add_column("import_draft", sa.Column("trial_job_id", ID, nullable=True))
    op.add_column(
        "import_draft",
        sa.Column("trial_mark", sa.String(length=16), nullable=False, server_default=""),
    )
    op.create_table(
        "value_mapping",
        sa.Column("id", ID, nullable=False),
        sa.Column("office_id", ID, nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("field", sa.String(length=40), nullable=False),
        sa.Column("theirs", sa.String(length=200), nullable=False),
        sa.Column("ours", sa.String(length=60), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_id", ID, nullable=True),
        sa.Column("by_name", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(["office_id"], ["unit.id"], name=op.f("fk_value_mapping_office_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_value_mapping")),
        sa.UniqueConstraint(
            "office_id", "channel", "field", "theirs", name="uq_value_mapping_word"
        ),
    )


def downgrade() -> None:
    op.drop_table("value_mapping")
    op.drop_column("import_draft", "trial_mark")
    op.drop_column("import_draft", "trial_job_id")
    for column in ("sheet_name", "stopped_by_name", "job_id", "last_row"):
        op.drop_column("import_run", column)
