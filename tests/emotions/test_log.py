"""Labels in the database: stored before it is said, counted, erased, and never waited for in vain."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from clocks import START, ManualClock
from emotions.reading import ask, base64_of, heard, publish, shade, streaming
from feria.clock import SystemClock
from feria.emotions import log as logs
from feria.emotions.log import Label, PredictionLog, Version, open_prediction_log
from feria.emotions.statistics import counted
from feria.errors import Invalid
from feria.migrations import schema
from feria.settings import EmotionSettings, Settings, StorageSettings
from feria.storage.database import Database, open_database
from proxies import wire_to
from servers import SERVERS, fresh_database
from serving import open_server

FIRST = Version("v1.0.0", "emotions", 1, "a" * 64)
SECOND = Version("v2.0.0", "emotions", 2, "b" * 64)


@pytest.fixture
async def log(database: Database) -> AsyncGenerator[PredictionLog]:
    async with open_prediction_log(database, ManualClock()) as log:
        yield log


def label(
    emotion: str = "happy", *, at: datetime = START, version: Version = FIRST, session: str | None = None
) -> Label:
    return Label(at, emotion, version, 0.75, 1.5, session)


async def numbers(database: Database, query: str) -> list[tuple[object, ...]]:
    async with database.transaction(read_only=True) as session:
        return [tuple(row) for row in await session.execute(text(query))]


async def test_the_seven_are_there_before_anybody_was_seen(log: PredictionLog) -> None:
    assert [(id, name) for id, name, _ in await log.emotions()] == [
        (1, "angry"), (2, "disgust"), (3, "fear"), (4, "happy"), (5, "neutral"), (6, "sad"), (7, "surprise"),
    ]  # fmt: skip


async def test_labels_of_many_are_stored_with_their_version_and_counted(
    log: PredictionLog, database: Database
) -> None:
    several = [label("happy"), label("contempt"), label("sad", version=SECOND)]
    assert all(await asyncio.gather(*(log.store([one]) for one in several), log.store([label("happy")] * 2)))
    assert await numbers(database, "SELECT tag, version FROM model_versions ORDER BY id") == [
        ("v1.0.0", 1), ("v2.0.0", 2),
    ]  # fmt: skip
    assert (await log.emotions())[7][:2] == (8, "contempt")
    found = await counted(log, START - timedelta(hours=1), START + timedelta(hours=1), 60)
    assert found.total == 5
    assert {one.name: (one.count, one.share) for one in found.classes if one.count} == {
        "happy": (3, 0.6), "contempt": (1, 0.2), "sad": (1, 0.2),
    }  # fmt: skip


async def test_counts_over_time_begin_at_whole_steps_of_utc(log: PredictionLog) -> None:
    for minutes in (0, 1, 61, 60 * 24):
        await log.store([label(at=START + timedelta(minutes=minutes))])
    until = START + timedelta(days=2)
    hours = await counted(log, START, until, 60)
    assert [(one.start, one.total) for one in hours.spans] == [
        (START, 2), (START + timedelta(hours=1), 1), (START + timedelta(days=1), 1),
    ]  # fmt: skip
    assert hours.spans[0].shares == {"happy": 1.0}
    days = await counted(log, START, until, 1440)
    assert [(one.start, one.counts) for one in days.spans] == [
        (datetime(2026, 11, 21, tzinfo=UTC), {"happy": 3}),
        (datetime(2026, 11, 22, tzinfo=UTC), {"happy": 1}),
    ]  # fmt: skip


async def test_a_time_that_cannot_be_counted_is_refused(log: PredictionLog) -> None:
    for since, step in ((START + timedelta(hours=1), 60), (START - timedelta(days=3), 1)):
        with pytest.raises(Invalid):
            await counted(log, since, START, step)


async def test_a_session_is_shown_and_erased_and_no_other(log: PredictionLog) -> None:
    for session in ("mine", "mine", "yours", None):
        await log.store([label(session=session)])
    assert [tuple(kept) for kept in await log.all_of("mine")] == [(START, "happy", 0.75, "v1.0.0")] * 2
    assert await log.erase("mine") == 2
    assert await log.erase("mine") == 0
    assert await log.all_of("mine") == []
    assert len(await log.all_of("yours")) == 1


async def test_what_is_old_or_too_much_is_forgotten_and_the_newest_stay(
    log: PredictionLog, database: Database
) -> None:
    for days in (40, 20, 3, 2, 1):
        await log.store([label(at=START - timedelta(days=days))])
    assert await log.sweep(30.0, 3) == 2
    assert await numbers(database, "SELECT number FROM predictions_log ORDER BY number") == [(3,), (4,), (5,)]


async def test_two_nodes_that_meet_a_version_at_once_store_all_and_name_it_once(
    database: Database, log: PredictionLog
) -> None:
    async with open_prediction_log(database, ManualClock()) as other:
        for emotion in ("contempt", "boredom"):
            stored = await asyncio.gather(
                *(one.store([label(emotion, version=SECOND)]) for one in (log, other) for _ in range(5))
            )
            assert all(stored)
    assert await numbers(database, "SELECT count(*) FROM model_versions") == [(1,)]
    assert await numbers(database, "SELECT count(*) FROM predictions_log") == [(20,)]
    assert {name for _, name, _ in await log.emotions()} >= {"contempt", "boredom"}


class Stuck:
    """A database that takes its time."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go, self.asked = asyncio.Event(), 0
        write = database.write

        async def waiting(step: object) -> object:
            self.asked += 1
            await self.go.wait()
            return await write(step)  # type: ignore[arg-type]

        monkeypatch.setattr(database, "write", waiting)


