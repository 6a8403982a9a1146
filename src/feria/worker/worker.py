"""What a worker does with a ticket: it asks the node for an errand, does it, and tells what came of it.

Threads speak to nodes and wait; deeds run on an event loop, as they do in a node.
"""

import asyncio
import hashlib
import logging
import threading
import time
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from feria.errors import Busy, FeriaError, NotFound, TooLarge, Unavailable
from feria.tasks.errands import (
    BEAT,
    BEAT_SECONDS,
    COMPLETED,
    ERRANDS,
    PIECE,
    Ask,
    Beat,
    Beaten,
    Doing,
    Errand,
    Fault,
    Made,
    Word,
    file_path,
    made_path,
)
from feria.tasks.queue import RESULT_BYTES, Deed, Work
from feria.telemetry.context import request_id
from feria.web import replies
from feria.worker.link import Link
from feria.worker.shelf import node as whose

log = logging.getLogger(__name__)

SOONEST = 0.1
"""Seconds between two signs of life, however often the work says how far it is."""
FIRST_WAIT, LONGEST_WAIT = 0.1, 10.0
"""Seconds between two tries to tell how a task ended; twice as long after each."""
PATIENCE = 86_400.0
"""Seconds that a node may be away."""
TURN_SECONDS, LINGER_SECONDS = 2.0, 0.1
"""For how long a ticket holds a worker to one node, and how long it stays there for more when it has done all
that there was: so long a node has no need of the broker."""
UNTOLD = 64
"""Ends that wait to be told while their threads do other work."""
QUIET = 5.0
"""Seconds in which a node answers a sign of life."""
IDLE_BEATS = 60
"""Seconds after the last task of a node for which its thread is kept."""


@dataclass(eq=False)
class _Doing:
    node: str
    errand: Errand
    said: str = ""
    progress: float = 0.0
    future: "Future[Any] | None" = None
    dropped: threading.Event = field(default_factory=threading.Event)


