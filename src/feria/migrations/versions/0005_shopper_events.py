"""What shoppers did, under hashes."""

import sqlalchemy as sa
from alembic import op

from feria.storage.rows import Moment, counter, key

revision = "0005"
down_revision = "0004"

identity = counter().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "shopper_events",
        sa.Column("number", identity, nullable=False, autoincrement=True),
        sa.Column("id", key(32), nullable=False),
        sa.Column("shopper", key(32), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("product_id", counter(), nullable=False),
        sa.Column("store", key(64), nullable=True),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_shopper_events"),
        sa.UniqueConstraint("id", name="uq_shopper_events_id"),
    )
    op.create_index("ix_shopper_events_shopper_at", "shopper_events", ["shopper", "at"])
    op.create_index("ix_shopper_events_at", "shopper_events", ["at"])


def downgrade() -> None:
    op.drop_table("shopper_events")
