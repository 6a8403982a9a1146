"""Stores of several members, writers' threads and all, with nothing between them but a loop."""

import asyncio
import contextlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import pytest

from feria.clock import SystemClock
from feria.cluster import roster
from feria.cluster.messages import Message
from feria.cluster.store import Store, open_store
from serving import until

LONG = 300.0
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Message).decode


class Wires:
    """Members by name, which is their address too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stores: dict[str, Store] = {}

    @contextlib.asynccontextmanager
    async def member(self, name: str) -> AsyncGenerator[Store]:
        async with open_store(self.folder / name, SystemClock(), random.SystemRandom(), member=name) as store:
            self.stores[name] = store
            store.writer.sent = lambda messages: self._send(name, messages)
            await store.writer.run(
                lambda replica: roster.seat(replica, name, name, roster.State.member, replica.clock.now())
            )
            ticking = asyncio.create_task(self._tick(name))
            try:
                yield store
            finally:
                del self.stores[name]
                ticking.cancel()
                await asyncio.wait((ticking,))

    def _send(self, sender: str, messages: list[tuple[str, Message]]) -> None:
        for to, message in messages:
            if to in self.stores:
                packed = _encode(message)
                gossip = self.stores[to].gossip
                self.stores[to].writer.post(
                    lambda _, gossip=gossip, packed=packed: gossip.receive(  # type: ignore[misc]
                        sender, _decode(packed), time.monotonic()
                    )
                )

    async def _tick(self, name: str) -> None:
        while True:
            peers = [other for other in self.stores if other != name]
            gossip = self.stores[name].gossip
            self.stores[name].writer.post(
                lambda _, gossip=gossip, peers=peers: gossip.tick(time.monotonic(), peers)  # type: ignore[misc]
            )
            await asyncio.sleep(0.05)


@pytest.fixture
def wires(tmp_path: Path) -> Wires:
    return Wires(tmp_path)


async def version(store: Store, key: str, wanted: int) -> bytes | None:
    """Its value here, once it has come as far."""
    found = await store.wait(key, beyond=wanted - 1, seconds=LONG)
    assert found is not None, f"{key} did not come to version {wanted}"
    return found.value


async def test_what_one_takes_all_have(wires: Wires) -> None:
    async with wires.member("a") as a, wires.member("b") as b, wires.member("c") as c:
        await asyncio.gather(*(a.put(f"a/{at}", b"%d" % at) for at in range(200)))
        await b.put("b", b"1")
        for store in (a, b, c):
            for at in range(200):
                assert await version(store, f"a/{at}", 1) == b"%d" % at
            assert await version(store, "b", 1) == b"1"
        await c.delete("a/7")
        assert await version(a, "a/7", 2) is None


async def test_a_member_that_was_away_catches_up_and_brings_what_it_took_meanwhile(wires: Wires) -> None:
    async with wires.member("a") as a:
        async with wires.member("b") as b:
            await a.put("k", b"1")
            assert await version(b, "k", 1) == b"1"
        await a.put("k", b"2")
        async with open_store(wires.folder / "b", SystemClock(), random.SystemRandom()) as alone:
            await alone.put("mine", b"1")
        async with wires.member("b") as b:
            assert await version(b, "k", 2) == b"2"
            assert await version(a, "mine", 1) == b"1"


async def test_a_new_member_says_that_it_is_taking_over_until_it_has_all(wires: Wires) -> None:
    async with wires.member("a") as a:
        for first in range(0, 6000, 1000):
            await asyncio.gather(*(a.put(f"k/{at:05}", bytes(300)) for at in range(first, first + 1000)))
        async with wires.member("b") as b:
            await until(lambda: b.bootstrapping)
            await until(lambda: not b.bootstrapping)
            assert [row.key for row in await b.page("k/", after="k/05998")] == ["k/05999"]
            following = b.changes("k/", since=b.place)
            await a.put("k/new", b"")
            assert (await anext(following)).key == "k/new"
            await following.aclose()


async def test_whoever_waits_on_one_member_is_woken_by_a_write_on_another(wires: Wires) -> None:
    async with wires.member("a") as a, wires.member("b") as b:
        waiting = asyncio.create_task(b.wait("k", beyond=0, seconds=LONG))
        await asyncio.sleep(0)
        done = await a.put("k", b"1")
        found = await waiting
        assert found is not None
        assert (found.version, found.value) == (done.version, b"1")


SERVES = """
import asyncio, random, sys
from pathlib import Path
from feria.clock import SystemClock
from feria.cluster.store import open_store

async def main():
    async with open_store(Path(sys.argv[1]), SystemClock(), random.SystemRandom()) as store:
        async def client(name):
            for at in range(1_000_000):
                done = await store.put(f"{name}/{at:07}", b"x" * 50)
                print(done.key, flush=True)
        await asyncio.gather(*(client(name) for name in "abcd"))

asyncio.run(main())
"""


def test_what_was_acknowledged_before_a_kill_is_there_after_it(tmp_path: Path) -> None:
    epochs, said = set(), set[str]()
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", SERVES, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for _ in range(120):
            said.add(process.stdout.readline().strip())
        process.send_signal(signal.SIGKILL)
        said.update(line.strip() for line in process.stdout if line.endswith("\n"))
        process.wait()
        process.stdout.close()
        epochs.add(asyncio.run(check(tmp_path, said)))
    assert len(epochs) == 3


async def check(folder: Path, said: set[str]) -> int:
    """All of them are there; returns the epoch that a write gets now, and ends as if killed."""
    async with open_store(folder, SystemClock(), random.SystemRandom()) as store:
        for key in said:
            assert await store.get(key) is not None, f"{key} was acknowledged"
        epoch = await store.writer.run(lambda replica: replica.write("epoch", b"").origin)
    (folder / "kv.life").unlink()
    return epoch
