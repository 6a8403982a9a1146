"""Labels in the database: many with one commit, none beyond its time, and never a reason to wait long.

An answer may wait for its label to be durable, but not for a database that is away: then it says that it
was not stored, and for a second those that follow do not even ask.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

from sqlalchemy import Connection, Table, func, insert, select
from sqlalchemy.exc import IntegrityError

from feria.clock import Clock
from feria.emotions.tables import EmotionClassRow, ModelVersionRow, PredictionRow
from feria.storage.database import Database
from feria.storage.forgetting import forget_rows
from feria.storage.group_commit import GroupCommit, open_group_commit

COMMIT_ROWS = 2_000
MOST_WAITING = 10_000
"""Labels that wait for a commit; those of more are not stored."""
PATIENCE = 0.5
"""Seconds that an answer waits for its label to be durable."""
AWAY_SECONDS = 1.0
TRIES = 3

predictions = cast(Table, PredictionRow.__table__)
classes = cast(Table, EmotionClassRow.__table__)
versions = cast(Table, ModelVersionRow.__table__)


class Version(NamedTuple):
    """Of a network, as labels refer to it."""

    tag: str
    model: str
    version: int
    digest: str


@dataclass(slots=True)
class Label:
    at: datetime
    emotion: str
    version: Version
    confidence: float
    processing_time_ms: float
    session: str | None
    withdrawn: bool = False
    """Nobody waits for it any more: not to be stored, unless it is being so now."""


class Kept(NamedTuple):
    """A label as it is shown to whom it is about."""

    at: datetime
    emotion_name: str
    confidence: float
    model_version_tag: str


class PredictionLog:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._batches: GroupCommit[Sequence[Label], None]
        self._emotions: dict[str, int] = {}
        self._versions: dict[Version, int] = {}
        self._away = False
        self._ask_at = 0.0
        self._trying = 0
        self.unstored = 0

    # ------------------------------------------------------------------- writing
    async def store(self, labels: Sequence[Label]) -> bool:
        """Whether they are durable. Soon, whatever the database does."""
        if self._refuses():
            self.unstored += len(labels)
            return False
        self._trying += 1
        write = asyncio.ensure_future(self._batches.write(labels, rows=len(labels)))
        try:
            done, _ = await asyncio.wait({write}, timeout=PATIENCE)
        except (
            asyncio.CancelledError
        ):  # who asked has left; what was computed for them is stored all the same
            write.add_done_callback(_heard)
            raise
        finally:
            self._trying -= 1
        if done and write.exception() is None:
            self._away = False
            return True
        for label in labels:
            label.withdrawn = True
        write.add_done_callback(_heard)
        self._away, self._ask_at = True, self._clock.monotonic() + AWAY_SECONDS
        self.unstored += len(labels)
        return False

    def _refuses(self) -> bool:
        """While the database is away one label a second finds out whether it still is."""
        if self._away and (self._trying or self._clock.monotonic() < self._ask_at):
            return True
        return self._batches.rows_waiting >= MOST_WAITING

    async def _commit(self, batches: Sequence[Sequence[Label]]) -> list[None]:
        labels = [label for batch in batches for label in batch if not label.withdrawn]
        for tries in range(TRIES if labels else 0):
            try:
                # Found in a transaction that may yet be rolled back: remembered once it is not.
                self._emotions, self._versions = await self._database.write(
                    lambda connection: self._insert(connection, labels)
                )
                break
            except IntegrityError:  # another node was first to name a version; it is there the next time
                self._emotions, self._versions = {}, {}
                if tries == TRIES - 1:
                    raise
        return [None] * len(batches)

    def _insert(
        self, connection: Connection, labels: Sequence[Label]
    ) -> tuple[dict[str, int], dict[Version, int]]:
        emotions, known = self._emotions, dict(self._versions)
        for label in labels:
            if label.emotion not in emotions:
                emotions = _emotions(connection, label.emotion)
            if label.version not in known:
                known[label.version] = _version(connection, label)
        rows = [
            {
                "at": label.at,
                "minute": _minute(label.at),
                "emotion_id": emotions[label.emotion],
                "model_version_id": known[label.version],
                "confidence": label.confidence,
                "processing_time_ms": label.processing_time_ms,
                "session": label.session,
            }
            for label in labels
        ]
        connection.execute(insert(predictions), rows)
        return emotions, known

    # ------------------------------------------------------------------- reading
    async def emotions(self) -> list[tuple[int, str, str]]:
        """Id, name and description of each class."""
        query = select(classes.c.id, classes.c.name, classes.c.description).order_by(classes.c.id)
        return [(id, name, said) for id, name, said in await self._read(query)]

    async def counts(self, since: datetime, until: datetime, step: int) -> list[tuple[int, int, int]]:
        """Minute at which a step begins, class and count, in order; the steps have `step` minutes."""
        start = predictions.c.minute - predictions.c.minute % step
        query = (
            select(start.label("first"), predictions.c.emotion_id, func.count())
            .where(predictions.c.minute >= _minute(since), predictions.c.minute < _minute(until))
            .group_by("first", predictions.c.emotion_id)
            .order_by("first", predictions.c.emotion_id)
        )
        return [(minute, emotion, count) for minute, emotion, count in await self._read(query)]

    async def all_of(self, session: str) -> list[Kept]:
        query = (
            select(predictions.c.at, classes.c.name, predictions.c.confidence, versions.c.tag)
            .join_from(predictions, classes)
            .join(versions)
            .where(predictions.c.session == session)
            .order_by(predictions.c.number)
        )
        return [Kept(*row) for row in await self._read(query)]

    # ------------------------------------------------------------------- forgetting
    async def erase(self, session: str) -> int:
        return await self._delete(predictions.c.session == session)

    async def sweep(self, keep_days: float, most: int) -> int:
        """Forget what has been kept for its time, and what is more than may be kept."""
        before = _minute(self._clock.now() - timedelta(days=keep_days))
        forgotten = await self._delete(predictions.c.minute < before)
        query = select(predictions.c.number).order_by(predictions.c.number.desc()).offset(most).limit(1)
        rows = await self._read(query)
        return forgotten + (await self._delete(predictions.c.number <= rows[0][0]) if rows else 0)

    async def _delete(self, condition: Any) -> int:
        return await forget_rows(self._database, predictions.c.number, condition)

    async def _read(self, query: Any) -> list[Any]:
        async with self._database.transaction(read_only=True) as session:
            return list((await session.execute(query)).all())


def _heard(write: "asyncio.Future[None]") -> None:
    """So that nobody says that its error was never looked at."""
    if not write.cancelled():
        write.exception()


def _minute(at: datetime) -> int:
    return int(at.timestamp() // 60)


def _emotions(connection: Connection, name: str) -> dict[str, int]:
    """Ids of all classes there are, that one among them."""
    found = {held: id for id, held in connection.execute(select(classes.c.id, classes.c.name))}
    if name not in found:
        found[name] = max(found.values(), default=0) + 1
        connection.execute(insert(classes).values(id=found[name], name=name, description=""))
    return found


def _version(connection: Connection, label: Label) -> int:
    wanted = label.version
    same = (
        versions.c.model == wanted.model,
        versions.c.version == wanted.version,
        versions.c.digest == wanted.digest,
    )
    held = connection.scalar(select(versions.c.id).where(*same))
    if held is None:
        connection.execute(insert(versions).values(**wanted._asdict(), first_used_at=label.at))
        held = connection.scalar(select(versions.c.id).where(*same))
    assert held is not None
    return int(held)


@contextlib.asynccontextmanager
async def open_prediction_log(database: Database, clock: Clock) -> AsyncGenerator[PredictionLog]:
    log = PredictionLog(database, clock)
    async with open_group_commit(log._commit, COMMIT_ROWS) as batches:
        log._batches = batches
        yield log
