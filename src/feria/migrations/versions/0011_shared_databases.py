"""Whose a task or a job is among nodes that share a database, and which of these live."""

import sqlalchemy as sa
from alembic import op

from feria.storage.rows import Moment, key

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    for table in ("tasks", "federation_jobs"):
        op.add_column(table, sa.Column("node", key(64), nullable=True))
    op.create_table(
        "task_nodes",
        sa.Column("name", key(64), nullable=False),
        sa.Column("seen_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_task_nodes"),
    )


def downgrade() -> None:
    op.drop_table("task_nodes")
    for table in ("federation_jobs", "tasks"):
        op.drop_column(table, "node")
