"""Notices: the inbox, what leaves the house, and where to.

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "notice",
        sa.Column("id", ID, nullable=False),
        sa.Column("person_id", ID, nullable=False),
        sa.Column("appeal_id", ID, nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("once", sa.String(length=80), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_notice_person_id")),
        sa.ForeignKeyConstraint(["appeal_id"], ["appeal.id"], name=op.f("fk_notice_appeal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint(
            "person_id", "appeal_id", "once", name=op.f("uq_notice_person_id_appeal_id_once")
        ),
    )
    op.create_index("ix_notice_person_id_id", "notice", ["person_id", "id"])
    unread = sa.text("read_at IS NULL")
    op.create_index(
        "ix_notice_unread",
        "notice",
        ["person_id", "id"],
        sqlite_where=unread,
        postgresql_where=unread,
    )
    op.create_index("ix_notice_appeal_id", "notice", ["appeal_id"])
    op.create_table(
        "notice_choice",
        sa.Column("person_id", ID, nullable=False),
        sa.Column("way", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_notice_choice_person_id")
        ),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_notice_choice")),
    )
    op.create_table(
        "notice_address",
        sa.Column("id", ID, nullable=False),
        sa.Column("person_id", ID, nullable=True),
        sa.Column("unit_id", ID, nullable=True),
        sa.Column("label", sa.String(length=100), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", ID, nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_notice_address_person_id")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_notice_address_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_address")),
    )
    op.create_index("ix_notice_address_person_id", "notice_address", ["person_id"])
    op.create_index("ix_notice_address_unit_id", "notice_address", ["unit_id"])
    op.create_table(
        "notice_delivery",
        sa.Column("id", ID, nullable=False),
        sa.Column("way", sa.String(length=40), nullable=False),
        sa.Column("person_id", ID, nullable=True),
        sa.Column("unit_id", ID, nullable=True),
        sa.Column("address_id", ID, nullable=True),
        sa.Column("office_id", ID, nullable=False),
        sa.Column("line", sa.String(length=500), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("head_id", ID, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("run_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leased_by", sa.String(length=80), nullable=False),
        sa.Column("error", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_notice_delivery_person_id")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_notice_delivery_unit_id")),
        sa.ForeignKeyConstraint(
            ["office_id"], ["unit.id"], name=op.f("fk_notice_delivery_office_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_delivery")),
    )
    op.create_index("ix_notice_delivery_state_run_at", "notice_delivery", ["state", "run_at"])
    op.create_index("ix_notice_delivery_head_id", "notice_delivery", ["head_id"])
    op.create_table(
        "reminded",
        sa.Column("deadline_id", ID, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["deadline_id"], ["deadline.id"], name=op.f("fk_reminded_deadline_id")
        ),
        sa.PrimaryKeyConstraint("deadline_id", "day", "event", name=op.f("pk_reminded")),
    )


def downgrade() -> None:
    for table in ("reminded", "notice_delivery", "notice_address", "notice_choice", "notice"):
        op.drop_table(table)
