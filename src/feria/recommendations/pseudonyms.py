"""Shoppers' ids are kept as keyed hashes: who has the table but not the key can name nobody in it.

A plain hash would not do, since ids that somebody knows could be hashed and looked for (pseudonymisation as
GDPR art. 4(5) means it: the key is kept apart).
"""

import hashlib
import hmac
import os
import secrets
import tempfile
from pathlib import Path

from feria.errors import Corrupt
from feria.storage.blobs import disk_errors
from feria.storage.durable import sync

FILE = "shoppers.key"
KEY_BYTES = 32
DIGITS = 32
"""128 bits in hexadecimal: no two shoppers meet by chance."""


class Pseudonyms:
    def __init__(self, key: bytes) -> None:
        self._key = key

    def of_shopper(self, shopper: str) -> str:
        return self._hash(b"shopper", shopper)

    def of_event(self, shopper: str, event: str) -> str:
        """Ids of events need differ for one shopper only."""
        return self._hash(b"event", shopper, event)

    def _hash(self, purpose: bytes, *texts: str) -> str:
        message = b"\0".join([purpose, *(text.encode() for text in texts)])
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()[:DIGITS]


def open_pseudonyms(secret: str | None, home: Path) -> Pseudonyms:
    """From the secret in the settings, or a random key in the home, made when it is first wanted.

    Without the key that it was written with, what is kept can be neither taken out nor erased by a
    shopper's id; its time runs out all the same. Raises `Corrupt` for a key that was cut, `DiskFull`.
    """
    if secret is not None:
        return Pseudonyms(secret.encode())
    path = home / FILE
    with disk_errors():
        if not path.exists():
            _make(path)
        key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise Corrupt(f"{path} is no key of {KEY_BYTES} bytes; restore it from a backup.")
    return Pseudonyms(key)


def _make(path: Path) -> None:
    """Whole or not at all, for its owner alone; of two at once the first one's stays."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.") as file:
        file.write(secrets.token_bytes(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
        try:
            os.link(file.name, path)
        except FileExistsError:
            return
    sync(path.parent)
