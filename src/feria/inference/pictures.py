"""From the bytes of a picture to the numbers a network wants."""

import base64

import msgspec
import numpy as np
from PIL import Image, ImageOps

from feria.errors import Invalid, NotAnImage
from feria.pixels import Colours, Pixels, decode, deep
from feria.registry.wire import ImageInput

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


class PictureReader:
    """Decodes, fits and normalises pictures for one network."""

    def __init__(self, wanted: ImageInput, max_pixels: int) -> None:
        self._wanted = wanted
        self._max_pixels = max_pixels
        self._colours: Colours = "GRAY" if wanted.channels == "GRAY" else "RGB"
        self._size = (wanted.width, wanted.height)
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
        pixels = decode(data, self._colours, self._size, self._max_pixels)
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

    def _fit(self, pixels: Pixels) -> Pixels:
        wanted = self._size
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
                return _padded(deep(np.asarray(inside)), self._wanted.width, self._wanted.height)
        return deep(np.asarray(fitted))


def _padded(pixels: Pixels, width: int, height: int) -> Pixels:
    """Centre the picture and repeat its edge: a plain border would be a feature of its own."""
    below, beside = height - pixels.shape[0], width - pixels.shape[1]
    margins = ((below // 2, below - below // 2), (beside // 2, beside - beside // 2), (0, 0))
    return np.pad(pixels, margins, mode="edge")


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
