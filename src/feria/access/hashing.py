"""What a token looks like, and what is kept of it.

`feria_<id>_<secret>`: the id is public and finds the row; the secret is 256 random bits, kept only as its
scrypt hash (RFC 7914) together with the parameters, so that these can be raised for new tokens.
"""

import base64
import hashlib
import hmac
import re
import secrets
from typing import NamedTuple

LOG2_N, R, P = 14, 8, 1
"""16 MiB and some 30 ms. A secret that is random and not chosen by a person needs no more."""

_FORM = re.compile(r"feria_([0-9a-f]{12})_([0-9a-f]{64})")


class Presented(NamedTuple):
    id: str
    secret: str

    def __str__(self) -> str:
        return f"feria_{self.id}_{self.secret}"


def fresh() -> Presented:
    return Presented(secrets.token_hex(6), secrets.token_hex(32))


def parse(text: str) -> Presented | None:
    """The parts of a token, or nothing for what has not the form of one."""
    found = _FORM.fullmatch(text)
    return Presented(found[1], found[2]) if found else None


def hashed(secret: str) -> str:
    salt = secrets.token_bytes(16)
    made = _scrypt(secret, salt, LOG2_N, R, P)
    return f"scrypt${LOG2_N}${R}${P}${_text(salt)}${_text(made)}"


def matches(secret: str, kept: str) -> bool:
    """Whether that secret was hashed to what was kept. Takes as long as hashing."""
    _, log2_n, r, p, salt, made = kept.split("$")
    again = _scrypt(secret, base64.b64decode(salt), int(log2_n), int(r), int(p))
    return hmac.compare_digest(again, base64.b64decode(made))


def _scrypt(secret: str, salt: bytes, log2_n: int, r: int, p: int) -> bytes:
    n = 2**log2_n
    memory = 128 * r * (n + p + 2)
    return hashlib.scrypt(secret.encode(), salt=salt, n=n, r=r, p=p, maxmem=memory, dklen=32)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
