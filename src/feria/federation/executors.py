"""How messages are carried out: one after the other in the caller's thread, or by several hands at once.

A message has a deadline. One that was not begun by then is never begun; a reply that comes later is thrown
away. What runs in a thread cannot be ended: it is written off, another thread takes its place, and its client
is left alone until it has come to its end. What must end on time runs in processes (`workers.py`).
"""

import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from flwr.app import Context, Error, Message, RecordDict

from feria.clock import Clock
from feria.federation.flower import CLIENT_APP_RAISED, NODE_UNAVAILABLE, handed_out

App = Callable[[Message, Context], Message]
"""A Flower `ClientApp`, or what is called like one."""
REASON = 500
"""Most characters of what is told about an exception."""


@dataclass(slots=True, eq=False)
class Errand:
    """One message on its way to a client and back."""

    message: Message
    context: Context
    deadline: float
    """On the monotonic clock."""
    reply: Message | None = None
    """None at its end if the deadline passed."""
    state: RecordDict | None = None
    """What the client remembers from now on, where it was told apart from its context."""


class Executor(Protocol):
    """Belongs to one thread: the grid's."""

    def submit(self, errand: Errand) -> None: ...

    def collect(self, seconds: float) -> Sequence[Errand]:
        """Those that came to their end. Waits up to `seconds` for the first."""
        ...

    def close(self) -> None: ...


def answer(app: App, message: Message, context: Context) -> Message:
    """The client's reply; an `Error` that says in one sentence why there is none."""
    try:
        reply = app(message, context)
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}: {error}"[:REASON]
        return Message(Error(CLIENT_APP_RAISED, said), reply_to=message)
    if not isinstance(reply, Message):
        said = f"The client answered with a {type(reply).__name__}, which is no Message."
        return Message(Error(CLIENT_APP_RAISED, said), reply_to=message)
    return reply


def answer_here(app: App, errand: Errand, clock: Clock) -> Message:
    """Run a client in this thread, on records of its own."""
    errand.message.metadata.delivered_at = str(clock.now().timestamp())
    return answer(app, handed_out(errand.message), errand.context)


class InTurn:
    """Carries out one message at each `collect`, in the thread that asks."""

    def __init__(self, app: App, clock: Clock) -> None:
        self._app = app
        self._clock = clock
        self._waiting: deque[Errand] = deque()

    def submit(self, errand: Errand) -> None:
        self._waiting.append(errand)

    def collect(self, seconds: float) -> Sequence[Errand]:
        if not self._waiting:
            return ()
        errand = self._waiting.popleft()
        if self._clock.monotonic() < errand.deadline:
            reply = answer_here(self._app, errand, self._clock)
            if self._clock.monotonic() < errand.deadline:
                errand.reply = reply
        return (errand,)

    def close(self) -> None:
        self._waiting.clear()


class Hand(Protocol):
    """Carries out one errand at a time, in a thread of its own."""

    def __call__(self, errand: Errand) -> Message: ...

    def close(self) -> None:
        """Called once, from any thread; what it has in hand ends if it can be ended."""
        ...


class AppHand:
    """Runs the client in its thread."""

    def __init__(self, app: App, clock: Clock) -> None:
        self._app = app
        self._clock = clock

    def __call__(self, errand: Errand) -> Message:
        return answer_here(self._app, errand, self._clock)

    def close(self) -> None:
        pass


class InThreads:
    """`count` threads, each with a hand."""

    def __init__(
        self, hand: Callable[[], Hand], count: int, clock: Clock, *, ends_on_time: bool = False
    ) -> None:
        """`ends_on_time` says that a hand ends its errand at the deadline and has left the context alone."""
        self._hand = hand
        self._clock = clock
        self._ends_on_time = ends_on_time
        self._waiting: queue.SimpleQueue[Errand | None] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[Errand] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._running: dict[Errand, Hand] = {}
        self._stale: set[int] = set()
        """Contexts, by id, that an errand which was written off still holds."""
        self._idle: set[Hand] = set()
        self._closed = False
        for _ in range(count):
            self._add_thread()

    def submit(self, errand: Errand) -> None:
        if id(errand.context) in self._stale:
            said = "The client is still at work on a message whose deadline is over."
            errand.reply = Message(Error(NODE_UNAVAILABLE, said), reply_to=errand.message)
            self._ended.put(errand)
        else:
            self._waiting.put(errand)

    def collect(self, seconds: float) -> Sequence[Errand]:
        ended = self._write_off()
        try:
            ended.append(self._ended.get(timeout=0 if ended else seconds))
            while True:
                ended.append(self._ended.get_nowait())
        except queue.Empty:
            return ended

    def close(self) -> None:
        with self._lock:
            self._closed = True
            hands = [*self._running.values(), *self._idle]
        for hand in hands:
            self._waiting.put(None)
            hand.close()

    def _write_off(self) -> list[Errand]:
        now = self._clock.monotonic()
        with self._lock:
            late = [errand for errand in self._running if errand.deadline <= now]
            for errand in late:
                hand = self._running.pop(errand)
                if self._ends_on_time:
                    hand.close()
                else:
                    self._stale.add(id(errand.context))
        for _ in late:
            self._add_thread()
        return late

    def _add_thread(self) -> None:
        hand = self._hand()
        self._idle.add(hand)
        threading.Thread(target=self._work, args=(hand,), daemon=True).start()

    def _work(self, hand: Hand) -> None:
        while (errand := self._waiting.get()) is not None:
            if self._clock.monotonic() >= errand.deadline:
                self._ended.put(errand)
                continue
            with self._lock:
                if self._closed:
                    return
                self._idle.discard(hand)
                self._running[errand] = hand
            reply = hand(errand)
            with self._lock:
                if self._running.pop(errand, None) is None:  # written off: another is in our place
                    self._stale.discard(id(errand.context))
                    return
                self._idle.add(hand)
            if self._clock.monotonic() < errand.deadline:
                errand.reply = reply
                if errand.state is not None:
                    errand.context.state = errand.state
            self._ended.put(errand)
