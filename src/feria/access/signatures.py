"""Requests that are signed with a key both sides have (HMAC-SHA256, RFC 2104), in place of a token.

What is signed is the moment, what the request is about, and the digest of its body; so a body that was
changed, or sent to another place, or kept and sent again later, is refused before it is looked at.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

from feria.errors import NotAllowed

TIME, DIGEST, SIGNATURE = "x-feria-time", "x-feria-digest", "x-feria-signature"
"""Headers: Unix time in seconds; sha256 of the body, in hex; and what proves both, in hex."""
SKEW = 300.0
"""Seconds by which the two clocks may differ; within these, a request may come twice."""


def signed(key: bytes, now: datetime, about: str, body: bytes) -> dict[str, str]:
    """The headers of a request."""
    time, digest = f"{now.timestamp():.3f}", hashlib.sha256(body).hexdigest()
    return {TIME: time, DIGEST: digest, SIGNATURE: _signature(key, time, about, digest)}


def check_head(key: bytes, now: datetime, about: str, headers: Mapping[str, str]) -> None:
    """Before the body is read. Raises `NotAllowed`."""
    time, digest = headers.get(TIME, ""), headers.get(DIGEST, "")
    expected = _signature(key, time, about, digest).encode()
    if not hmac.compare_digest(expected, headers.get(SIGNATURE, "").encode()):
        raise NotAllowed("This request is not signed, or not with the key that belongs to it.")
    if abs(now.timestamp() - float(time)) > SKEW:  # who signed it writes numbers
        raise NotAllowed("This request was signed at another time: the clock of one side is wrong.")


def check_body(headers: Mapping[str, str], body: bytes) -> None:
    """Raises `NotAllowed`."""
    if hashlib.sha256(body).hexdigest() != headers.get(DIGEST):
        raise NotAllowed("This request's body is not the one that was signed.")


def _signature(key: bytes, time: str, about: str, digest: str) -> str:
    return hmac.new(key, "\n".join((time, about, digest)).encode(), hashlib.sha256).hexdigest()
