"""Uploaded files looked at before they are taken in, and how a conflict was settled.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "import_draft",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("office_id", ID, nullable=False),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("file_sha256", sa.String(length=64), nullable=False),
        sa.Column("stored_name", sa.String(length=80), nullable=False),
        sa.Column("byte_count", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("mapping", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_id", ID, nullable=True),
        sa.Column("by_name", sa.String(length=100), nullable=False),
        sa.Column("run_id", ID, nullable=True),
        sa.ForeignKeyConstraint(["office_id"], ["unit.id"], name=op.f("fk_import_draft_office_id")),
        sa.ForeignKeyConstraint(["run_id"], ["import_run.id"], name=op.f("fk_import_draft_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_draft")),
        sa.UniqueConstraint("stored_name", name=op.f("uq_import_draft_stored_name")),
    )
    for column in ("office_id", "created_at", "by_id", "run_id"):
        op.create_index(op.f(f"ix_import_draft_{column}"), "import_draft", [column], unique=False)
    op.create_table(
        "import_mapping",
        sa.Column("id", ID, nullable=False),
        sa.Column("office_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("mapping", sa.Text(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_id", ID, nullable=True),
        sa.Column("by_name", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(
            ["office_id"], ["unit.id"], name=op.f("fk_import_mapping_office_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_mapping")),
        sa.UniqueConstraint(
            "office_id", "kind", "channel", "fingerprint", name=op.f("uq_import_mapping_header")
        ),
    )
    op.add_column("import_line", sa.Column("settled_by_name", sa.String(length=100), nullable=True))
    op.add_column("import_line", sa.Column("settled_how", sa.String(length=40), nullable=True))


def downgrade() -> None:
    op.drop_column("import_line", "settled_how")
    op.drop_column("import_line", "settled_by_name")
    op.drop_table("import_mapping")
    op.drop_table("import_draft")
