"""Files travel piece by piece: whole and proven, or not at all; what has come is not asked for twice."""

import asyncio
import errno
import os
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import pytest

from cluster.chunk_net import ChunkNet
from cluster.clusters import until
from cluster.test_chunks import MIB, value_of
from feria.cluster import files as travelling
from feria.cluster.chunks import Manifest
from feria.cluster.files import PARALLEL, Files, cut
from feria.cluster.pieces import SLICE_BYTES, Chunk, Message, Want
from feria.errors import Corrupt, DiskFull, Unavailable
from feria.storage.blobs import Blobs


class FileNet(ChunkNet):
    """Members with files beside their chunks."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.blobs: dict[str, Blobs] = {}

    def files_of(self, name: str) -> Files:
        self.blobs[name] = Blobs(self._folder / f"{name}-blobs")
        return Files(self.blobs[name], self._folder / f"{name}-coming", self.member(name).pieces)

    def begun(self, name: str) -> list[Path]:
        return list((self._folder / f"{name}-coming").iterdir())

    async def with_file(self, name: str, content: bytes) -> tuple[Files, Manifest]:
        files = self.files_of(name)
        manifest = await cut((await self.blobs[name].put(content)).path)
        files.know([manifest])
        return files, manifest


@pytest.fixture
async def net(tmp_path: Path) -> AsyncGenerator[FileNet]:
    net = FileNet(tmp_path)
    yield net
    await net.close()


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB, MIB + 1, 5 * MIB + 7])
async def test_a_file_arrives_byte_for_byte(net: FileNet, size: int) -> None:
    content = value_of(size)
    _, manifest = await net.with_file("a", content)
    b = net.files_of("b")
    assert b.share(manifest.sha256.hex()) == 0.0
    await b.fetch(manifest)
    assert b.share(manifest.sha256.hex()) == 1.0
    assert await net.blobs["b"].read(manifest.sha256.hex()) == content
    assert net.begun("b") == []


async def test_no_more_pieces_are_asked_for_at_once_than_may(net: FileNet) -> None:
    _, manifest = await net.with_file("a", value_of(12 * MIB))
    await net.files_of("b").fetch(manifest)
    assert net.asked_at_once == PARALLEL


async def test_many_who_want_a_file_share_one_fetch(net: FileNet) -> None:
    _, manifest = await net.with_file("a", value_of(5 * MIB))
    b = net.files_of("b")
    await asyncio.gather(*(asyncio.shield(b.fetch(manifest)) for _ in range(5)))
    assert len(net.wants()) == 5


async def test_pieces_come_from_all_that_have_the_file(net: FileNet) -> None:
    content = value_of(16 * MIB)
    _, manifest = await net.with_file("a", content)
    await net.with_file("b", content)
    net.files_of("none")
    await net.files_of("c").fetch(manifest, lambda: ["a", "b"])
    asked = [to for sender, to, message in net.said if isinstance(message, Want) and sender == "c"]
    assert set(asked) == {"a", "b"}
    assert min(asked.count("a"), asked.count("b")) >= 2


async def test_a_fetch_that_was_cut_goes_on_after_a_restart_with_what_is_missing(net: FileNet) -> None:
    content = value_of(10 * MIB)
    _, manifest = await net.with_file("a", content)
    left = 6 * MIB // SLICE_BYTES

    def cutting(sender: str, to: str, message: Message) -> Message | None:
        nonlocal left
        if isinstance(message, Chunk):
            left -= 1
            return message if left >= 0 else Chunk(message.number, None)
        return message

    net.fault = cutting
    with pytest.raises(Unavailable):
        await net.files_of("b").fetch(manifest)
    net.fault = lambda sender, to, message: message
    asked = len(net.wants())
    again = net.files_of("b")  # another process, on the same folders
    await again.fetch(manifest)
    assert len(net.wants()) - asked == 4
    assert await net.blobs["b"].read(manifest.sha256.hex()) == content


async def test_pieces_that_were_damaged_on_the_disk_meanwhile_are_fetched_again(net: FileNet) -> None:
    content = value_of(4 * MIB)
    _, manifest = await net.with_file("a", content)
    b = net.files_of("b")
    left = 3 * MIB // SLICE_BYTES

    def cutting(sender: str, to: str, message: Message) -> Message | None:
        nonlocal left
        left -= isinstance(message, Chunk)
        return message if left >= 0 or isinstance(message, Want) else Chunk(message.number, None)

    net.fault = cutting
    with pytest.raises(Unavailable):
        await b.fetch(manifest)
    (begun,) = net.begun("b")
    with begun.open("r+b") as file:
        file.seek(100)
        file.write(b"damage")
    net.fault = lambda sender, to, message: message
    await b.fetch(manifest)
    assert await net.blobs["b"].read(manifest.sha256.hex()) == content


async def test_a_holder_that_goes_in_the_middle_is_taken_over_by_another(net: FileNet) -> None:
    content = value_of(12 * MIB)
    _, manifest = await net.with_file("a", content)
    await net.with_file("b", content)
    b_down = [False]

    def ending(sender: str, to: str, message: Message) -> Message | None:
        if isinstance(message, Chunk) and sender == "b":
            b_down[0] = True
        return None if b_down[0] and "b" in {sender, to} else message

    net.fault = ending
    travelling_pieces = net.files_of("c")
    fetch = travelling_pieces.fetch(manifest, lambda: ["b", "a"])
    await asyncio.sleep(0.2)
    net.down.add("b")  # the others have noticed
    await fetch
    assert await net.blobs["c"].read(manifest.sha256.hex()) == content


async def test_what_a_liar_or_a_damaged_disk_gives_is_not_taken(net: FileNet) -> None:
    content = value_of(6 * MIB)
    _, manifest = await net.with_file("liar", content)
    await net.with_file("damaged", content)
    await net.with_file("honest", content)

    def lying(sender: str, to: str, message: Message) -> Message:
        if sender == "liar" and isinstance(message, Chunk) and message.content:
            return msgspec.structs.replace(message, content=bytes(len(message.content)))
        return message

    net.fault = lying
    path = net.blobs["damaged"].place(manifest.sha256.hex())
    path.write_bytes(bytes(len(content)))
    c = net.files_of("c")
    await c.fetch(manifest, lambda: ["liar", "damaged"])
    assert await net.blobs["c"].read(manifest.sha256.hex()) == content


async def test_a_row_whose_pieces_do_not_make_its_file_leaves_nothing(net: FileNet) -> None:
    _, true = await net.with_file("a", value_of(3 * MIB))
    wrong = msgspec.structs.replace(true, sha256=bytes(32))
    b = net.files_of("b")
    with pytest.raises(Corrupt):
        await b.fetch(wrong)
    assert net.begun("b") == []
    assert not b.holds(bytes(32).hex())


async def test_a_full_disk_is_said_and_what_had_come_is_given_back(
    net: FileNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, manifest = await net.with_file("a", value_of(6 * MIB))
    b = net.files_of("b")
    write, left = travelling._write, 3

    def filling(path: Path, content: bytes, place: int) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, content, place)

    monkeypatch.setattr(travelling, "_write", filling)
    with pytest.raises(DiskFull):
        await b.fetch(manifest)
    assert net.begun("b") == []
    monkeypatch.setattr(travelling, "_write", write)
    await b.fetch(manifest)  # there is room again
    assert b.holds(manifest.sha256.hex())


async def test_a_member_that_is_still_fetching_gives_what_it_has(net: FileNet) -> None:
    content = value_of(8 * MIB)
    _, manifest = await net.with_file("a", content)
    b, left = net.files_of("b"), 4 * MIB // SLICE_BYTES
    b.know([manifest])
    stuck = asyncio.Event()

    def stopping(sender: str, to: str, message: Message) -> Message | None:
        nonlocal left
        if isinstance(message, Chunk) and to == "b":
            left -= 1
            if left < 0:
                stuck.set()
                return None
        return message

    net.fault = stopping
    fetching = b.fetch(manifest)
    await stuck.wait()
    net.down.add("a")
    c = net.files_of("c")
    with pytest.raises(Unavailable):
        await c.fetch(manifest)
    assert any(isinstance(said, Chunk) and said.content for sender, _, said in net.said if sender == "b")
    fetching.cancel()


async def test_pieces_of_files_that_no_row_names_are_given_to_nobody(net: FileNet) -> None:
    a, manifest = await net.with_file("a", value_of(2 * MIB))
    a.know([])
    with pytest.raises(Unavailable):
        await net.files_of("b").fetch(manifest)


async def test_what_was_begun_and_is_named_no_more_goes_and_what_is_coming_stays(net: FileNet) -> None:
    _, manifest = await net.with_file("a", value_of(3 * MIB))
    b = net.files_of("b")
    folder = net.begun("b")
    assert folder == []
    old = b._folder / ("e" * 64)
    old.write_bytes(b"begun long ago")
    kept = b._folder / ("d" * 64)
    kept.write_bytes(b"still named")
    fetching = b.fetch(manifest)
    await until((b._folder / manifest.sha256.hex()).exists)
    assert await b.forget_all_but({kept.name}) == 1
    await fetching
    assert (old.exists(), kept.exists(), b.holds(manifest.sha256.hex())) == (False, True, True)
