"""Large values travel in chunks: whole, verified, from whoever has them, or not at all."""

import asyncio
import hashlib
import random
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.chunk_net import ChunkNet
from feria.cluster import pieces
from feria.cluster.chunks import CHUNK_BYTES, MARK, PARALLEL, Chunks, Manifest, listed, manifest_in
from feria.cluster.pieces import SLICE_BYTES, Chunk, Message, Want
from feria.errors import Corrupt, TooLarge, Unavailable
from serving import until

MIB = 2**20


def value_of(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


async def cut(value: bytes, *sizes: int) -> AsyncIterator[bytes]:
    """The value in pieces of these sizes, and the rest."""
    start = 0
    for size in sizes:
        yield value[start : start + size]
        start += size
    yield value[start:]


async def written(chunks: Chunks, value: bytes) -> Manifest:
    return await chunks.write(cut(value), limit=64 * MIB)


async def whole(chunks: Chunks, manifest: Manifest) -> bytes:
    return b"".join([piece async for piece in chunks.read(manifest)])


@pytest.fixture
async def net(tmp_path: Path) -> AsyncGenerator[ChunkNet]:
    net = ChunkNet(tmp_path)
    yield net
    await net.close()


@settings(max_examples=30, deadline=None)
@given(
    size=st.integers(0, 3 * MIB),
    sizes=st.lists(st.integers(0, MIB), max_size=5),
    seed=st.integers(0, 3),
)
def test_a_value_comes_back_byte_for_byte_however_it_was_cut(
    tmp_path_factory: pytest.TempPathFactory, size: int, sizes: list[int], seed: int
) -> None:
    async def there_and_back() -> None:
        net = ChunkNet(tmp_path_factory.mktemp("net"))
        chunks, value = net.member("a"), value_of(size, seed)
        manifest = await chunks.write(cut(value, *sizes), limit=4 * MIB)
        assert await whole(chunks, manifest) == value
        assert (manifest.size, manifest.sha256) == (size, hashlib.sha256(value).digest())
        assert manifest_in(listed(manifest)) == manifest
        assert all(path.stat().st_size <= CHUNK_BYTES for path in net.files("a"))

    asyncio.run(there_and_back())


async def test_a_member_that_lacks_a_value_pulls_it_from_one_that_has_it_and_keeps_it(net: ChunkNet) -> None:
    a, b, c = (net.member(name) for name in "abc")
    value = value_of(5 * MIB + 7)
    manifest = await written(a, value)
    assert await whole(b, manifest) == value
    net.down.add("a")
    assert await whole(c, manifest) == value  # from b now
    net.down |= {"b", "c"}
    said = len(net.said)
    assert await whole(c, manifest) == value
    assert len(net.said) == said


async def test_a_value_that_no_live_member_has_is_unavailable_and_comes_when_one_is_back(
    net: ChunkNet,
) -> None:
    a, b = net.member("a"), net.member("b")
    value = value_of(2 * MIB)
    manifest = await written(a, value)
    net.down.add("a")
    with pytest.raises(Unavailable, match="comes when one that has it is back"):
        await whole(b, manifest)
    with pytest.raises(Unavailable):
        await b.fetch(manifest)
    net.down.clear()
    await b.fetch(manifest)
    assert await whole(b, manifest) == value


async def test_a_damaged_chunk_is_never_given_and_is_mended_from_another_member(net: ChunkNet) -> None:
    a, b = net.member("a"), net.member("b")
    value = value_of(3 * MIB)
    manifest = await written(a, value)
    await b.fetch(manifest)
    torn, changed, gone = net.files("a")
    torn.write_bytes(torn.read_bytes()[:1000])
    changed.write_bytes(bytes([changed.read_bytes()[0] ^ 1]) + changed.read_bytes()[1:])
    gone.unlink()
    net.down.add("b")
    c = net.member("c")
    with pytest.raises(Unavailable):
        await whole(c, manifest)  # a has all three files, or had
    assert net.files("c") == []
    net.down.clear()
    assert await whole(a, manifest) == value
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == path.name for path in net.files("a"))


async def test_what_a_member_gives_for_a_chunk_is_believed_only_when_it_is_that(net: ChunkNet) -> None:
    def lying(sender: str, to: str, message: Message) -> Message:
        if sender == "liar" and isinstance(message, Chunk) and message.content is not None:
            return msgspec.structs.replace(message, content=message.content[:-1] + b"!")
        return message

    net.fault = lying
    liar, honest, b = net.member("liar"), net.member("honest"), net.member("b")
    value = value_of(4 * MIB)
    manifest = await written(liar, value)
    assert await written(honest, value) == manifest
    assert await whole(b, manifest) == value


