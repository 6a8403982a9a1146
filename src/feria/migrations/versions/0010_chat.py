"""Chat: rooms, messages, who is in them and who may not speak."""

import sqlalchemy as sa
from alembic import op

from feria.storage.rows import Moment, blob, counter, key

revision = "0010"
down_revision = "0009"

identity = counter().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "chat_rooms",
        sa.Column("id", identity, nullable=False, autoincrement=True),
        sa.Column("name", key(64), nullable=False),
        sa.Column("kind", key(8), nullable=False),
        sa.Column("title", sa.String(100), nullable=False),
        sa.Column("last", counter(), nullable=False),
        sa.Column("created_by", key(64), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_chat_rooms"),
        sa.UniqueConstraint("name", name="uq_chat_rooms_name"),
    )
    op.create_table(
        "chat_messages",
        sa.Column("room_id", counter(), nullable=False, autoincrement=False),
        sa.Column("seq", counter(), nullable=False, autoincrement=False),
        sa.Column("changed", counter(), nullable=False),
        sa.Column("client_id", key(64), nullable=False),
        sa.Column("person", key(64), nullable=False),
        sa.Column("nickname", sa.String(64), nullable=False),
        sa.Column("role", key(8), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("edited_at", Moment(), nullable=True),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("reply_to", counter(), nullable=True),
        sa.Column("products", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("room_id", "seq", name="pk_chat_messages"),
        sa.UniqueConstraint(
            "room_id", "person", "client_id", name="uq_chat_messages_room_id_person_client_id"
        ),
    )
    op.create_index("ix_chat_messages_room_id_changed", "chat_messages", ["room_id", "changed"])
    op.create_index("ix_chat_messages_person", "chat_messages", ["person"])
    op.create_index("ix_chat_messages_at", "chat_messages", ["at"])
    op.create_table(
        "chat_members",
        sa.Column("room_id", counter(), nullable=False, autoincrement=False),
        sa.Column("person", key(64), nullable=False),
        sa.Column("nickname", sa.String(64), nullable=False),
        sa.Column("delivered", counter(), nullable=False),
        sa.Column("read", counter(), nullable=False),
        sa.Column("joined_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("room_id", "person", name="pk_chat_members"),
    )
    op.create_index("ix_chat_members_person", "chat_members", ["person"])
    op.create_table(
        "chat_sanctions",
        sa.Column("person", key(64), nullable=False),
        sa.Column("room_id", counter(), nullable=False, autoincrement=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False, autoincrement=False),
        sa.Column("until", Moment(), nullable=True),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("by", key(64), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("person", "room_id", "kind", name="pk_chat_sanctions"),
    )
    op.create_table(
        "chat_keys",
        sa.Column("name", key(16), nullable=False),
        sa.Column("key", blob(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_chat_keys"),
    )


def downgrade() -> None:
    for name in ("chat_keys", "chat_sanctions", "chat_members", "chat_messages", "chat_rooms"):
        op.drop_table(name)
