"""What every transport promises: in memory, over TCP, with a key, with TLS."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from feria.cluster.certificates import make_certificate, read_tls
from feria.cluster.frames import MOST_BYTES
from feria.cluster.keys import KeyFile, make_keys
from feria.cluster.network import Network, Tls, open_network
from feria.cluster.transport import Transport
from simulations.memory_network import MemoryNetwork

QUEUE_BYTES = 2**20
FORMS = ["memory", "tcp", "key", "tls"]


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


class Ends:
    """Makes transports of one form that reach each other, and lets time pass until something is so."""

    def __init__(self) -> None:
        self.inbox: dict[str, list[tuple[str, bytes]]] = {}
        self.gone: dict[str, list[str]] = {}

    async def join(self, name: str) -> Transport:
        """A transport of that name; the same name again is a new life at the same address."""
        raise NotImplementedError

    async def leave(self, name: str) -> None:
        raise NotImplementedError

    async def moment(self) -> None:
        raise NotImplementedError

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(120):
            while not condition():
                await self.moment()

    def _hear(self, transport: Transport) -> None:
        inbox = self.inbox[transport.address] = []
        gone = self.gone[transport.address] = []
        transport.listen(lambda sender, payload: inbox.append((sender, payload)))
        transport.ended(gone.append)


class InMemory(Ends):
    def __init__(self) -> None:
        super().__init__()
        self.network = MemoryNetwork(Random(0), queue_bytes=QUEUE_BYTES)

    async def join(self, name: str) -> Transport:
        transport = self.network.join(f"{name}:7001")
        self._hear(transport)
        return transport

    async def leave(self, name: str) -> None:
        self.network.leave(f"{name}:7001")

    async def moment(self) -> None:
        self.network.advance(0.01)


class OnWires(Ends):
    def __init__(self, key_file: Path | None, tls: Tls | None) -> None:
        super().__init__()
        self.keys = {} if key_file is None else {"keys": KeyFile(key_file)}
        self.tls = tls
        self._lives = 0
        self._stacks: dict[str, contextlib.AsyncExitStack] = {}
        self._ports: dict[str, int] = {}

    async def join(self, name: str) -> Network:
        if name in self._stacks:
            await self.leave(name)
        self._lives += 1
        stack = self._stacks[name] = contextlib.AsyncExitStack()
        network = await stack.enter_async_context(
            open_network(
                "fair",
                "127.0.0.1",
                self._ports.get(name, 0),
                self._lives,
                tls=self.tls,
                queue_bytes=QUEUE_BYTES,
                **self.keys,
            )
        )
        self._ports[name] = int(network.address.rpartition(":")[2])
        self._hear(network)
        return network

    async def leave(self, name: str) -> None:
        await self._stacks.pop(name).aclose()

    async def moment(self) -> None:
        await asyncio.sleep(0.005)

    async def close(self) -> None:
        for name in list(self._stacks):
            await self.leave(name)


@pytest.fixture(params=FORMS)
async def ends(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Ends]:
    if request.param == "memory":
        yield InMemory()
        return
    key_file, tls = None, None
    if request.param != "tcp":
        key_file = tmp_path / "cluster.key"
        make_keys(key_file)
    if request.param == "tls":
        tls = read_tls(*make_certificate(tmp_path, "node", ["127.0.0.1"], datetime.now(UTC)))
    wires = OnWires(key_file, tls)
    yield wires
    await wires.close()


async def test_all_arrives_once_in_order_and_says_who_sent_it(ends: Ends) -> None:
    one, other = await ends.join("one"), await ends.join("other")
    sent = [bytes([number % 256]) * size for number, size in enumerate([0, 1, 200, 70_000, 200_000] * 4)]
    for payload in sent:
        await ends.until(lambda payload=payload: one.send(other.address, payload))  # type: ignore[misc]
    await ends.until(lambda: len(ends.inbox[other.address]) >= len(sent))
    assert ends.inbox[other.address] == [(one.address, payload) for payload in sent]


async def test_what_is_answered_comes_back_on_the_same_way(ends: Ends) -> None:
    one, other = await ends.join("one"), await ends.join("other")
    other.listen(lambda sender, payload: bool(other.send(sender, payload + b"!")))
    one.send(other.address, b"hello")
    await ends.until(lambda: bool(ends.inbox[one.address]))
    assert ends.inbox[one.address] == [(other.address, b"hello!")]


async def test_three_that_all_speak_at_once_hear_all(ends: Ends) -> None:
    members = [await ends.join(name) for name in ("a", "b", "c")]
    for number in range(50):
        for member in members:
            for other in members:
                member.send(other.address, f"{number}".encode())
    await ends.until(lambda: all(len(ends.inbox[member.address]) == 100 for member in members))
    for member in members:
        for other in members:
            heard = [payload for sender, payload in ends.inbox[member.address] if sender == other.address]
            assert sorted(heard, key=int) == [f"{n}".encode() for n in range(50) if other is not member]


async def test_the_largest_payload_passes_and_a_larger_one_is_our_own_mistake(ends: Ends) -> None:
    one, other = await ends.join("one"), await ends.join("other")
    with pytest.raises(ValueError, match="payload"):
        one.send(other.address, bytes(MOST_BYTES + 1))
    assert not one.send(other.address, bytes(MOST_BYTES))  # larger than what may wait
    assert one.send(other.address, bytes(QUEUE_BYTES))
    await ends.until(lambda: bool(ends.inbox[other.address]))
    assert ends.inbox[other.address] == [(one.address, bytes(QUEUE_BYTES))]


async def test_a_member_that_is_not_there_disturbs_nobody(ends: Ends) -> None:
    one, other = await ends.join("one"), await ends.join("other")
    for address in ("127.0.0.1:1", "127.0.0.1:2", "nowhere.invalid:7001", "nonsense"):
        one.send(address, b"is anybody there?")
    one.send(other.address, b"hello")
    await ends.until(lambda: bool(ends.inbox[other.address]))


async def test_a_member_that_came_back_is_reached_again(ends: Ends) -> None:
    one, other = await ends.join("one"), await ends.join("other")
    one.send(other.address, b"before")
    await ends.until(lambda: bool(ends.inbox[other.address]))
    await ends.leave("other")
    await ends.until(lambda: ends.gone[one.address] == [other.address])
    again = await ends.join("other")
    assert again.address == other.address

    def said() -> bool:
        one.send(again.address, b"after")
        return bool(ends.inbox[again.address])

    await ends.until(said)
    assert {payload for _, payload in ends.inbox[again.address]} == {b"after"}
    again.send(one.address, b"I am back")
    await ends.until(lambda: (again.address, b"I am back") in ends.inbox[one.address])


async def test_what_is_sent_after_the_end_is_dropped(ends: Ends) -> None:
    one, other = await ends.join("one"), await ends.join("other")
    await ends.leave("one")
    assert not one.send(other.address, b"too late")


async def test_nobody_speaks_to_itself(ends: Ends) -> None:
    one = await ends.join("one")
    assert not one.send(one.address, b"hello, me")


async def test_a_slow_member_holds_up_nobody_and_costs_bounded_memory(ends: Ends) -> None:
    one, slow, other = [await ends.join(name) for name in ("one", "slow", "other")]
    sent = 0
    while one.send(slow.address, bytes(100_000)):  # nothing moves: nobody awaits
        sent += 1
        assert sent * 100_000 <= QUEUE_BYTES
    assert sent
    assert one.send(other.address, b"all is well")
    await ends.until(lambda: bool(ends.inbox[other.address]))
    await ends.until(lambda: len(ends.inbox[slow.address]) == sent)
    assert one.send(slow.address, b"and again")
    await ends.until(lambda: ends.inbox[slow.address][-1] == (one.address, b"and again"))
