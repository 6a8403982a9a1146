"""From the bytes of a picture to its pixels: upright, eight bits a channel, on white."""

import io
import struct
from typing import Literal

import numpy as np
import simplejpeg
from PIL import Image, ImageOps, UnidentifiedImageError

from feria.errors import NotAnImage, TooLarge

FORMATS = ("PNG", "WEBP", "GIF", "BMP", "JPEG")
EXIF_ORIENTATION = 0x0112
# Pixels are counted here, from the header and against the node's own limit, before anything is decoded.
Image.MAX_IMAGE_PIXELS = None

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
Colours = Literal["RGB", "GRAY"]


def decode(data: bytes, colours: Colours, least: tuple[int, int], max_pixels: int) -> Pixels:
    """The picture as `[height, width, 3]` RGB or `[height, width, 1]` grey, at its own size or, where its
    format allows that quicker, at a smaller one that still covers `least`, a width and a height.

    Raises `NotAnImage` for bytes that are no whole picture and `TooLarge`, before decoding, for more
    than `max_pixels`.
    """
    if not data:
        raise NotAnImage("The picture is empty.")
    try:
        if data[:2] == b"\xff\xd8":
            return _decode_jpeg(data, colours, least, max_pixels)
        return _decode_other(data, colours, least, max_pixels)
    except (TooLarge, NotAnImage):
        raise
    except UnidentifiedImageError:
        raise NotAnImage("The bytes are no JPEG, PNG, WebP, GIF or BMP picture.") from None
    except Exception as error:  # decoders fail on broken bytes in every way there is
        raise NotAnImage(f"The picture cannot be decoded: {str(error)[:200]}") from None


def deep(pixels: Pixels) -> Pixels:
    """With an axis of channels, be there one channel or three."""
    return pixels if pixels.ndim == 3 else pixels[..., None]


def _decode_jpeg(data: bytes, colours: Colours, least: tuple[int, int], max_pixels: int) -> Pixels:
    height, width, held, _ = simplejpeg.decode_jpeg_header(data)
    _check(width, height, max_pixels)
    if held in {"CMYK", "YCCK"}:
        return _decode_other(data, colours, least, max_pixels)
    # libjpeg-turbo decodes straight to 1/2, 1/4 or 1/8, the smallest that still covers what is wanted
    # however the camera was held.
    side = max(least)
    pixels: Pixels = simplejpeg.decode_jpeg(
        data, colours, fastdct=True, fastupsample=True, min_height=side, min_width=side
    )
    return _upright(pixels, _orientation(data))


def _decode_other(data: bytes, colours: Colours, least: tuple[int, int], max_pixels: int) -> Pixels:
    mode = "L" if colours == "GRAY" else "RGB"
    with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
        _check(*picture.size, max_pixels)
        picture.draft(mode, least)
        upright = ImageOps.exif_transpose(picture)
        return deep(np.asarray(_flat(upright, mode)))


def _check(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise TooLarge(
            f"The picture has {width} × {height} pixels; this node takes {max_pixels:,} in all.",
            limit=max_pixels,
        )


def _flat(picture: Image.Image, mode: str) -> Image.Image:
    """One of eight bits a channel, on white where it was transparent."""
    if picture.mode.startswith("I") or picture.mode == "F":
        values = np.asarray(picture, np.float32)
        values = values / max(float(values.max()), 255.0) * 255
        return Image.fromarray(values.astype(np.uint8)).convert(mode)
    if picture.has_transparency_data:
        over = picture.convert("RGBA")
        ground = Image.new("RGBA", over.size, "white")
        return Image.alpha_composite(ground, over).convert(mode)
    return picture.convert(mode)


def _orientation(jpeg: bytes) -> int:
    """How a camera held it: EXIF tag 0x0112, 1 to 8. 1 where the file does not say."""
    start = jpeg.find(b"Exif\x00\x00", 0, 65536)
    if start < 0:
        return 1
    try:
        exif = Image.Exif()
        exif.load(jpeg[start : start + 65536])
        return int(exif.get(EXIF_ORIENTATION, 1))
    except (ValueError, TypeError, SyntaxError, OSError, struct.error):
        return 1


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    if orientation in {5, 6, 7, 8}:
        pixels = pixels.swapaxes(0, 1)
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
