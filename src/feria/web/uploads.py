"""An uploaded file as a file on disk, gone again afterwards."""

import asyncio
import contextlib
import re
import shutil
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path

from starlette.datastructures import UploadFile

from feria.storage.blobs import disk_errors

NOT_OF_A_SUFFIX = re.compile(r"[^A-Za-z0-9.]")


@contextlib.asynccontextmanager
async def on_disk(upload: UploadFile, folder: Path | None = None) -> AsyncGenerator[Path]:
    """Copy an upload to a file of its own under `folder` and remove it when done.

    The name's suffix is kept, for it may say the format. Raises `DiskFull`.
    """
    suffix = NOT_OF_A_SUFFIX.sub("", "".join(Path(upload.filename or "").suffixes))[-16:]
    with disk_errors(), tempfile.NamedTemporaryFile(dir=folder, suffix=suffix) as file:
        await asyncio.to_thread(shutil.copyfileobj, upload.file, file)
        file.flush()
        yield Path(file.name)
