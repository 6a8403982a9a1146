"""Pictures of products: upright, eight bits a channel, no larger than a page shows them.

What is sent is decoded within limits and never kept, so neither are its EXIF place and time.
"""

import asyncio
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image
from sqlalchemy import or_, select

from feria.catalog.reading import as_picture
from feria.catalog.tables import PictureRow
from feria.catalog.wire import Picture
from feria.errors import FeriaError, NotAnImage, NotFound, OverLimit, TooLarge
from feria.pixels import decode
from feria.settings import CatalogSettings
from feria.storage.blobs import Blob, Blobs
from feria.storage.database import Database

LONGEST, THUMBNAIL = 1024, 320
"""Pixels of the longer side; a smaller picture stays as it is."""
QUALITY = 82
MEDIA_TYPE = "image/webp"
AT_ONCE = 2
"""Decoded at a time: each may take 3 bytes a pixel."""


@dataclass(frozen=True, slots=True)
class _Encoded:
    picture: bytes
    thumbnail: bytes
    width: int
    height: int


class Pictures:
    def __init__(self, database: Database, blobs: Blobs, settings: CatalogSettings) -> None:
        self._database = database
        self._blobs = blobs
        self._settings = settings
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def keep(self, files: Sequence[bytes]) -> list[Picture]:
        """The pictures these files hold, durable; a file that was seen before needs no new work.

        Raises `OverLimit`, `NotAnImage` or `TooLarge`, saying which file where there are several.
        """
        if len(files) > self._settings.max_pictures:
            raise OverLimit(f"A product has at most {self._settings.max_pictures} pictures.")
        kept = []
        for number, data in enumerate(files, 1):
            try:
                kept.append(await self._keep(data))
            except (NotAnImage, TooLarge) as error:
                if len(files) == 1:
                    raise
                raise type(error)(f"Picture {number}: {error.message}", **error.details) from None
        return kept

    async def find(self, digest: str) -> Blob:
        """The file of a picture or thumbnail. Raises `NotFound`: other files are not shown to everybody."""
        known = select(PictureRow.position).where(
            or_(PictureRow.digest == digest, PictureRow.thumbnail == digest)
        )
        async with self._database.transaction(read_only=True) as session:
            if await session.scalar(known.limit(1)) is None:
                raise NotFound(f"No picture {digest[:12]}….")
        return await self._blobs.find(digest)

    async def _keep(self, data: bytes) -> Picture:
        limit = self._settings.max_picture_mib * 2**20
        if len(data) > limit:
            raise TooLarge(
                f"The picture has {len(data) / 2**20:.1f} MiB; this node takes "
                f"{self._settings.max_picture_mib}.",
                limit=limit,
            )
        source = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
        if (known := await self._known(source)) is not None:
            return known
        async with self._turns:
            made = await asyncio.to_thread(_encode, data, self._settings.max_pixels)
        digest = (await self._blobs.put(made.picture)).digest
        thumbnail = (await self._blobs.put(made.thumbnail)).digest
        return Picture(
            digest=digest, thumbnail=thumbnail, width=made.width, height=made.height, source=source
        )

    async def _known(self, source: str) -> Picture | None:
        """A picture made of those very bytes before, or that is itself them, if its files are still whole."""
        same = or_(PictureRow.source == source, PictureRow.digest == source)
        query = select(PictureRow.__table__).where(same).limit(1)
        async with self._database.transaction(read_only=True) as session:
            row = (await session.execute(query)).mappings().first()
        if row is None:
            return None
        try:
            for digest in (row["digest"], row["thumbnail"]):
                # Kept again, which renews its age: its row may go before ours is written.
                await self._blobs.put((await self._blobs.find(digest)).path, expected=digest)
        except FeriaError:
            return None
        return as_picture(row)


def _encode(data: bytes, max_pixels: int) -> _Encoded:
    pixels = decode(data, "RGB", (LONGEST, LONGEST), max_pixels)
    picture = _within(Image.fromarray(pixels), LONGEST)
    return _Encoded(_webp(picture), _webp(_within(picture, THUMBNAIL)), *picture.size)


def _within(picture: Image.Image, longest: int) -> Image.Image:
    share = longest / max(picture.size)
    if share >= 1:
        return picture
    width, height = (max(1, round(side * share)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)


def _webp(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=QUALITY, method=2)
    return file.getvalue()
