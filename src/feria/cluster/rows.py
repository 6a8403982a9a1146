"""What every member holds: one row for each key, the winner of all writes to it."""

import hashlib
import re
from typing import NamedTuple

import msgspec

from feria.errors import Invalid, TooLarge

INLINE_BYTES = 65_536
"""The longest value a row holds; longer ones are kept beside the rows, in chunks."""
KEY_CHARACTERS = 512
RESERVED = "\x00"
"""Keys that begin so are the cluster's own; no caller can name one."""
SLOTS = 1024
"""Of version floors. Keys share them, so a floor may be higher than its key needs, never lower."""

_NOT_IN_A_KEY = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\ud800-\\udfff]")


class Dot(NamedTuple):
    """One write, and never another: the `seq`-th of the store epoch `origin`, counted from 1."""

    origin: int
    seq: int


class Row(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A write that may be its key's winner. `value` is None in a tombstone.

    `version` counts the key's changes as its writer saw them, so that whoever overwrites what it has seen
    wins whatever the clocks say; `hlc` decides between writers that did not know of each other.
    """

    key: str
    value: bytes | None
    version: int
    hlc: int
    origin: int
    seq: int

    @property
    def order(self) -> tuple[int, int, int, int]:
        """Total: two different writes never compare equal."""
        return (self.version, self.hlc, self.origin, self.seq)

    @property
    def dot(self) -> Dot:
        return Dot(self.origin, self.seq)


def slot(key: str) -> int:
    """Where the version floor of a key is kept; the same on every member and in every process."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=2).digest()) % SLOTS


def check_key(key: str) -> None:
    """Raises `Invalid` unless it has 1 to 512 characters, none of them a control character."""
    if not 1 <= len(key) <= KEY_CHARACTERS:
        raise Invalid(f"A key has 1 to {KEY_CHARACTERS} characters; this one has {len(key)}.")
    if _NOT_IN_A_KEY.search(key):
        raise Invalid("A key holds no control characters and no lone surrogates.")


def check_value(value: bytes) -> None:
    """Raises `TooLarge` beyond what a row holds."""
    if len(value) > INLINE_BYTES:
        raise TooLarge(f"A value of {len(value):,} bytes does not fit a row of {INLINE_BYTES:,}.")
