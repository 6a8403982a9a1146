"""How members reach each other: bytes to an address, in order while a connection lasts, or not at all.

Two forms: `Network` over TCP and TLS, and one in memory for simulations, whose links can be cut, delayed and
reordered. Whoever sends must be able to live with loss; anti-entropy and the next probe repair it.
"""

from collections.abc import Callable
from typing import Protocol

Receive = Callable[[str, bytes], None]
"""Told the sender's address and a payload, on the event loop. What it raises is a bug."""

Gone = Callable[[str], None]
"""Told the address of a node whose connection ended."""


class Transport(Protocol):
    @property
    def address(self) -> str:
        """`host:port` by which others reach this member."""
        ...

    def send(self, to: str, payload: bytes, *, later: bool = False) -> bool:
        """Have it sent. Never waits. False when it is dropped at once: too much waits for that member
        already, it could not be reached a moment ago, or all is closed. True promises nothing.

        With `later`, what is sent without it may overtake it; among each other they keep their order.

        A payload has at most `frames.MOST_BYTES`; more is our own mistake, a `ValueError`.
        """
        ...

    def listen(self, receive: Receive) -> None:
        """Who gets what comes; one, set before anything does."""
        ...

    def ended(self, gone: Gone) -> None:
        """Who is told that a member's connection ended: it may be a hint that the member did."""
        ...
