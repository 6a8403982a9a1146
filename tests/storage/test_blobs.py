import hashlib
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feria.errors import Corrupt, Invalid, NotFound
from feria.storage.blobs import Blobs, open_blobs


@pytest.fixture
async def blobs(tmp_path: Path) -> Blobs:
    async with open_blobs(tmp_path) as blobs:
        return blobs


def files(blobs: Blobs) -> list[str]:
    return sorted(p.name for p in blobs._root.rglob("*") if p.is_file())


@given(content=st.binary(max_size=3_000_000))
@settings(max_examples=20, deadline=None)
async def test_what_is_kept_is_found_by_its_digest(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    async with open_blobs(tmp_path_factory.mktemp("home")) as blobs:
        kept = await blobs.put(content)
        assert kept.digest == hashlib.sha256(content).hexdigest()
        found = await blobs.find(kept.digest)
        assert (found.size, found.path.read_bytes()) == (len(content), content)


async def test_a_file_changed_behind_our_back_is_not_handed_out(blobs: Blobs) -> None:
    kept = await blobs.put(b"the model")
    assert (await blobs.find(kept.digest)).size == 9
    kept.path.write_bytes(b"tampered!")
    with pytest.raises(Corrupt):
        await blobs.find(kept.digest)
    await blobs.put(b"the model")  # keeping it again heals it
    assert (await blobs.find(kept.digest)).path.read_bytes() == b"the model"


async def test_another_digest_than_the_expected_leaves_nothing(blobs: Blobs) -> None:
    with pytest.raises(Invalid):
        await blobs.put(b"content", expected="0" * 64)
    assert files(blobs) == []


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "A" * 64, "0" * 63])
async def test_only_a_digest_names_a_file(blobs: Blobs, digest: str) -> None:
    with pytest.raises(Invalid):
        await blobs.find(digest)


async def test_an_unknown_digest_is_not_found(blobs: Blobs) -> None:
    with pytest.raises(NotFound):
        await blobs.find("0" * 64)


async def test_files_without_a_row_are_collected_after_the_grace(blobs: Blobs) -> None:
    named, orphan, young = [await blobs.put(content) for content in (b"named", b"orphan", b"young")]
    unfinished = blobs._unfinished / "tmp123"
    unfinished.write_bytes(b"half of it")
    for path in (named.path, orphan.path, unfinished):
        os.utime(path, (0, 0))
    removed = await blobs.collect({named.digest}, grace_seconds=3600)
    assert removed == [orphan.digest]
    assert files(blobs) == sorted([named.digest, young.digest])


def test_a_disk_that_fills_leaves_nothing_half_kept(tmp_path: Path) -> None:
    """A real full disk: a file system of 1 MiB, mounted in a name space of its own."""
    script = textwrap.dedent("""
        import asyncio, sys
        from pathlib import Path
        from feria.errors import DiskFull
        from feria.storage.blobs import open_blobs

        async def main():
            async with open_blobs(Path(sys.argv[1])) as blobs:
                small = await blobs.put(b"fits")
                try:
                    await blobs.put(bytes(4_000_000))
                except DiskFull as error:
                    print("refused:", error)
                left = [p.name for p in Path(sys.argv[1]).rglob("*") if p.is_file()]
                print("left:", left == [small.digest])

        asyncio.run(main())
    """)
    mounted = f'mount -t tmpfs -o size=1m tmpfs {tmp_path} && exec {sys.executable} -c "$0" {tmp_path}'
    ran = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mounted, script],
        capture_output=True,
        text=True,
    )
    if "Operation not permitted" in ran.stderr or "permission denied" in ran.stderr.lower():
        pytest.skip(f"this machine lets no one mount a file system: {ran.stderr.strip()}")
    assert ran.stdout == "refused: The disk is full; nothing was stored.\nleft: True\n", ran.stderr
