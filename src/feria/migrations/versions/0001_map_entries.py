"""The replicated map's rows."""

import sqlalchemy as sa
from alembic import op

from feria.storage.rows import Moment, blob, counter, key

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "map_entries",
        sa.Column("key", key(512), nullable=False),
        sa.Column("value", blob(), nullable=False),
        sa.Column("version", counter(), nullable=False),
        sa.Column("changed_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_map_entries"),
    )


def downgrade() -> None:
    op.drop_table("map_entries")
