"""When what was committed is made durable, and what becomes of a disk that fails at it."""

import asyncio
import random
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from clocks import ManualClock
from feria.cluster.gossip import Gossip
from feria.cluster.replica import Replica
from feria.cluster.rows import Row
from feria.cluster.sqlite_disk import FILE, SqliteDisk, open_disk, open_reading
from feria.cluster.vectors import Entries
from feria.cluster.writer import Writer, open_writer
from feria.errors import Unavailable
from programs import until

pytestmark = pytest.mark.anyio

THEIRS: Entries = {7: 1}


class Disk(SqliteDisk):
    """Counts, and fails when it is told to."""

    syncs = 0
    fails = False

    def sync(self) -> None:
        if self.fails:
            raise Unavailable("The disk could not be made durable.")
        if not self.is_synced:
            self.syncs += 1
        super().sync()


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    made = open_disk(tmp_path / FILE)
    made.__class__ = Disk
    assert isinstance(made, Disk)
    return made


@pytest.fixture
async def writer(disk: Disk) -> AsyncGenerator[Writer]:
    replica = Replica(disk, ManualClock(), random.Random(1))
    async with open_writer(replica, Gossip(replica, random.Random(1), "a")) as made:
        yield made
    disk.close()


def of_another(replica: Replica) -> None:
    replica.merge(Row("k", b"theirs", 1, 0, 7, 1), THEIRS)
    replica.advance(THEIRS)


async def seen(writer: Writer) -> None:
    told = asyncio.get_running_loop().create_future()
    writer.changed = lambda changes: told.set_result(None)
    async with asyncio.timeout(60):
        await told


async def test_who_is_answered_finds_it_durable(writer: Writer, disk: Disk) -> None:
    await writer.run(lambda replica: replica.write("k", b"mine"))
    assert disk.is_synced
    assert disk.syncs == 1


async def test_what_others_wrote_is_seen_before_it_is_durable_and_is_durable_soon(
    writer: Writer, disk: Disk, tmp_path: Path
) -> None:
    writer.post(of_another)
    await seen(writer)
    reading = open_reading(tmp_path / FILE)
    assert reading.row("k") is not None
    reading.close()
    await until(lambda: disk.is_synced)
    assert disk.syncs == 1


async def test_an_answer_makes_durable_what_was_seen_before(writer: Writer, disk: Disk) -> None:
    writer.post(of_another)
    await seen(writer)
    writer.changed = lambda changes: None
    await writer.run(lambda replica: None)
    assert disk.is_synced


async def test_nothing_is_written_to_a_disk_that_did_not_keep_what_it_took(
    writer: Writer, disk: Disk
) -> None:
    await writer.run(lambda replica: replica.write("k", b"1"))
    sent = []
    writer.sent = sent.append
    disk.fails = True
    with pytest.raises(Unavailable, match="durable"):
        await writer.run(lambda replica: replica.write("k", b"2"))
    disk.fails = False
    with pytest.raises(Unavailable, match="durable"):
        await writer.run(lambda replica: replica.write("k", b"3"))
    assert sent == []
