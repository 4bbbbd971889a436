"""What a unit's head signs, what is judged on time, and hours of the office by their day.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

from datetime import date
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
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


def _hours(*more: sa.Column[Any], by: tuple[str, ...]) -> sa.Table:
    return op.create_table(
        "office_hours",
        sa.Column("id", ID, nullable=False),
        sa.Column("region_code", sa.String(length=40), nullable=False),
        *more,
        sa.Column("opens", sa.Time(), nullable=False),
        sa.Column("closes", sa.Time(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_office_hours")),
        sa.UniqueConstraint(*by, name=op.f(f"uq_office_hours_{'_'.join(by)}")),
    )


def _standing() -> list[dict[str, Any]]:
    """The few rows there are, in force from the beginning."""
    hours = sa.table(
        "office_hours",
        sa.column("region_code", sa.String()),
        sa.column("opens", sa.Time()),
        sa.column("closes", sa.Time()),
        sa.column("id", ID),
    )
    rows = op.get_bind().execute(sa.select(hours).order_by(hours.c.id)).mappings()
    found = [{name: row[name] for name in ("region_code", "opens", "closes")} for row in rows]
    op.drop_table("office_hours")
    return found


def upgrade() -> None:
    for table, columns in ADDED.items():
        for name, kind in columns:
            op.add_column(table, sa.Column(name, kind, nullable=True))
    rows = [{**row, "effective_on": date(1970, 1, 1)} for row in _standing()]
    day = sa.Column("effective_on", sa.Date(), nullable=False)
    op.bulk_insert(_hours(day, by=("region_code", "effective_on", "opens")), rows)


def downgrade() -> None:
    op.execute("DELETE FROM office_hours WHERE effective_on > '1970-01-01'")
    rows = _standing()
    op.bulk_insert(_hours(by=("region_code", "opens")), rows)
    for table, columns in ADDED.items():
        for name, _ in columns:
            op.drop_column(table, name)
