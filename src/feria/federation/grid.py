"""The embedded grid: Flower's own strategies and ClientApps, unmodified, without a network between them.

A client is a name, and keeps its node id and its context (what it remembers) for as long as the grid lives,
also while it is away. How its messages are carried out is the executor's business.
"""

import math
import secrets
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field

from flwr.app import Context, Error, Message, RecordDict
from flwr.proto.node_pb2 import NodeInfo
from flwr.serverapp import Grid
from flwr.supercore.run import Run

from feria.clock import Clock
from feria.federation import flower
from feria.federation.executors import Errand, Executor

BREATH = 0.05
"""Seconds that a pull waits for something to come."""
Setting = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Client:
    """A data owner in a federation."""

    name: str
    settings: Mapping[str, Setting] = field(default_factory=dict)
    """Its `node_config`, in Flower's word; `name` is added."""


class InProcessGrid(Grid):
    """Belongs to one thread, `join` and `leave` excepted. Closes its executor when it is closed."""

    def __init__(
        self,
        executor: Executor,
        clock: Clock,
        clients: Iterable[Client] = (),
        *,
        run_id: int = 1,
        run_config: Mapping[str, Setting] | None = None,
    ) -> None:
        self._executor = executor
        self._clock = clock
        self._run = flower.empty_run(run_id)
        self._run_config = dict(run_config or {})
        self._contexts: dict[str, Context] = {}
        self._present: dict[int, str] = {}
        self._asked: dict[str, Errand] = {}
        self._replies: dict[str, Message] = {}
        self._messages = 0
        for client in clients:
            self.join(client)

    def join(self, client: Client) -> int:
        """The client's node id; the same as before for one that returns. `settings` are the new ones."""
        context = self._contexts.get(client.name)
        if context is None:
            context = Context(self._run.run_id, secrets.randbits(64), {}, RecordDict(), self._run_config)
            self._contexts[client.name] = context
        context.node_config = {**client.settings, "name": client.name}
        self._present[context.node_id] = client.name
        return context.node_id

    def leave(self, name: str) -> None:
        """It is not asked any more; what it still answers is not looked at."""
        self._present.pop(self._contexts[name].node_id, None)

    def memories(self) -> dict[str, bytes]:
        """What clients remember between messages, by name, where it is anything."""
        return {
            name: flower.pack_records(context.state)
            for name, context in self._contexts.items()
            if context.state
        }

    def remember(self, memories: Mapping[str, bytes]) -> None:
        """Give clients, present or still to come, these memories; who is not named remembers nothing."""
        for name in memories.keys() - self._contexts.keys():
            self.join(Client(name))
            self.leave(name)
        for name, context in self._contexts.items():
            packed = memories.get(name)
            context.state = RecordDict() if packed is None else flower.unpack_records(packed)

    def close(self) -> None:
        """What is still running is ended where it can be, and not waited for where it cannot."""
        self._executor.close()
        self._asked.clear()
        self._replies.clear()

    # ------------------------------------------------------------------- Flower's Grid
    def set_run(self, run: Run) -> None:
        self._run = run

    @property
    def run(self) -> Run:
        return self._run

    def create_message(
        self,
        content: RecordDict,
        message_type: str,
        dst_node_id: int,
        group_id: str,
        ttl: float | None = None,
    ) -> Message:
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def get_node_ids(self) -> Iterable[int]:
        return list(self._present)

    def get_nodes(self) -> Iterable[NodeInfo]:
        return flower.node_infos(list(self._present.items()))

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """A message is valid for its `ttl` from now on; if it has no reply then, it never has one."""
        now = self._clock.monotonic()
        ids = []
        for message in messages:
            self._messages += 1
            message_id = str(self._messages)
            flower.address(message, message_id)
            ids.append(message_id)
            name = self._present.get(message.metadata.dst_node_id)
            if name is None:
                self._replies[message_id] = _away(message)
                continue
            errand = Errand(message, self._contexts[name], now + message.metadata.ttl)
            self._asked[message_id] = errand
            self._executor.submit(errand)
        return ids

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Replies that have come; waits a moment where none has. Where messages are carried out in turn,
        this is what carries one out."""
        asked = message_ids if isinstance(message_ids, Set) else set(message_ids)
        if self._replies.keys().isdisjoint(asked):
            for errand in self._executor.collect(BREATH):
                self._land(errand)
        return [self._replies.pop(each) for each in list(self._replies) if each in asked]

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterable[Message]:
        """A message may not outlive `timeout`: nothing of it is carried on into a later round."""
        messages = list(messages)
        if timeout is not None:
            for message in messages:
                message.metadata.ttl = min(message.metadata.ttl, timeout)
        until = math.inf if timeout is None else self._clock.monotonic() + timeout
        waiting = set(self.push_messages(messages))
        replies: list[Message] = []
        while waiting and self._clock.monotonic() < until:
            for reply in self.pull_messages(waiting):
                waiting.discard(reply.metadata.reply_to_message_id)
                replies.append(reply)
        return replies

    # ------------------------------------------------------------------- inside
    def _land(self, errand: Errand) -> None:
        message = errand.message
        if self._asked.pop(message.metadata.message_id, None) is None or errand.reply is None:
            return
        here = message.metadata.dst_node_id in self._present
        reply = errand.reply if here else _away(message)
        self._replies[message.metadata.message_id] = flower.received(reply, message.metadata)


def _away(message: Message) -> Message:
    return Message(Error(flower.NODE_UNAVAILABLE, "The client is not there."), reply_to=message)
