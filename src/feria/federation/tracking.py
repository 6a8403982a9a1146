"""How a job and each of its clients stand: made of what was told, and of nothing else.

The same events give the same `Tracker`, so one that was lost with its process is made anew from what was
written down. What a status says of the present, such as `offline`, is found when it is asked for: a client
that says nothing tells no event either.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from feria.federation import wire
from feria.federation.jobs_wire import Alive, Changed, ClientState, Health, JobState, Told

NODE_UNAVAILABLE = 5
"""Of Flower's `ErrorCode`: nobody was there to answer."""
ILL = frozenset({"slow", "offline", "error"})


class ClientConfig(msgspec.Struct, frozen=True):
    """Who a client of a job is, in the words of contract 4."""

    connection_name: str
    connection_ip: str
    connection_port: int
    dataset_name: str


class ClientStatus(msgspec.Struct, kw_only=True):
    """How a client of a job stands, in the words of contract 4; times are UTC."""

    client_id: str
    connection_name: str
    connection_ip: str
    connection_port: int
    dataset_name: str
    status: ClientState = "pending"
    current_round: int = 0
    accuracy: float | None = None
    loss: float | None = None
    train_samples: int | None = None
    test_samples: int | None = None
    response_time: float | None = None
    last_seen: datetime | None = None
    created_at: datetime


class ClientRound(msgspec.Struct):
    """What a client did in a round. `seconds` are those of its training, `bytes` of arrays, there and back.

    `status` is completed, error, slow (no answer by the deadline), offline, or connected where it only
    evaluated what others had trained.
    """

    round: int
    client: str
    status: ClientState = "connected"
    accuracy: float | None = None
    loss: float | None = None
    samples: int | None = None
    seconds: float | None = None
    bytes: int = 0


@dataclass(slots=True)
class _Tracked:
    status: ClientStatus
    record: ClientRound | None = None
    asked: float | None = None
    """When, for as long as there is no answer."""
    sign: float = 0.0
    """When it was last known to live; being asked counts, for before that it had nothing to say."""


