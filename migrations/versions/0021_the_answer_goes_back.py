"""The answer goes back: what hotlines are pushed, and what is filled in by hand.

Revision ID: 0021
Revises: 0020
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "order_message",
        sa.Column("id", ID, nullable=False),
        sa.Column("order_id", ID, nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("entry_id", ID, nullable=False),
        sa.Column("client_id", ID, nullable=True),
        sa.Column("office_id", ID, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("run_at", MOMENT, nullable=False),
        sa.Column("error", sa.String(length=500), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("done_at", MOMENT, nullable=True),
        sa.Column("settled_by_id", ID, nullable=True),
        sa.Column("settled_by_name", sa.String(length=100), nullable=False),
        sa.Column("settled_for", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id"], ["external_order.id"], name=op.f("fk_order_message_order_id")
        ),
        sa.ForeignKeyConstraint(
            ["office_id"], ["unit.id"], name=op.f("fk_order_message_office_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_message")),
        sa.UniqueConstraint("order_id", "sequence", name="uq_order_message_sequence"),
    )
    op.create_index("ix_order_message_event_id", "order_message", ["event_id"], unique=True)
    op.create_index("ix_order_message_state", "order_message", ["state", "id"])
    op.create_index(op.f("ix_order_message_office_id"), "order_message", ["office_id"])
    waiting = sa.text("state = 'waiting'")
    op.create_index(
        "ix_order_message_due",
        "order_message",
        ["client_id", "run_at", "id"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    op.create_table(
        "push_turn",
        sa.Column("client_id", ID, autoincrement=False, nullable=False),
        sa.Column("leased_by", sa.String(length=80), nullable=False),
        sa.Column("leased_until", MOMENT, nullable=True),
        sa.Column("rest_until", MOMENT, nullable=True),
        sa.Column("rests", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_push_turn")),
    )
    op.add_column("external_order", sa.Column("return_due_at", MOMENT, nullable=True))
    due = sa.text("return_due_at IS NOT NULL")
    op.create_index(
        "ix_external_order_return_due",
        "external_order",
        ["source_system", "return_due_at", "id"],
        sqlite_where=due,
        postgresql_where=due,
    )
    returned = sa.text("returned_at IS NOT NULL")
    op.create_index(
        "ix_external_order_returned",
        "external_order",
        ["source_system", "returned_at", "id"],
        sqlite_where=returned,
        postgresql_where=returned,
    )


def downgrade() -> None:
    op.drop_index("ix_external_order_returned", table_name="external_order")
    op.drop_index("ix_external_order_return_due", table_name="external_order")
    op.drop_column("external_order", "return_due_at")
    op.drop_table("push_turn")
    op.drop_table("order_message")
