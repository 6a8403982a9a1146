"""Flower apps that jobs can run."""

import sqlalchemy as sa
from alembic import op

from feria.storage.rows import Moment, blob, key

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "federation_apps",
        sa.Column("name", key(64), nullable=False),
        sa.Column("version", sa.String(50), nullable=False),
        sa.Column("publisher", sa.String(100), nullable=False),
        sa.Column("description", sa.String(2000), nullable=False),
        sa.Column("settings", blob(), nullable=False),
        sa.Column("digest", key(64), nullable=False),
        sa.Column("owner", key(128), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_federation_apps"),
    )


def downgrade() -> None:
    op.drop_table("federation_apps")
