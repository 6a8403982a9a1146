"""Connections that were closed because the other side was not to be believed: counted, and told of."""

import logging
import time
from collections import Counter

from feria.cluster.frames import Reason

log = logging.getLogger(__name__)

SAY_AGAIN_SECONDS = 60.0
REMEMBERED = 256

WORDS: dict[Reason, str] = {
    "length": "it sent a length that no node sends",
    "garbage": "what it sent is no introduction",
    "protocol": "it speaks another version",
    "cluster": "it belongs to another cluster",
    "key": "it does not know this cluster's key",
    "forged": "it sent what the node it claims to be did not say",
    "truncated": "it broke off in the middle of something",
    "slow": "it did not say in time who it is",
    "tls": "its certificate is not this cluster's, or it speaks no TLS",
    "self": "it is this node",
    "crowded": "too many came at once",
}


class Refusals:
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._said: dict[tuple[str, Reason], float] = {}

    def add(self, host: str, reason: Reason) -> None:
        """A line in the log too, one a minute for each host and reason."""
        if reason == "self":  # it is among those that it was told to join, which is no fault
            return
        self.counts[reason] += 1
        now = time.monotonic()
        if now - self._said.get((host, reason), -SAY_AGAIN_SECONDS) < SAY_AGAIN_SECONDS:
            return
        if len(self._said) >= REMEMBERED:  # who can come from many addresses must not fill the memory
            self._said.clear()
        self._said[host, reason] = now
        log.warning("A connection with %s was closed: %s.", host or "another node", WORDS[reason])
