"""What a job tells is written down in its order, and who tells waits only when too much is."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

import pytest

from federation.test_journal import values
from feria.clock import SystemClock
from feria.events.process import ProcessBus
from feria.federation import chronicle as chronicles
from feria.federation.chronicle import Chronicle
from feria.federation.jobs_wire import Alive
from feria.federation.journal import Batch, Journal
from feria.federation.tracking import Tracker
from feria.settings import EventSettings
from feria.storage.group_commit import open_group_commit
from loops import order


@dataclass
class Disk:
    """A journal's commits, which wait until they may go on."""

    may: asyncio.Event = field(default_factory=asyncio.Event)
    batches: list[Batch] = field(default_factory=list)
    fault: Exception | None = None

    async def commit(self, batches: Sequence[Batch]) -> list[None]:
        await self.may.wait()
        if self.fault is not None:
            raise self.fault
        self.batches += batches
        return [None] * len(batches)

    @property
    def written(self) -> list[float]:
        return [event.at for batch in self.batches for event in batch.told]


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
async def chronicle(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Chronicle]:
    monkeypatch.setattr(chronicles, "MOST", 10)
    monkeypatch.setattr(chronicles, "GATHER", 0.0)
    bus, row = ProcessBus(EventSettings()), values(number=7, order=order().model_dump_json().encode())
    tracker = Tracker([], offline_seconds=30, slow_seconds=30)
    async with open_group_commit(disk.commit, 64) as commits:
        journal = Journal(None, commits)  # type: ignore[arg-type]  # nothing is read here
        yield Chronicle(row, tracker, journal, bus, SystemClock())


def events(first: int, count: int = 10) -> list[Alive]:
    return [Alive(at=float(at), round=1) for at in range(first, first + count)]


async def test_telling_waits_for_no_disk_until_too_much_waits_for_it(
    chronicle: Chronicle, disk: Disk
) -> None:
    writing = asyncio.create_task(chronicle.run())
    async with asyncio.timeout(300):
        await chronicle.tell(events(0))
        await asyncio.sleep(0)
        await chronicle.tell(events(10))  # while the first are on their way
        waiting = asyncio.create_task(chronicle.tell(events(20)))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not waiting.done()
        assert disk.written == []
        disk.may.set()
        await waiting
        while len(disk.written) < 30:  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.001)
    writing.cancel()
    assert disk.written == [float(at) for at in range(30)]
    assert [batch.first for batch in disk.batches] == sorted(batch.first for batch in disk.batches)
    assert disk.batches[0].first == 1


async def test_a_journal_that_can_never_be_written_ends_the_job_and_not_the_node(
    chronicle: Chronicle, disk: Disk
) -> None:
    disk.fault = ValueError("not to be written")
    disk.may.set()
    writing = asyncio.create_task(chronicle.run())
    async with asyncio.timeout(300):
        await chronicle.tell(events(0))
        await writing
        with pytest.raises(ValueError, match="not to be written"):
            await chronicle.tell(events(10))
