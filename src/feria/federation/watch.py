"""A grid that tells what happens on another grid the moment it happens.

It knows the other by its public methods only, so the embedded grid and Flower's own are watched alike. What
it hands on is looked at first: an answer that must not be aggregated becomes an `Error` that says why.
"""

import math
import threading
from collections.abc import Callable, Iterable
from typing import TypedDict, cast, get_args

from flwr.app import ArrayRecord, ConfigRecord, Error, Message, MetricRecord, RecordDict
from flwr.proto.node_pb2 import NodeInfo
from flwr.serverapp import Grid
from flwr.supercore.run import Run

from feria.clock import Clock
from feria.errors import Cancelled
from feria.federation import wire
from feria.federation.flower import of_kind
from feria.federation.screening import SAMPLES

SHORTEST, LONGEST = 0.001, 0.1
"""Seconds between two looks: more and more while nothing comes, few again when something does."""
REFUSED = 0
PHASES = get_args(wire.Phase)

Tell = Callable[[wire.AnyEvent], object]
Screen = Callable[[Message, Message, str], str | None]
"""Called with what was sent, what came back and the client's name; says why that cannot be taken."""


class PassingGrid(Grid):
    """Another grid, as it is."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid

    def set_run(self, run: Run) -> None:
        self.grid.set_run(run)

    @property
    def run(self) -> Run:
        return self.grid.run

    def create_message(
        self,
        content: RecordDict,
        message_type: str,
        dst_node_id: int,
        group_id: str,
        ttl: float | None = None,
    ) -> Message:
        return self.grid.create_message(content, message_type, dst_node_id, group_id, ttl)

    def get_node_ids(self) -> Iterable[int]:
        return self.grid.get_node_ids()

    def get_nodes(self) -> Iterable[NodeInfo]:
        return self.grid.get_nodes()

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        return self.grid.push_messages(messages)

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        return self.grid.pull_messages(message_ids)

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterable[Message]:
        return self.grid.send_and_receive(messages, timeout=timeout)


class WatchGrid(PassingGrid):
    def __init__(
        self, grid: Grid, clock: Clock, tell: Tell, screen: Screen, stop: threading.Event | None = None
    ) -> None:
        super().__init__(grid)
        self._clock = clock
        self._tell = tell
        self._screen = screen
        self._stop = stop or threading.Event()
        self._under_way: dict[str, _Exchange] = {}
        """By the ids of messages without an answer."""

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        messages = list(messages)
        exchange = _Exchange(messages, names_of(self.grid), self._clock, self._tell, self._screen)
        exchange.sent(self.grid.push_messages(messages))
        self._under_way |= dict.fromkeys(exchange.waiting, exchange)
        return list(exchange.waiting)

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Raises `Cancelled` once it is stopped; the grid beneath is then to be closed, for what was sent is
        still on its way there."""
        return self._pull(message_ids).values()

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterable[Message]:
        """No message outlives `timeout`. Raises as `pull_messages` does, as soon as it is stopped."""
        messages = list(messages)
        if timeout is not None:
            for message in messages:
                message.metadata.ttl = min(message.metadata.ttl, timeout)
        until = math.inf if timeout is None else self._clock.monotonic() + timeout
        waiting = dict.fromkeys(self.push_messages(messages))
        replies: list[Message] = []
        pause = SHORTEST
        while waiting and self._clock.monotonic() < until:
            came = self._pull(waiting.keys())
            for message_id in came:
                del waiting[message_id]
            replies += came.values()
            if came:
                pause = SHORTEST
            elif waiting:
                self._stop.wait(min(pause, max(0.0, until - self._clock.monotonic())))
                pause = min(2 * pause, LONGEST)
        for message_id in waiting:
            self._under_way.pop(message_id).straggled(message_id)
        return replies

    def _pull(self, message_ids: Iterable[str]) -> dict[str, Message]:
        """Answers to those that are still waited for, by the ids of these."""
        if self._stop.is_set():
            raise Cancelled("The job was stopped.")
        came = {}
        for reply in self.grid.pull_messages(message_ids):
            message_id = reply.metadata.reply_to_message_id
            if (exchange := self._under_way.pop(message_id, None)) is not None:
                came[message_id] = exchange.came(reply)
        return came


