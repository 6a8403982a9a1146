"""Pictures of products: whatever is sent, what is kept can be shown."""

import io
import struct
import zlib
from collections.abc import AsyncGenerator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from feria.catalog.catalog import Catalog
from feria.catalog.pictures import Pictures
from feria.errors import FeriaError, NotAnImage, NotFound, OverLimit, TooLarge
from feria.migrations import schema
from feria.node import Node
from feria.settings import CatalogSettings, StorageSettings
from feria.storage.blobs import Blobs, open_blobs
from feria.storage.database import Database, open_database
from goods import draft, picture

LIMITS = CatalogSettings(max_picture_mib=1, max_pixels=5_000_000, max_pictures=3)


@pytest.fixture
async def on_sqlite(tmp_path: Path) -> AsyncGenerator[tuple[Database, Blobs]]:
    async with open_database(StorageSettings(), tmp_path) as database, open_blobs(tmp_path) as blobs:
        await schema.upgrade(database)
        yield database, blobs


@pytest.fixture
def pictures(on_sqlite: tuple[Database, Blobs]) -> Pictures:
    return Pictures(*on_sqlite, LIMITS)


async def opened(on_sqlite: tuple[Database, Blobs], digest: str) -> Image.Image:
    image = Image.open((await on_sqlite[1].find(digest)).path)
    image.load()
    return image


async def kept(on_sqlite: tuple[Database, Blobs], data: bytes) -> Image.Image:
    (one,) = await Pictures(*on_sqlite, LIMITS).keep([data])
    image = await opened(on_sqlite, one.digest)
    assert image.format == "WEBP"
    assert image.mode == "RGB"
    assert image.size == (one.width, one.height)
    return image


