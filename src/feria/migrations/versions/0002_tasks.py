"""The journal of tasks."""

import sqlalchemy as sa
from alembic import op

from feria.storage.rows import Moment, blob, key

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", key(32), nullable=False),
        sa.Column("kind", key(64), nullable=False),
        sa.Column("owner", key(128), nullable=False),
        sa.Column("idempotency_key", key(128), nullable=True),
        sa.Column("request_id", key(64), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("payload", blob(), nullable=False),
        sa.Column("file", key(64), nullable=True),
        sa.Column("state", key(16), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("submitted_at", Moment(), nullable=False),
        sa.Column("started_at", Moment(), nullable=True),
        sa.Column("finished_at", Moment(), nullable=True),
        sa.Column("expires_at", Moment(), nullable=True),
        sa.Column("result", blob(), nullable=True),
        sa.Column("error", blob(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_tasks"),
        sa.UniqueConstraint("owner", "idempotency_key", name="uq_tasks_owner_idempotency_key"),
    )
    for columns in (["owner", "id"], ["state"], ["expires_at"]):
        op.create_index(f"ix_tasks_{'_'.join(columns)}", "tasks", columns)


def downgrade() -> None:
    op.drop_table("tasks")