class _Of(TypedDict):
    at: float
    round: int
    phase: wire.Phase
    node_id: str
    name: str


class _Exchange:
    """Messages sent together, and what has come of them."""

    def __init__(
        self, messages: list[Message], names: dict[int, str], clock: Clock, tell: Tell, screen: Screen
    ) -> None:
        self._messages = messages
        self._names = names
        self._clock = clock
        self._tell = tell
        self._screen = screen
        self._began = self._now()
        self._about: tuple[RecordDict | None, int, int] = (None, 0, 0)
        self.waiting: dict[str, Message] = {}
        """By id."""

    def sent(self, message_ids: Iterable[str]) -> None:
        self.waiting = dict(zip(message_ids, self._messages, strict=True))
        for message in self._messages:
            if (of := self._of(message)) is not None:
                self._tell(wire.Sent(**of, bytes=self._content(message)[2]))

    def came(self, reply: Message) -> Message:
        """What is to be handed on in its place."""
        message = self.waiting.pop(reply.metadata.reply_to_message_id)
        of = self._of(message)
        if of is None:
            return reply
        began = float(message.metadata.delivered_at or self._began)
        seconds = max(0.0, of["at"] - began)
        if reply.has_error():
            reason = reply.error.reason or ""
            self._tell(wire.Failed(**of, code=reply.error.code, reason=reason, seconds=seconds))
        elif (fault := self._screen(message, reply, of["name"])) is not None:
            self._tell(wire.Failed(**of, code=REFUSED, reason=fault, seconds=seconds))
            reply = Message(Error(REFUSED, fault), reply_to=message)
        else:
            metrics = metrics_of(reply.content)
            samples = metrics.pop(SAMPLES, 0)
            self._tell(
                wire.Replied(
                    **of,
                    samples=int(samples) if isinstance(samples, int | float) else 0,
                    metrics=metrics,
                    seconds=seconds,
                    bytes=array_bytes(reply.content),
                )
            )
        return reply

    def straggled(self, message_id: str) -> None:
        if (of := self._of(self.waiting.pop(message_id))) is not None:
            self._tell(wire.Straggled(**of, seconds=of["at"] - self._began))

    def _of(self, message: Message) -> _Of | None:
        """None of what is no training and no evaluation, of which nothing is told."""
        phase = message.metadata.message_type.partition(".")[0]
        if phase not in PHASES:
            return None
        node_id = message.metadata.dst_node_id
        return {
            "at": self._now(),
            "round": self._content(message)[1],
            "phase": cast(wire.Phase, phase),
            "node_id": str(node_id),
            "name": self._names.get(node_id, str(node_id)),
        }

    def _content(self, message: Message) -> tuple[RecordDict | None, int, int]:
        """A message's content, its round and its bytes; Flower's strategies give all messages the same."""
        if self._about[0] is not message.content:
            self._about = (message.content, round_of(message.content), array_bytes(message.content))
        return self._about

    def _now(self) -> float:
        return self._clock.now().timestamp()


def round_of(content: RecordDict) -> int:
    """Where Flower's strategies write it."""
    for _, config in of_kind(content, ConfigRecord):
        if isinstance(number := config.get("server-round"), int):
            return number
    return 0


def names_of(grid: Grid) -> dict[int, str]:
    """Those who are there, by node id; who has no name is called by the id."""
    return {node.node_id: node.name or str(node.node_id) for node in grid.get_nodes()}


def metrics_of(content: RecordDict) -> wire.Metrics:
    return {
        key: [float(each) for each in value] if isinstance(value, list) else value
        for _, record in of_kind(content, MetricRecord)
        for key, value in record.items()
    }


def array_bytes(content: RecordDict) -> int:
    return sum(len(array.data) for _, record in of_kind(content, ArrayRecord) for array in record.values())