async def test_a_pull_that_broke_off_goes_on_where_it_was(net: ChunkNet) -> None:
    a, b = net.member("a"), net.member("b")
    manifest = await written(a, value_of(12 * MIB))
    left = 5 * MIB // SLICE_BYTES

    def cutting(sender: str, to: str, message: Message) -> Message | None:
        nonlocal left
        if isinstance(message, Chunk) and message.content is not None:
            left -= 1
            if left < 0:
                return Chunk(message.number, None)
        return message

    net.fault = cutting
    with pytest.raises(Unavailable):
        await b.fetch(manifest)
    had = len(net.files("b"))
    assert had == 5
    net.fault = lambda sender, to, message: message
    asked = len(net.wants())
    await b.fetch(manifest)
    assert len(net.wants()) - asked == len(set(manifest.chunks)) - had


async def test_no_more_than_four_chunks_are_asked_for_at_once(net: ChunkNet) -> None:
    a, b = net.member("a"), net.member("b")
    manifests = [await written(a, value_of(6 * MIB, seed)) for seed in range(3)]
    await asyncio.gather(*(b.fetch(manifest) for manifest in manifests))
    assert net.asked_at_once == PARALLEL


async def test_readers_of_one_value_share_what_is_pulled(net: ChunkNet) -> None:
    a, b = net.member("a"), net.member("b")
    value = value_of(4 * MIB)
    manifest = await written(a, value)
    assert await asyncio.gather(*(whole(b, manifest) for _ in range(5))) == [value] * 5
    assert len(net.wants()) == len(manifest.chunks)


async def test_a_reader_who_goes_away_leaves_nothing_running(net: ChunkNet) -> None:
    a, b = net.member("a"), net.member("b")
    manifest = await written(a, value_of(8 * MIB))
    reading = b.read(manifest)
    assert await anext(reading)
    await reading.aclose()
    await b.close()
    assert [task for task in asyncio.all_tasks() if "Chunks" in repr(task)] == []


async def test_a_value_beyond_the_limit_is_refused_as_soon_as_it_is(net: ChunkNet) -> None:
    a, taken = net.member("a"), 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += MIB
            yield bytes(MIB)

    with pytest.raises(TooLarge, match="3 MiB"):
        await a.write(endless(), limit=3 * MIB)
    assert taken == 4 * MIB


async def test_chunks_that_nobody_names_go_after_the_grace_and_no_others(net: ChunkNet) -> None:
    a = net.member("a")
    kept, dropped = await written(a, value_of(2 * MIB, 1)), await written(a, value_of(2 * MIB, 2))
    assert await a.collect([kept], grace_seconds=3600) == 0
    assert await a.collect([kept], grace_seconds=-1) == 2
    assert await whole(a, kept) == value_of(2 * MIB, 1)
    with pytest.raises(Unavailable):
        await whole(a, dropped)


@pytest.mark.parametrize("rest", [b"", b"\x93", b"\xff" * 20, b"\x93\x01\xc4\x00\x01"])
def test_a_row_that_says_it_lists_chunks_and_does_not_is_corrupt(rest: bytes) -> None:
    with pytest.raises(Corrupt):
        manifest_in(MARK + rest)


async def test_a_member_asked_for_nonsense_says_that_it_has_none(net: ChunkNet) -> None:
    a, b = net.member("a"), net.member("b")
    manifest = await written(a, value_of(MIB))
    for number, digest in enumerate(
        (b"", b"../../etc/passwd", b"\x00" * 31, b"\xff" * 32, b"\x00" * 100_000)
    ):
        a.receive("b", Want(number, digest))
    await until(lambda: len(net.said) == 5)
    assert {message.content for _, _, message in net.said if isinstance(message, Chunk)} == {None}
    b.receive("a", Chunk(77, b"an answer to nothing that was asked"))
    assert await whole(b, manifest) == value_of(MIB)


async def test_a_value_is_found_although_members_neither_answer_nor_have_room(
    net: ChunkNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "SILENT_SECONDS", 2.0)
    silent, full, b = net.member("silent"), net.member("full"), net.member("b")
    value = value_of(3 * MIB)
    manifest = await written(silent, value)
    assert await written(full, value) == manifest
    net.fault = lambda sender, to, message: None if "silent" in {sender, to} else message
    assert await whole(b, manifest) == value
