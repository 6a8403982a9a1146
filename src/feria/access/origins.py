"""Whose pages may call this node, and by which names it may be called.

A browser sends what any page asks it to, with our cookies or from inside our network. What it says beside
the request, and a page cannot forge, is where that page comes from.
"""

import functools
import ipaddress
import re
from collections.abc import Collection, Mapping

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110, 9.2.1); what they answer, other origins cannot read."""

Headers = Mapping[bytes, bytes]

_HOST = re.compile(rb"(?:\[([0-9a-f:.]+)\]|([^:\[\]]+))(?::[0-9]+)?")


def is_loopback(host: str) -> bool:
    """Whether a name or address leads to this machine and nowhere else."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@functools.lru_cache(1024)
def names_this_machine(host: bytes) -> bool:
    """Whether a Host header names loopback.

    Elsewhere it may be the name of a foreign page's server that now resolves to this machine (DNS
    rebinding), and that page would share our origin.
    """
    found = _HOST.fullmatch(host.lower())
    return found is not None and is_loopback((found[1] or found[2]).decode("latin-1"))


def is_foreign(headers: Headers, scheme: str, welcome: Collection[str]) -> bool:
    """Whether a page of another origin sends this. Neither Sec-Fetch-Site nor Origin: no page does.

    https://www.w3.org/TR/fetch-metadata/ and RFC 6454; `welcome` are the origins that may.
    """
    origin = headers.get(b"origin")
    if origin is not None and origin.decode("latin-1") in welcome:
        return False
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        return site not in {b"same-origin", b"none"}
    return origin is not None and not _is_ours(origin, headers.get(b"host", b""), scheme)


def is_foreign_socket(headers: Headers, scheme: str, welcome: Collection[str]) -> bool:
    """As `is_foreign`, for a WebSocket, which any page may open and read."""
    origin = headers.get(b"origin")
    if origin is None or origin.decode("latin-1") in welcome:
        return False
    return not _is_ours(origin, headers.get(b"host", b""), scheme)


def _is_ours(origin: bytes, host: bytes, scheme: str) -> bool:
    spoken, separator, place = origin.lower().partition(b"://")
    if not separator or not host or place != host.lower():
        return False
    # The same host without TLS may be anybody on the way; `scheme` is ws or wss on a WebSocket.
    return spoken == b"https" or (spoken == b"http" and scheme in {"http", "ws"})
