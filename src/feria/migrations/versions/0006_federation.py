"""Clients that train together, their jobs, and what was told of these."""

import sqlalchemy as sa
from alembic import op

from feria.storage.rows import Moment, blob, counter, key

revision = "0006"
down_revision = "0005"

identity = counter().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "federation_clients",
        sa.Column("id", key(32), nullable=False),
        sa.Column("owner", key(128), nullable=False),
        sa.Column("name", key(100), nullable=False),
        sa.Column("dataset", sa.String(200), nullable=False),
        sa.Column("columns", blob(), nullable=False),
        sa.Column("rows", counter(), nullable=False),
        sa.Column("schema_digest", key(64), nullable=False),
        sa.Column("host", key(64), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_federation_clients"),
        sa.UniqueConstraint("owner", "name", name="uq_federation_clients_owner_name"),
    )
    op.create_table(
        "federation_jobs",
        sa.Column("number", identity, nullable=False, autoincrement=True),
        sa.Column("owner", key(128), nullable=False),
        sa.Column("model_owner", key(128), nullable=False),
        sa.Column("order", blob(), nullable=False),
        sa.Column("clients", sa.Integer(), nullable=False),
        sa.Column("state", key(16), nullable=False),
        sa.Column("round", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("started_at", Moment(), nullable=True),
        sa.Column("finished_at", Moment(), nullable=True),
        sa.Column("error", blob(), nullable=True),
        sa.Column("result", blob(), nullable=True),
        sa.Column("health", blob(), nullable=False),
        sa.Column("clients_config", blob(), nullable=False),
        sa.Column("clients_status", blob(), nullable=False),
        sa.Column("status_event", counter(), nullable=False),
        sa.Column("last_event", counter(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_federation_jobs"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_federation_jobs_owner_number", "federation_jobs", ["owner", "number"])
    op.create_index("ix_federation_jobs_state", "federation_jobs", ["state"])
    op.create_table(
        "federation_events",
        sa.Column("job", counter(), autoincrement=False, nullable=False),
        sa.Column("first", counter(), autoincrement=False, nullable=False),
        sa.Column("last", counter(), nullable=False),
        sa.Column("events", blob(), nullable=False),
        sa.PrimaryKeyConstraint("job", "first", name="pk_federation_events"),
    )
    op.create_table(
        "federation_rounds",
        sa.Column("job", counter(), autoincrement=False, nullable=False),
        sa.Column("round", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("ended", blob(), nullable=False),
        sa.PrimaryKeyConstraint("job", "round", name="pk_federation_rounds"),
    )
    op.create_table(
        "federation_client_rounds",
        sa.Column("job", counter(), autoincrement=False, nullable=False),
        sa.Column("round", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("client", key(15), nullable=False),
        sa.Column("status", key(16), nullable=False),
        sa.Column("accuracy", sa.Double(), nullable=True),
        sa.Column("loss", sa.Double(), nullable=True),
        sa.Column("samples", counter(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("bytes", counter(), nullable=False),
        sa.PrimaryKeyConstraint("job", "round", "client", name="pk_federation_client_rounds"),
    )


def downgrade() -> None:
    for table in ("client_rounds", "rounds", "events", "jobs", "clients"):
        op.drop_table(f"federation_{table}")
