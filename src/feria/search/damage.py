"""What tells a damaged index: tantivy's own words for it, and the checksums in its files."""

import contextlib
import errno
import json
import mmap
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from feria.errors import Corrupt, DiskFull

FOOTER_MAGIC = 1337
"""tantivy ends each file with a JSON footer, its length and this number, 32 bits each, little-endian."""
PARTS = ("fast", "fieldnorm", "idx", "pos", "store", "term")
"""Files of a segment."""


@contextlib.contextmanager
def noticed() -> Iterator[None]:
    """Raises `Corrupt` for what tantivy and the file system say of files that are not what they were, and
    `DiskFull`. No query of ours is wrong in itself, so that leaves the files."""
    try:
        yield
    except (Corrupt, DiskFull, UnicodeEncodeError):  # the last is of a text that is none, not of a file
        raise
    except Exception as error:
        full = getattr(error, "errno", None) in {errno.ENOSPC, errno.EDQUOT} or "No space left" in str(error)
        if full:
            raise DiskFull("The disk is full; the search index stays as it was.") from error
        raise Corrupt(f"The search index cannot be read: {str(error)[:200]}") from error
    except BaseException as panic:
        if type(panic).__name__ != "PanicException":  # Rust's, which derives from BaseException
            raise
        raise Corrupt(f"The search index cannot be read: {str(panic)[:200]}") from None


def check_files(folder: Path) -> None:
    """Raises `Corrupt` unless the files of the last commit are there with the checksums they end in. Of what
    a writer left unfinished nothing is asked. Reads all of it: a second a gigabyte."""
    with noticed():
        told = None
        while True:
            before, told = told, (folder / "meta.json").read_bytes()
            try:
                for segment in json.loads(told)["segments"]:
                    _check_segment(folder, segment)
                return
            except (Corrupt, FileNotFoundError):
                if told == before:  # else a commit may have replaced them while we looked
                    raise


def _check_segment(folder: Path, segment: dict[str, Any]) -> None:
    name, deletes = segment["segment_id"].replace("-", ""), segment.get("deletes")
    for part in (*PARTS, *([f"{deletes['opstamp']}.del"] if deletes else [])):
        _check(folder / f"{name}.{part}")


def _check(file: Path) -> None:
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as held:
        length, magic = (int.from_bytes(held[at : at + 4 or None], "little") for at in (-8, -4))
        if magic == FOOTER_MAGIC and length < len(held):
            end = len(held) - 8 - length
            with memoryview(held) as view, view[:end] as payload:
                if json.loads(held[end:-8])["crc"] == zlib.crc32(payload):
                    return
    raise Corrupt(f"{file.name} of the search index is not whole.")
