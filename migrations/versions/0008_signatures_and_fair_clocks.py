"""What a unit's head signs, what is judged on time, and hours of the office by their day.

Revision ID: 0008
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0006"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)

ADDED = {
    "appeal": (("on_time", sa.Boolean()), ("on_time_original", sa.Boolean())),
    "assignment": (("drafted_at", MOMENT), ("signing_note", sa.Text())),
    "deadline": (("stated_at", MOMENT), ("stated_seq", sa.Integer())),
    "attachment": (("draft_of_id", ID),),
}

UNIQUE = "uq_office_hours_region_code_opens"
UNIQUE_BY_DAY = "uq_office_hours_region_code_effective_on_opens"


def upgrade() -> None:
    for table, columns in ADDED.items():
        for name, kind in columns:
            op.add_column(table, sa.Column(name, kind, nullable=True))
    with op.batch_alter_table("office_hours") as hours:
        hours.add_column(
            # What stands has been so from the beginning.
            sa.Column("effective_on", sa.Date(), nullable=False, server_default="1970-01-01")
        )
        hours.drop_constraint(op.f(UNIQUE), type_="unique")
        hours.create_unique_constraint(
            op.f(UNIQUE_BY_DAY), ["region_code", "effective_on", "opens"]
        )


def downgrade() -> None:
    op.execute("DELETE FROM office_hours WHERE effective_on > '1970-01-01'")
    with op.batch_alter_table("office_hours") as hours:
        hours.drop_constraint(op.f(UNIQUE_BY_DAY), type_="unique")
        hours.create_unique_constraint(op.f(UNIQUE), ["region_code", "opens"])
        hours.drop_column("effective_on")
    for table, columns in ADDED.items():
        for name, _ in columns:
            op.drop_column(table, name)
