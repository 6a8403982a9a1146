"""Products and pictures of them, for tests."""

import contextlib
import io
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from PIL import Image

from clocks import ManualClock
from feria.catalog.catalog import Catalog
from feria.catalog.pictures import Pictures
from feria.catalog.wire import ProductDraft
from feria.settings import CatalogSettings
from feria.storage.blobs import open_blobs
from feria.storage.database import Database


def draft(sku: str, **other: Any) -> ProductDraft:
    said = {"sku": sku, "title": {"es": f"Taza {sku}", "en": f"Mug {sku}"}, "price": "9.99"}
    return ProductDraft.model_validate(said | other)


def picture(
    colour: Any = (200, 30, 30), size: tuple[int, int] = (12, 9), format: str = "PNG", **saving: Any
) -> bytes:
    """One of one colour; of another mode where the colour says so."""
    mode = "L" if isinstance(colour, int) else {3: "RGB", 4: "CMYK"}[len(colour)]
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, format, **saving)
    return file.getvalue()


@contextlib.asynccontextmanager
async def open_catalog(
    database: Database,
    folder: Path,
    settings: CatalogSettings | None = None,
    clock: ManualClock | None = None,
) -> AsyncGenerator[Catalog]:
    """A catalogue on a migrated database, its pictures under `folder`."""
    async with open_blobs(folder) as blobs:
        pictures = Pictures(database, blobs, settings or CatalogSettings())
        yield Catalog(database, pictures, clock or ManualClock())
