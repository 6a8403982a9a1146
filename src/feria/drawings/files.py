"""Drawings as files; drawn by a process of its own, since each keeps a core busy for a while."""

import base64
import io
from collections.abc import Callable

from feria.drawings.pictures import draw

QUALITY = 92


def jpegs(wanted: list[tuple[str, int, int]], size: int, report: Callable[[str, float], None]) -> list[str]:
    """Base64 of a JPEG for each kind, seed and view. Raises `Invalid`."""
    files = []
    for at, (kind, seed, view) in enumerate(wanted):
        report("drawing", at / len(wanted))
        file = io.BytesIO()
        draw(kind, seed, size, view).save(file, "JPEG", quality=QUALITY)
        files.append(base64.b64encode(file.getvalue()).decode())
    return files
