"""Clients whose rows are elsewhere, and invitations to become one."""

import sqlalchemy as sa
from alembic import op

from feria.storage.rows import Moment, key

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("federation_clients", sa.Column("node_id", key(20), nullable=True))
    op.create_table(
        "superlink_invitations",
        sa.Column("id", key(32), nullable=False),
        sa.Column("owner", key(128), nullable=False),
        sa.Column("name", key(100), nullable=False),
        sa.Column("token", key(64), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("public_key", sa.String(1000), nullable=True),
        sa.Column("redeemed_at", Moment(), nullable=True),
        sa.Column("node_id", key(20), nullable=True),
        sa.Column("revoked_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_superlink_invitations"),
        sa.UniqueConstraint("token", name="uq_superlink_invitations_token"),
        sa.UniqueConstraint("owner", "name", name="uq_superlink_invitations_owner_name"),
    )


def downgrade() -> None:
    op.drop_table("superlink_invitations")
    op.drop_column("federation_clients", "node_id")