class Worker:
    """`name` is told to nodes; `scratch` is a folder of its own; deeds run on `loop`."""

    def __init__(self, name: str, link: Link, loop: asyncio.AbstractEventLoop, scratch: Path) -> None:
        self.deeds: dict[str, Deed] = {}
        self._name = name
        self._link = link
        self.loop = loop
        self._scratch = scratch
        self._lock = threading.Lock()
        self._doing: dict[str, dict[str, _Doing]] = {}
        """By node and task."""
        self._wake: dict[str, threading.Event] = {}
        self._room = threading.Semaphore(UNTOLD)
        self._tellers = ThreadPoolExecutor(UNTOLD, thread_name_prefix="teller")
        self._stopping = threading.Event()
        self._closed = False

    def take_turn(self, node: str) -> None:
        """What a ticket asks for, and what the node has to be done right after it. Returns when it has
        nothing more, or is away; and after a while in any case, for other nodes have work too."""
        until, wait = time.monotonic() + TURN_SECONDS, 0.0
        while time.monotonic() < until and not self._stopping.is_set() and self._did_one(node, wait):
            wait = LINGER_SECONDS

    def _did_one(self, node: str, wait: float) -> bool:
        """Whether there was something to do; waits for that so many seconds."""
        try:
            status, said = self._link.ask(node, "POST", ERRANDS, msgspec.json.encode(Ask(self._name, wait)))
        except FeriaError as error:  # it puts its tickets again
            log.warning("No errand from %s: %s", node, error.message)
            return False
        if status == 204:
            return False
        doing = _Doing(node, msgspec.json.decode(said, type=Errand))
        self._begin(doing)
        word = self._do(doing)
        if word is None or self._told(doing, word, until=0.0):
            self._end(doing)
        else:
            self._tell_later(doing, word)
        return True

    def stop(self, grace_seconds: float) -> None:
        """Take no more; what has not ended after so long goes back to its node, and is not held against the
        task."""
        self._stopping.set()
        until = time.monotonic() + grace_seconds
        while time.monotonic() < until and self._all():
            time.sleep(0.05)
        for doing in self._all():
            if doing.future is not None:
                doing.future.cancel()

    def close(self) -> None:
        """Try no longer to tell what could not be told."""
        self._stopping.set()
        self._closed = True
        for doing in self._all():
            doing.dropped.set()
        self._tellers.shutdown(wait=True)
        self._link.close()

    # ------------------------------------------------------------------- the work
    def _do(self, doing: _Doing) -> Word | None:
        """Nothing where nobody waits for it any more."""
        errand = doing.errand
        doing.future = asyncio.run_coroutine_threadsafe(self._run(doing), self.loop)
        try:
            word: Word = doing.future.result()
        except (CancelledError, asyncio.CancelledError):
            if doing.dropped.is_set():
                return None
            error: FeriaError = Busy("The worker that had this task stops.", retry_after=0.0)
        except Exception as raised:
            error = replies.known(raised)
        else:
            return word
        details = error.details | ({"retry_after": error.retry_after} if isinstance(error, Busy) else {})
        return Word(errand.task_id, errand.attempt, error=Fault(error.code, error.message, details))

    async def _run(self, doing: _Doing) -> Word:
        errand = doing.errand
        request_id.set(errand.request_id)
        whose.set(doing.node)
        deed = self.deeds.get(errand.kind)
        if deed is None:
            raise NotFound(f"This worker knows no work of kind {errand.kind}.")
        brought, makes = None, self._scratch / f"{errand.task_id}.onnx"
        try:
            if errand.file is not None:
                brought = self._scratch / (errand.task_id + errand.file.suffix)
                path = file_path(errand.task_id)
                await asyncio.to_thread(self._link.fetch, doing.node, path, brought, errand.file.size)
            result = msgspec.json.encode(await deed(self._work(doing, brought, makes)))
            if len(result) > RESULT_BYTES:
                raise TooLarge(f"The result is larger than the {RESULT_BYTES >> 20} MiB a task may bring.")
            made = await asyncio.to_thread(self._send_made, doing, makes) if makes.exists() else None
            return Word(errand.task_id, errand.attempt, msgspec.Raw(result), made)
        finally:
            makes.unlink(missing_ok=True)
            if brought is not None:
                brought.unlink(missing_ok=True)

    def _work(self, doing: _Doing, brought: Path | None, makes: Path) -> Work:
        errand, wake = doing.errand, self._wake[doing.node]

        def report(what: str, done: float) -> None:
            doing.said, doing.progress = what, done
            wake.set()

        return Work(errand.task_id, errand.owner, errand.payload, brought, errand.attempt, report, makes)

    def _send_made(self, doing: _Doing, path: Path) -> Made:
        digest, at = hashlib.sha256(), 0
        with path.open("rb") as file:
            while (piece := file.read(PIECE)) or at == 0:
                self._link.ask(doing.node, "POST", made_path(doing.errand.task_id, at), piece)
                digest.update(piece)
                at += len(piece)
        return Made(at, digest.hexdigest())

    # ------------------------------------------------------------------- the word of its end
    def _tell_later(self, doing: _Doing, word: Word) -> None:
        """The node is away. Its task stays ours, which it hears when it is back; this thread does other work,
        unless too many such ends wait."""

        def tell() -> None:
            try:
                self._told(doing, word, time.monotonic() + PATIENCE)
            finally:
                self._room.release()
                self._end(doing)

        self._room.acquire()
        self._tellers.submit(tell)

    def _told(self, doing: _Doing, word: Word, until: float) -> bool:
        """Whether the node has heard it, or nobody wants to hear it any more."""
        body, wait = msgspec.json.encode(word), FIRST_WAIT
        while not doing.dropped.is_set():
            try:
                self._link.ask(doing.node, "POST", COMPLETED, body)
                return True
            except NotFound:
                return True  # it was called off and forgotten
            except FeriaError as error:
                if not isinstance(error, Busy | Unavailable):
                    log.error(
                        "%s does not take the end of task %s: %s", doing.node, word.task_id, error.message
                    )
            if time.monotonic() + wait > until:
                return False
            doing.dropped.wait(wait)
            wait = min(2 * wait, LONGEST_WAIT)
        return True

    # ------------------------------------------------------------------- signs of life
    def _begin(self, doing: _Doing) -> None:
        with self._lock:
            of_node = self._doing.get(doing.node)
            if of_node is None:
                of_node = self._doing[doing.node] = {}
                wake = self._wake[doing.node] = threading.Event()
                beats = threading.Thread(
                    target=self._beats, args=(doing.node, wake), name="beats", daemon=True
                )
                beats.start()
            of_node[doing.errand.task_id] = doing

    def _end(self, doing: _Doing) -> None:
        with self._lock:
            of_node = self._doing.get(doing.node, {})
            if of_node.get(doing.errand.task_id) is doing:
                del of_node[doing.errand.task_id]

    def _all(self) -> list[_Doing]:
        with self._lock:
            return [doing for of_node in self._doing.values() for doing in of_node.values()]

    def _beats(self, node: str, wake: threading.Event) -> None:
        """Thread, one a node, so that one that is away holds no other up: say each second what is done for
        it, and sooner where there is something to say; until nothing has been for a while."""
        idle = 0
        while idle < IDLE_BEATS and not self._closed:
            time.sleep(SOONEST)
            wake.wait(BEAT_SECONDS - SOONEST)
            wake.clear()
            with self._lock:
                doing = list(self._doing[node].values())
                idle = 0 if doing else idle + 1
                if idle == IDLE_BEATS:
                    del self._doing[node], self._wake[node]
                    return
            if doing:
                self._beat(node, doing)

    def _beat(self, node: str, doing: list[_Doing]) -> None:
        told = [Doing(one.errand.task_id, one.errand.attempt, one.said, one.progress) for one in doing]
        body = msgspec.json.encode(Beat(self._name, told))
        try:
            _, said = self._link.ask(node, "POST", BEAT, body, seconds=QUIET)
        except FeriaError as error:
            log.warning("%s hears no sign of life: %s", node, error.message)
            return
        drop = set(msgspec.json.decode(said, type=Beaten).drop)
        for one in doing:
            if one.errand.task_id in drop:
                one.dropped.set()
                if one.future is not None:
                    one.future.cancel()
