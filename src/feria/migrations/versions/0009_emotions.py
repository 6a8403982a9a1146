"""Labels of expressions, and moods beside shoppers' events, of who allowed them to be kept."""

import sqlalchemy as sa
from alembic import op

from feria.storage.rows import Moment, blob, counter, key

revision = "0009"
down_revision = "0008"

identity = counter().with_variant(sa.Integer(), "sqlite")

CLASSES = (
    (1, "angry", "Enojo o ira"),
    (2, "disgust", "Asco o desagrado"),
    (3, "fear", "Miedo o temor"),
    (4, "happy", "Felicidad o alegría"),
    (5, "neutral", "Expresión neutra"),
    (6, "sad", "Tristeza"),
    (7, "surprise", "Sorpresa o asombro"),
)


def upgrade() -> None:
    classes = op.create_table(
        "emotion_classes",
        sa.Column("id", sa.SmallInteger(), nullable=False, autoincrement=False),
        sa.Column("name", key(64), nullable=False),
        sa.Column("description", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_emotion_classes"),
        sa.UniqueConstraint("name", name="uq_emotion_classes_name"),
    )
    op.bulk_insert(classes, [{"id": id, "name": name, "description": said} for id, name, said in CLASSES])
    op.create_table(
        "model_versions",
        sa.Column("id", identity, nullable=False, autoincrement=True),
        sa.Column("tag", key(64), nullable=False),
        sa.Column("model", key(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", key(64), nullable=False),
        sa.Column("first_used_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_model_versions"),
        sa.UniqueConstraint("model", "version", "digest", name="uq_model_versions_model_version_digest"),
    )
    op.create_table(
        "predictions_log",
        sa.Column("number", identity, nullable=False, autoincrement=True),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("minute", counter(), nullable=False),
        sa.Column("emotion_id", sa.SmallInteger(), nullable=False),
        sa.Column("model_version_id", counter(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("processing_time_ms", sa.Double(), nullable=False),
        sa.Column("session", key(32), nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_predictions_log"),
        sa.ForeignKeyConstraint(["emotion_id"], ["emotion_classes.id"], name="fk_predictions_log_emotion_id"),
        sa.ForeignKeyConstraint(
            ["model_version_id"], ["model_versions.id"], name="fk_predictions_log_model_version_id"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_predictions_log_minute_emotion_id", "predictions_log", ["minute", "emotion_id"])
    op.add_column("shopper_events", sa.Column("mood", blob(), nullable=True))
    op.create_index("ix_predictions_log_session", "predictions_log", ["session"])


def downgrade() -> None:
    op.drop_column("shopper_events", "mood")
    op.drop_table("predictions_log")
    op.drop_table("model_versions")
    op.drop_table("emotion_classes")