def near(image: Image.Image, at: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    return bool(np.abs(np.subtract(image.getpixel(at), colour)).max() < 24)


@pytest.mark.parametrize(
    ("sent", "keeps", "shows"),
    [
        ((2000, 1000), (1024, 512), (320, 160)),
        ((1000, 2000), (512, 1024), (160, 320)),
        ((640, 640), (640, 640), (320, 320)),
        ((100, 50), (100, 50), (100, 50)),
        ((1, 1), (1, 1), (1, 1)),
        ((2500, 1), (1024, 1), (320, 1)),
    ],
)
async def test_a_large_one_shrinks_and_a_small_one_stays(
    on_sqlite: tuple[Database, Blobs], pictures: Pictures, sent: tuple[int, int], keeps: object, shows: object
) -> None:
    for format in ("PNG", "JPEG"):
        (one,) = await pictures.keep([picture(size=sent, format=format)])
        assert (await opened(on_sqlite, one.digest)).size == keeps
        assert (await opened(on_sqlite, one.thumbnail)).size == shows


async def test_one_that_was_held_sideways_stands_upright_and_tells_no_place(
    on_sqlite: tuple[Database, Blobs],
) -> None:
    image = Image.new("RGB", (40, 20), (255, 255, 255))
    image.paste((255, 0, 0), (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it by 90° clockwise
    exif[0x010F] = "Maker"
    for format in ("JPEG", "PNG", "WEBP"):
        file = io.BytesIO()
        image.save(file, format, exif=exif)
        upright = await kept(on_sqlite, file.getvalue())
        assert upright.size == (20, 40)
        assert near(upright, (10, 4), (255, 0, 0))
        assert near(upright, (10, 36), (255, 255, 255))
        assert dict(upright.getexif()) == {}


async def test_every_kind_of_colours_becomes_plain_ones(on_sqlite: tuple[Database, Blobs]) -> None:
    cmyk = await kept(on_sqlite, picture((0, 255, 255, 0), format="JPEG", size=(32, 32)))
    assert near(cmyk, (16, 16), (255, 0, 0))
    grey = await kept(on_sqlite, picture(128, size=(32, 32)))
    assert near(grey, (16, 16), (128, 128, 128))
    file = io.BytesIO()
    Image.fromarray(np.full((32, 32), 65535, np.uint16)).save(file, "PNG")
    sixteen = await kept(on_sqlite, file.getvalue())
    assert near(sixteen, (16, 16), (255, 255, 255))
    file = io.BytesIO()
    Image.new("RGBA", (32, 32), (255, 0, 0, 0)).save(file, "PNG")
    clear = await kept(on_sqlite, file.getvalue())
    assert near(clear, (16, 16), (255, 255, 255))


async def test_of_one_that_moves_the_first_picture_is_kept(on_sqlite: tuple[Database, Blobs]) -> None:
    file = io.BytesIO()
    red, blue = (Image.new("RGB", (32, 32), colour) for colour in ((255, 0, 0), (0, 0, 255)))
    red.save(file, "GIF", save_all=True, append_images=[blue], duration=100)
    assert near(await kept(on_sqlite, file.getvalue()), (16, 16), (255, 0, 0))


def huge() -> bytes:
    """A PNG that says it has 100 million pixels, and is 100 kB."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 10_000, 10_000, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(10_001) * 10_000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(200)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", NotAnImage),
        (b"no picture", NotAnImage),
        (SVG, NotAnImage),
        (HEIC, NotAnImage),
        (picture(size=(200, 200), format="JPEG")[:300], NotAnImage),
        (picture(size=(200, 200))[:100], NotAnImage),
        (huge(), TooLarge),
        (picture(format="BMP", size=(700, 700)), TooLarge),
    ],
    ids=["empty", "text", "svg", "heic", "half a jpeg", "half a png", "100 MP", "bytes"],
)
async def test_what_is_no_picture_or_too_large_is_refused_and_leaves_nothing(
    on_sqlite: tuple[Database, Blobs],
    pictures: Pictures,
    tmp_path: Path,
    data: bytes,
    error: type[FeriaError],
) -> None:
    with pytest.raises(error):
        await pictures.keep([data])
    with pytest.raises(error, match=r"^Picture 2: "):
        await pictures.keep([picture(), data])
    catalog = Catalog(on_sqlite[0], pictures, clock=None)  # type: ignore[arg-type]
    with pytest.raises(error):
        await catalog.put(draft("A"), [data])
    assert await catalog.last_change() == 0


async def test_a_product_has_so_many_pictures_and_no_more(pictures: Pictures) -> None:
    with pytest.raises(OverLimit, match="at most 3"):
        await pictures.keep([picture()] * 4)


async def test_the_same_bytes_again_are_the_same_picture_without_new_work(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog: Catalog = node.parts[Catalog]
    sent = picture(size=(50, 40))
    first = (await catalog.put(draft("A"), [sent])).pictures
    monkeypatch.setattr("feria.catalog.pictures._encode", None)  # it would fail if it were asked
    assert (await catalog.put(draft("B"), [sent])).pictures == first
    as_kept = (await node.parts[Blobs].find(first[0].digest)).path.read_bytes()
    assert (await catalog.put(draft("C"), [as_kept])).pictures == first


async def test_a_picture_whose_file_was_lost_is_made_again(node: Node) -> None:
    catalog: Catalog = node.parts[Catalog]
    sent = picture(size=(50, 40))
    first = (await catalog.put(draft("A"), [sent])).pictures
    (await node.parts[Blobs].find(first[0].digest)).path.unlink()
    assert (await catalog.put(draft("B"), [sent])).pictures == first
    assert await node.parts[Pictures].find(first[0].digest)


async def test_the_collector_takes_what_no_product_shows_and_nothing_else(node: Node) -> None:
    catalog, blobs = node.parts[Catalog], node.parts[Blobs]
    shown = (await catalog.put(draft("A"), [picture((1, 2, 3))])).pictures[0]
    gone = (await catalog.put(draft("B"), [picture((250, 2, 3), size=(400, 400))])).pictures[0]
    await catalog.remove("B")
    collected = await blobs.collect(await catalog.picture_digests(), grace_seconds=0)
    assert set(collected) == {gone.digest, gone.thumbnail}
    assert await blobs.find(shown.digest)
    with pytest.raises(NotFound):
        await node.parts[Pictures].find(gone.digest)


async def test_other_files_are_not_shown_as_pictures(node: Node) -> None:
    model = await node.parts[Blobs].put(b"a model, say")
    with pytest.raises(NotFound):
        await node.parts[Pictures].find(model.digest)