class Tracker:
    def __init__(
        self, statuses: Iterable[ClientStatus], *, offline_seconds: float, slow_seconds: float
    ) -> None:
        """`statuses` are those of a job that begins. Or later ones of the same job, which become what they
        were once it is told all from the end of any round before them: what came last is what counts.
        They become ours.
        """
        self._offline = offline_seconds
        self._slow = slow_seconds
        self._clients = {each.connection_name: _Tracked(each) for each in statuses}
        self._asked = self._answered = 0
        self.ended = -1
        """The last round that was told to have ended."""
        self.state = JobState.pending
        self.round = 0
        self.waiting_for = ""
        self.away: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        return list(self._clients)

    # ------------------------------------------------------------------- what is told
    def apply(self, event: Told) -> None:
        """What is told of a client that the job does not have is nobody's."""
        match event:
            case wire.OfClient():
                if (client := self._clients.get(event.name)) is not None:
                    self._apply_to(client, event)
            case Alive():
                self._see_alive(event)
            case wire.RoundBegan():
                self._go_on(event.round)
                self._begin(event)
            case wire.RoundEnded():
                self._go_on(event.round)
                self._leave_alone()
                self.ended = max(self.ended, event.round)
            case wire.Waiting():
                self._wait(event)
            case wire.Ended():
                self._leave_alone()
            case Changed():
                self._change(event)

    def _apply_to(self, client: _Tracked, event: wire.OfClient) -> None:
        status, record = client.status, client.record
        if record is None or record.round != event.round:
            record = client.record = ClientRound(event.round, status.client_id)
        status.current_round = event.round
        match event:
            case wire.Sent():
                client.asked = client.sign = event.at
                record.bytes += event.bytes
                status.status = "training"
            case wire.Replied():
                self._hear(client, record, event)
            case wire.Failed():
                away = event.code == NODE_UNAVAILABLE
                if not away:
                    self._see(client, event.at)
                    status.response_time = event.seconds
                self._miss(client, record, event.phase, "offline" if away else "error")
            case wire.Straggled():
                gone = client.asked is None or event.at - client.sign > self._offline
                self._miss(client, record, event.phase, "offline" if gone else "slow")

    def _hear(self, client: _Tracked, record: ClientRound, event: wire.Replied) -> None:
        status = client.status
        self._see(client, event.at)
        client.asked = None
        status.status = "slow" if event.seconds > self._slow else "connected"
        status.response_time = event.seconds
        record.bytes += event.bytes
        accuracy, loss = _number(event.metrics, "accuracy"), _number(event.metrics, "loss")
        if event.phase == "train":
            self._answered += 1
            status.train_samples = record.samples = event.samples
            record.seconds = event.seconds
            record.status = "completed"
            record.accuracy, record.loss = accuracy, loss
            if status.test_samples is not None:
                return  # measured on rows that were held out: worth more than what it says of those it knows
        else:
            status.test_samples = event.samples
            record.accuracy = record.accuracy if accuracy is None else accuracy
            record.loss = record.loss if loss is None else loss
        status.accuracy = status.accuracy if accuracy is None else accuracy
        status.loss = status.loss if loss is None else loss

    def _miss(self, client: _Tracked, record: ClientRound, phase: wire.Phase, found: ClientState) -> None:
        client.asked = None
        client.status.status = found
        if phase == "train":
            record.status = found
            self._answered += found == "error"  # that it could not is an answer

    def _see(self, client: _Tracked, at: float) -> None:
        client.sign = at
        client.status.last_seen = datetime.fromtimestamp(at, UTC)

    def _see_alive(self, event: Alive) -> None:
        names = event.clients or self._clients
        for client in (self._clients[name] for name in names if name in self._clients):
            if client.asked is not None:
                self._see(client, event.at)

    def _go_on(self, number: int) -> None:
        self.state, self.round = JobState.running, number
        self.waiting_for, self.away = "", ()

    def _begin(self, event: wire.RoundBegan) -> None:
        self._asked, self._answered = event.clients, 0
        self.ended = min(self.ended, event.round - 1)  # an app that is resumed begins again
        for client in self._clients.values():
            if client.record is not None and client.record.round == event.round:
                client.record = None  # it was begun before, and what came of that counts for nothing

    def _wait(self, event: wire.Waiting) -> None:
        self.state, self.round = JobState.waiting, event.round
        self.waiting_for, self.away = event.reason, event.clients
        for name in event.clients:
            client = self._clients.get(name)
            if client is not None and client.asked is None and client.status.last_seen is not None:
                client.status.status = "offline"

    def _leave_alone(self) -> None:
        """Nobody is asked any more: the round has ended, or the training, or whoever asked."""
        for client in self._clients.values():
            if client.asked is not None:
                client.asked = None
                client.status.status = "pending" if client.status.last_seen is None else "connected"

    def _change(self, event: Changed) -> None:
        self.state = event.state
        self.waiting_for, self.away = "", ()
        self._leave_alone()
        if event.state is JobState.completed:
            for client in self._clients.values():
                if client.status.status in {"connected", "slow"}:
                    client.status.status = "completed"

    # ------------------------------------------------------------------- how it stands
    def statuses(self, now: float) -> list[ClientStatus]:
        """In the order of the job. Not to be changed."""
        return [
            msgspec.structs.replace(client.status, status=found)
            if (found := self._found(client, now)) != client.status.status
            else client.status
            for client in self._clients.values()
        ]

    def _found(self, client: _Tracked, now: float) -> ClientState:
        if client.asked is None:
            return client.status.status
        if now - client.sign > self._offline:
            return "offline"
        return "slow" if now - client.asked > self._slow else "training"

    def records(self, number: int) -> list[ClientRound]:
        """Of those who were asked something in that round, the latest one. Not to be changed."""
        records = (client.record for client in self._clients.values())
        return [record for record in records if record is not None and record.round == number]

    def health(self, now: float) -> Health:
        ill = stragglers = told = samples = 0
        for client in self._clients.values():
            status = client.status
            ill += self._found(client, now) in ILL
            stragglers += self._straggles(client, now)
            if status.train_samples is not None:
                told, samples = told + 1, samples + status.train_samples
        return Health(
            round_completion=self._answered / self._asked if self._asked else 0.0,
            stragglers=stragglers,
            average_samples=samples / told if told else 0.0,
            federation_health=100.0 * (1 - ill / len(self._clients)) if self._clients else 100.0,
        )

    def _straggles(self, client: _Tracked, now: float) -> bool:
        if client.asked is not None:
            return now - client.asked > self._slow
        took = client.status.response_time
        return client.status.status == "slow" or (took is not None and took > self._slow)


def _number(metrics: Mapping[str, float | list[float]], name: str) -> float | None:
    """None also for what is no number."""
    value = metrics.get(name)
    if not isinstance(value, int | float) or not abs(value) < float("inf"):
        return None
    return float(value)
