"""Labels that people allowed to be kept. No frame, and nobody's name."""

from datetime import datetime

from sqlalchemy import Double, ForeignKey, Index, Integer, SmallInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from feria.storage.rows import Moment, Row, counter, identity, key


class EmotionClassRow(Row):
    __tablename__ = "emotion_classes"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    """1 to 7 are the seven of `classes`; others are those of networks that know more."""
    name: Mapped[str] = mapped_column(key(64), unique=True)
    description: Mapped[str] = mapped_column(String(200))


class ModelVersionRow(Row):
    __tablename__ = "model_versions"
    __table_args__ = (UniqueConstraint("model", "version", "digest"),)

    id: Mapped[int] = mapped_column(identity, primary_key=True, autoincrement=True)
    tag: Mapped[str] = mapped_column(key(64))
    """As answers call it."""
    model: Mapped[str] = mapped_column(key(64))
    version: Mapped[int] = mapped_column(Integer)
    digest: Mapped[str] = mapped_column(key(64))
    first_used_at: Mapped[datetime] = mapped_column(Moment())


class PredictionRow(Row):
    __tablename__ = "predictions_log"
    __table_args__ = (
        Index(None, "minute", "emotion_id"),
        Index(None, "session"),
        {"sqlite_autoincrement": True},  # numbers only grow: the oldest are forgotten by them
    )

    number: Mapped[int] = mapped_column(identity, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(Moment())
    minute: Mapped[int] = mapped_column(counter)
    """Of `at`, since 1970: what statistics are counted by."""
    emotion_id: Mapped[int] = mapped_column(SmallInteger, ForeignKey("emotion_classes.id"))
    model_version_id: Mapped[int] = mapped_column(counter, ForeignKey("model_versions.id"))
    confidence: Mapped[float] = mapped_column(Double)
    processing_time_ms: Mapped[float] = mapped_column(Double)
    session: Mapped[str | None] = mapped_column(key(32))
    """Keyed hash of the id that the sender gave; nothing where none was given."""
