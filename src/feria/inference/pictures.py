"""From the bytes of a picture to the numbers a network wants."""

import base64
import io
import struct

import msgspec
import numpy as np
import simplejpeg
from PIL import Image, ImageOps, UnidentifiedImageError

from feria.errors import Invalid, NotAnImage, TooLarge
from feria.registry.wire import ImageInput

FORMATS = ("PNG", "WEBP", "GIF", "BMP", "JPEG")
EXIF_ORIENTATION = 0x0112
# Pixels are counted here, from the header and against the node's own limit, before anything is decoded.
Image.MAX_IMAGE_PIXELS = None

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
Floats = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


class PictureReader:
    """Decodes, fits and normalises pictures for one network."""

    def __init__(self, wanted: ImageInput, max_pixels: int) -> None:
        self._wanted = wanted
        self._max_pixels = max_pixels
        self._mode = "L" if wanted.channels == "GRAY" else "RGB"
        depth = 1 if wanted.channels == "GRAY" else 3
        whole = (wanted.height, wanted.width, depth)
        if wanted.layout == "NCHW":
            self.shape, self._axes, beside = (depth, *whole[:2]), (2, 0, 1), (-1, 1, 1)
        else:
            self.shape, self._axes, beside = whole, (0, 1, 2), (1, 1, -1)
        self._mean = np.array(wanted.mean, np.float32).reshape(beside)
        self._scale = np.array(wanted.scale, np.float32).reshape(beside)
        self._centred = bool(self._mean.any())

    def read(self, data: bytes, out: Floats) -> None:
        """Write the picture into `out`, float32 of `self.shape`.

        Raises `NotAnImage` for bytes that are no whole picture and `TooLarge`, before decoding, for more
        pixels than the node takes.
        """
        pixels = self._decode(data)
        if pixels.shape[:2] != (self._wanted.height, self._wanted.width):
            pixels = self._fit(pixels)
        if self._wanted.channels == "BGR":
            pixels = pixels[..., ::-1]
        pixels = pixels.transpose(self._axes)  # what is written lies in order: that is twice as fast
        if self._centred:
            np.subtract(pixels, self._mean, out=out)
            np.multiply(out, self._scale, out=out)
        else:
            np.multiply(pixels, self._scale, out=out)

    def _decode(self, data: bytes) -> Pixels:
        if not data:
            raise NotAnImage("The picture is empty.")
        try:
            if data[:2] == b"\xff\xd8":
                return self._decode_jpeg(data)
            return self._decode_other(data)
        except (TooLarge, NotAnImage):
            raise
        except UnidentifiedImageError:
            raise NotAnImage("The bytes are no JPEG, PNG, WebP, GIF or BMP picture.") from None
        except Exception as error:  # decoders fail on broken bytes in every way there is
            raise NotAnImage(f"The picture cannot be decoded: {str(error)[:200]}") from None

    def _decode_jpeg(self, data: bytes) -> Pixels:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        self._check(width, height)
        if colours in {"CMYK", "YCCK"}:
            return self._decode_other(data)
        # libjpeg-turbo decodes straight to 1/2, 1/4 or 1/8, the smallest that still covers what we want.
        side = max(self._wanted.height, self._wanted.width)
        pixels: Pixels = simplejpeg.decode_jpeg(
            data,
            "GRAY" if self._mode == "L" else "RGB",
            fastdct=True,
            fastupsample=True,
            min_height=side,
            min_width=side,
        )
        return _upright(pixels, _orientation(data))

    def _decode_other(self, data: bytes) -> Pixels:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            self._check(*picture.size)
            picture.draft(self._mode, (self._wanted.width, self._wanted.height))
            upright = ImageOps.exif_transpose(picture)
            return _deep(np.asarray(_flat(upright, self._mode)))

    def _check(self, width: int, height: int) -> None:
        if width * height > self._max_pixels:
            raise TooLarge(
                f"The picture has {width} × {height} pixels; this node takes {self._max_pixels:,} in all.",
                limit=self._max_pixels,
            )

    def _fit(self, pixels: Pixels) -> Pixels:
        wanted = (self._wanted.width, self._wanted.height)
        picture = Image.fromarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels)
        match self._wanted.fit:
            case "stretch":
                fitted = picture.resize(wanted, Image.Resampling.BILINEAR, reducing_gap=2.0)
            case "crop":
                fitted = ImageOps.fit(picture, wanted, Image.Resampling.BILINEAR)
            case "pad":
                ratio = min(wanted[0] / picture.width, wanted[1] / picture.height)
                # However thin a picture is, a line of it is left.
                fitting = [max(1, round(side * ratio)) for side in picture.size]
                inside = picture.resize(fitting, Image.Resampling.BILINEAR, reducing_gap=2.0)
                return _padded(_deep(np.asarray(inside)), self._wanted.width, self._wanted.height)
        return _deep(np.asarray(fitted))


def _deep(pixels: Pixels) -> Pixels:
    return pixels if pixels.ndim == 3 else pixels[..., None]


def _padded(pixels: Pixels, width: int, height: int) -> Pixels:
    """Centre the picture and repeat its edge: a plain border would be a feature of its own."""
    below, beside = height - pixels.shape[0], width - pixels.shape[1]
    margins = ((below // 2, below - below // 2), (beside // 2, beside - beside // 2), (0, 0))
    return np.pad(pixels, margins, mode="edge")


def _flat(picture: Image.Image, mode: str) -> Image.Image:
    """One of eight bits a channel, on white where it was transparent."""
    if picture.mode.startswith("I") or picture.mode == "F":
        deep = np.asarray(picture, np.float32)
        return Image.fromarray((deep / max(float(deep.max()), 255.0) * 255).astype(np.uint8)).convert(mode)
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


class _Base64Pictures(msgspec.Struct, forbid_unknown_fields=True):
    image: bytes | None = None  # msgspec decodes the Base64 on the way, four times faster than base64
    images: list[bytes] = []


class _DataUrls(msgspec.Struct, forbid_unknown_fields=True):
    image: str | None = None
    images: list[str] = []


_pictures = msgspec.json.Decoder(_Base64Pictures)
_data_urls = msgspec.json.Decoder(_DataUrls)


def pictures_in_json(body: bytes) -> list[bytes]:
    """Of `{"image": Base64}` or `{"images": [Base64, …]}`; a `data:` URL will do. Raises `Invalid`."""
    try:
        found = _pictures.decode(body)
        return found.images if found.image is None else [found.image, *found.images]
    except msgspec.DecodeError:
        pass
    try:
        urls = _data_urls.decode(body)
    except msgspec.DecodeError as error:
        raise Invalid(
            f'The body must be {{"image": Base64}} or {{"images": [Base64, …]}}: {error}.'
        ) from None
    texts = urls.images if urls.image is None else [urls.image, *urls.images]
    try:
        return [base64.b64decode(text.partition(",")[2] or text, validate=True) for text in texts]
    except ValueError:
        raise NotAnImage("The picture is not Base64.") from None
