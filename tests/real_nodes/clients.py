"""Callers of the nodes, one thread each, beside the node on its machine. They write down all they see.

Every value is written once, so what a key shows tells whose write it is.
"""

import contextlib
import http.client
import itertools
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Literal

from real_nodes.history import History, Operation, Outcome
from real_nodes.nodes import PORT, Cluster, RealNode

TIMEOUT_SECONDS = 5.0
HOT_KEYS = 10
OWN_KEYS = 5
"""Keys that one caller alone writes, deletes and writes again."""

Deed = Callable[["Caller"], None]


class Caller:
    def __init__(self, name: str, prefix: str, node: RealNode, history: History, seed: str) -> None:
        self.name = name
        self._prefix = prefix
        self.node = node
        self.chance = random.Random(seed)
        self._history = history
        self._connection: http.client.HTTPConnection | None = None
        self._count = itertools.count()

    def put(self, key: str, base: int | None = None) -> Operation:
        return self._do("put", key, f"{self.name}-{next(self._count)}", base)

    def delete(self, key: str) -> Operation:
        return self._do("delete", key, None, None)

    def get(self, key: str) -> Operation:
        return self._do("get", key, None, None)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _do(
        self, kind: Literal["put", "delete", "get"], key: str, value: str | None, base: int | None
    ) -> Operation:
        key = self._prefix + key
        headers = {} if base is None else {"If-Match": str(base)}
        invoked = time.monotonic()
        status, said, version = 0, b"", 0
        outcome: Outcome = "unknown"
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=TIMEOUT_SECONDS)
            try:
                self._connection.connect() if self._connection.sock is None else None
            except ConnectionRefusedError:
                outcome = "refused"  # nothing was sent
                raise
            self._connection.request(kind.upper(), f"/v1/kv/{key}", value, headers)
            answer = self._connection.getresponse()
            status, said = answer.status, answer.read()
            version = int(answer.headers.get("x-feria-version") or 0)
        except (OSError, http.client.HTTPException):
            if self._connection is not None:
                self._connection.close()
                self._connection = None
        if status and kind == "get" and status == 200:
            outcome, value = "done", said.decode()
        elif status:
            outcome = "done" if status < 300 else _settled(status)
            version = json.loads(said).get("version", 0)
        done = Operation(
            self.node.number, kind, key, invoked, time.monotonic(), outcome, status, value, base, version
        )
        self._history.add(done)
        return done


def _settled(status: int) -> Outcome:
    """Conflict, not found, invalid, disk full: each says that nothing was written."""
    return "refused" if status in {404, 409, 412, 422, 507} else "unknown"


# ------------------------------------------------------------------------------ workloads
def add(caller: Caller) -> None:
    """A set: each element is a key of its own."""
    key = f"set/{caller.name}-{caller.chance.getrandbits(48):012x}"
    caller.put(key)


def overwrite(caller: Caller) -> None:
    """A few keys that everybody writes."""
    key = f"hot/{caller.chance.randrange(HOT_KEYS)}"
    (caller.get if caller.chance.random() < 0.3 else caller.put)(key)


def come_and_go(caller: Caller) -> None:
    """Keys that are deleted and written again."""
    key = f"own/{caller.name}-{caller.chance.randrange(OWN_KEYS)}"
    caller.chance.choice((caller.put, caller.put, caller.delete, caller.get))(key)


def take_turns(caller: Caller) -> None:
    """Write only what nobody has written since."""
    key = f"turn/{caller.chance.randrange(3)}"
    caller.put(key, base=caller.get(key).version)


WORKLOADS: dict[str, Deed] = {"set": add, "hot": overwrite, "own": come_and_go, "turn": take_turns}


@contextlib.contextmanager
def calling(
    cluster: Cluster, history: History, seed: int, *, prefix: str, pause_seconds: float
) -> Iterator[None]:
    """All workloads at all nodes, until the block ends; each caller rests so long between two requests. Two
    take turns at each node, so that they meet. All their keys begin with `prefix`."""
    over = threading.Event()
    failures: list[BaseException] = []

    def call(caller: Caller, deed: Deed) -> None:
        try:
            while not over.wait(pause_seconds * caller.chance.uniform(0.5, 1.5)):
                deed(caller)
        except BaseException as failure:
            failures.append(failure)
        finally:
            caller.close()

    threads: list[threading.Thread] = []
    for node in cluster.nodes.values():
        for work in (*WORKLOADS, "turn"):
            name = f"{node.name}-{work}-{len(threads)}"
            caller = Caller(name, prefix, node, history, f"{seed}-{name}")
            thread = threading.Thread(target=call, args=(caller, WORKLOADS[work]), name=name)
            node.machine.run(thread.start)  # a thread is where the one is that began it
            threads.append(thread)
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]
