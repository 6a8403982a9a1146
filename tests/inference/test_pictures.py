"""Pictures as they come: large, turned, transparent, broken."""

import base64
import io
import struct
import zlib
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from feria.errors import Invalid, NotAnImage, TooLarge
from feria.inference.pictures import PictureReader, pictures_in_json
from feria.registry.wire import ImageInput

LIMIT = 1_000_000


def reader(**wanted: Any) -> PictureReader:
    return PictureReader(ImageInput(**{"input": "x", "width": 16, "height": 12} | wanted), LIMIT)


def read(data: bytes, **wanted: Any) -> np.ndarray[Any, Any]:
    one = reader(**wanted)
    out = np.full(one.shape, np.nan, np.float32)
    one.read(data, out)
    assert np.isfinite(out).all()
    return out


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def plain(colour: Any, size: tuple[int, int] = (16, 12), mode: str = "RGB") -> Image.Image:
    return Image.new(mode, size, colour)


def gradient(width: int, height: int) -> Image.Image:
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([x, y, np.full_like(x, 60)], axis=2).astype(np.uint8))


def test_channels_layout_mean_and_scale_are_the_models_own() -> None:
    orange = encoded(plain((200, 100, 50)))
    chw = read(orange, scale=(1.0,))
    assert chw.shape == (3, 12, 16)
    assert chw[:, 0, 0].tolist() == [200, 100, 50]
    hwc = read(orange, layout="NHWC", channels="BGR", mean=(50.0, 100.0, 150.0), scale=(1.0, 2.0, 0.5))
    assert hwc.shape == (12, 16, 3)
    assert hwc[5, 5].tolist() == [0, 0, 25]
    assert read(orange, channels="GRAY").shape == (1, 12, 16)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "BMP", "JPEG"])
@pytest.mark.parametrize("size", [(16, 12), (200, 150), (5, 9), (1, 1), (900, 1), (1, 900)])
@pytest.mark.parametrize("channels", ["RGB", "GRAY"])
def test_every_format_and_size_gives_its_colour(kind: str, size: tuple[int, int], channels: str) -> None:
    for fit in ("stretch", "crop", "pad"):
        seen = read(encoded(plain((120, 120, 120), size), kind), channels=channels, fit=fit, scale=(1.0,))
        np.testing.assert_allclose(seen, 120, atol=3)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "I;16", "1"])
def test_every_mode_can_be_read(mode: str) -> None:
    picture = plain(0, mode="I;16") if mode == "I;16" else plain((255, 255, 255)).convert(mode)
    read(encoded(picture, "JPEG" if mode == "CMYK" else "PNG"))


def test_what_is_transparent_lies_on_white() -> None:
    assert read(encoded(plain((0, 0, 0, 0), mode="RGBA")), scale=(1.0,)).min() == 255


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_camera_held_sideways_is_set_upright(orientation: int, kind: str) -> None:
    upright = gradient(160, 120)
    exif = Image.Exif()
    exif[0x0112] = orientation
    taken = encoded(upright, kind, exif=exif.tobytes(), **({"quality": 95} if kind == "JPEG" else {}))
    expected = encoded(ImageOps.exif_transpose(Image.open(io.BytesIO(taken))), "PNG")
    np.testing.assert_allclose(read(taken, scale=(1.0,)), read(expected, scale=(1.0,)), atol=8)


def test_scaled_decoding_sees_what_full_decoding_sees() -> None:
    large = gradient(800, 600)
    np.testing.assert_allclose(
        read(encoded(large, "JPEG", quality=95), scale=(1.0,)), read(encoded(large), scale=(1.0,)), atol=6
    )


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims, and would unpack to, that many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(10_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_too_many_pixels_are_refused_before_they_are_decoded() -> None:
    jpeg = bytearray(encoded(plain(0, (64, 64)), "JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 10_000, 10_000)  # 100 megapixels, says the header
    for data in (bytes(jpeg), bomb(50_000, 50_000)):
        with pytest.raises(TooLarge, match="pixels"):
            read(data)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "JPEG"])
def test_a_truncated_picture_is_no_picture(kind: str) -> None:
    data = encoded(gradient(300, 200), kind)
    for length in (1, 10, 100, len(data) // 2):
        with pytest.raises(NotAnImage):
            read(data[:length])


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\xff\xd8\xff", b"<svg/>", b"%PDF-1.7", b"\x00" * 999])
def test_other_bytes_are_no_picture(data: bytes) -> None:
    with pytest.raises(NotAnImage):
        read(data)


@given(
    kind=st.sampled_from(["PNG", "JPEG", "WEBP", "GIF"]),
    damage=st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=6),
)
def test_a_damaged_picture_is_read_or_refused(kind: str, damage: list[tuple[int, int]]) -> None:
    data = bytearray(encoded(gradient(40, 30), kind))
    for at, byte in damage:
        data[at % len(data)] = byte
    with suppress(NotAnImage, TooLarge):
        read(bytes(data))


def test_json_carries_pictures_plainly_or_as_data_urls() -> None:
    one, two = b"first picture", b"second"
    plain, url = base64.b64encode(one).decode(), "data:image/png;base64," + base64.b64encode(two).decode()
    assert pictures_in_json(f'{{"image": "{plain}"}}'.encode()) == [one]
    assert pictures_in_json(f'{{"images": ["{plain}", "{url}"]}}'.encode()) == [one, two]
    with pytest.raises(NotAnImage):
        pictures_in_json(b'{"image": "not base64!"}')
    for body in (b"", b"[]", b'{"picture": ""}', b'{"image": 5}'):
        with pytest.raises(Invalid):
            pictures_in_json(body)