async def test_a_database_that_is_silent_is_not_waited_for_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    async with open_database(StorageSettings(), tmp_path) as database:
        await schema.upgrade(database)
        async with open_prediction_log(database, clock) as log:
            monkeypatch.setattr(logs, "PATIENCE", 0.05)
            stuck = Stuck(database, monkeypatch)
            assert await log.store([label("sad")]) is False
            assert [await log.store([label("fear")]) for _ in range(50)] == [False] * 50
            assert stuck.asked == 1  # nobody asked again, so nobody waited
            clock.advance(logs.AWAY_SECONDS)
            answers = await asyncio.gather(*(log.store([label("angry")]) for _ in range(20)))
            assert answers == [False] * 20
            assert log.unstored == 71
            clock.advance(logs.AWAY_SECONDS)
            monkeypatch.setattr(logs, "PATIENCE", 300.0)
            stuck.go.set()
            assert await log.store([label("happy")]) is True
            assert await log.store([label("happy")]) is True
        kept = await numbers(
            database,
            "SELECT emotion_classes.name FROM predictions_log "
            "JOIN emotion_classes ON emotion_classes.id = emotion_id ORDER BY number",
        )
    # The first was being written when it was given up; those that only waited were withdrawn.
    assert kept == [("sad",), ("happy",), ("happy",)]


@pytest.mark.parametrize("how", ["cut", "silence"])
@pytest.mark.parametrize("kind", sorted(SERVERS))
async def test_answers_go_on_while_the_database_is_gone_and_say_that_they_were_not_stored(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, kind: str, how: str
) -> None:
    patience, asked = 2.0, 100
    async with fresh_database(kind) as storage:
        assert storage.url is not None
        url = make_url(storage.url)
        async with wire_to(url.host or "127.0.0.1", url.port or 0) as wire:
            through = url.set(host="127.0.0.1", port=wire.port).render_as_string(hide_password=False)
            changed = settings.model_copy(
                update={
                    "storage": StorageSettings(url=through, migrate_on_start=True),
                    "emotions": EmotionSettings(allow=("statistics",)),
                }
            )
            async with open_server(changed) as served, asyncio.timeout(300):
                await publish(served)
                picture = base64_of(shade("happy"))
                async with streaming(served) as socket:
                    await heard(socket)
                    assert (await ask(socket, command="predict", image=picture))["stored"] is True
                    monkeypatch.setattr(logs, "PATIENCE", patience)
                    getattr(wire, how)()
                    clock, slow = SystemClock(), 0
                    for _ in range(asked):
                        began = clock.monotonic()
                        said = await ask(socket, command="predict", image=picture)
                        assert (said["emotion_name"], said["stored"]) == ("happy", False)
                        slow += clock.monotonic() - began > patience
                    assert slow < asked / 2  # one a second finds out; the others do not wait
                    wire.mend()
                    while not (await ask(socket, command="predict", image=picture))["stored"]:
                        await ask(socket, command="health")
