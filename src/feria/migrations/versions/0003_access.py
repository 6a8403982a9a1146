"""Tokens and browser sessions."""

import sqlalchemy as sa
from alembic import op

from feria.storage.rows import Moment, key

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", key(16), nullable=False),
        sa.Column("name", key(64), nullable=False),
        sa.Column("role", key(16), nullable=False),
        sa.Column("permissions", key(255), nullable=False),
        sa.Column("secret", key(255), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=True),
        sa.Column("last_used_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
    )
    op.create_index("ix_tokens_name", "tokens", ["name"])
    op.create_table(
        "sessions",
        sa.Column("id", key(64), nullable=False),
        sa.Column("token_id", key(16), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
    )
    for column in ("token_id", "expires_at"):
        op.create_index(f"ix_sessions_{column}", "sessions", [column])


def downgrade() -> None:
    op.drop_table("sessions")
    op.drop_table("tokens")
