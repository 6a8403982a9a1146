"""A federated training over any grid, from what the clients tell of their rows to a file that can be served.

The server's side: it sees counts, arrays and metrics, and never a row.
"""

import contextlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
from flwr.app import ArrayRecord, ConfigRecord, Message, RecordDict
from flwr.serverapp import Grid

import feria
from feria.clock import Clock
from feria.errors import Cancelled, Invalid, Unavailable
from feria.federation import guard, wire
from feria.federation.agreement import Agreement, agree
from feria.federation.client_app import CONFIG, JOB, STATISTICS
from feria.federation.engine import AGREEMENT, ENDED, ROUNDS
from feria.federation.guard import NAMED, Guarded
from feria.federation.models import learner_for
from feria.federation.models.trees import read
from feria.federation.orders import Participation, PrivacySettings, TrainingJob
from feria.federation.privacy import make_private
from feria.federation.publishing import publish
from feria.federation.rounds import Memory, Rounds, gather
from feria.federation.screening import Screening
from feria.federation.statistics import Statistics
from feria.federation.strategies import STRATEGIES
from feria.federation.watch import Tell, WatchGrid, names_of
from feria.learning.wire import TrainingOrder

NAMES_TOLD, ROUNDS_TOLD = 200, 100
"""Most that the model tells of, whose row every member of a cluster holds; the job itself tells of all."""


@dataclass(frozen=True, slots=True)
class Made:
    file: bytes
    """ONNX."""
    metrics: dict[str, Any]
    trained_from: dict[str, Any]


def federate(
    order: TrainingJob,
    grid: Grid,
    *,
    samples: Mapping[str, int],
    folder: Path,
    told: int = -1,
    clock: Clock,
    tell: Tell,
    stop: threading.Event,
    memory: Memory | None = None,
) -> Made:
    """`samples` are the rows that clients, by name, have registered with; `told` is the last round whose
    end is known.

    Goes on from what is in `folder`. Raises `Invalid` for clients that have nothing in common to learn from,
    `Unavailable` where too few of them answer, `Cancelled` when it is stopped.
    """
    kind = STRATEGIES[order.strategy]
    chosen = kind.choose(order.strategy_settings)
    inner = guard.make(kind, chosen)
    strategy = Guarded(
        inner if order.privacy is None else make_private(inner, order.privacy, len(samples)),
        order.participation,
        seed=order.seed,
        least=kind.least(chosen),
    )
    if not (folder / AGREEMENT).exists():
        until = clock.monotonic() + order.participation.wait_seconds
        gather(strategy, grid, 0, until, clock, tell, stop)
    agreement = _agreement(order, grid, folder)
    learner = learner_for(agreement, order.settings)
    trees = partial(read, outputs=agreement.outputs, width=agreement.width) if kind.trees else None
    history = _History(tell, folder / ENDED, told)
    sent = {
        JOB: _shown(order),
        "agreement": agreement.model_dump_json(),
        "settings": msgspec.json.encode(order.settings).decode(),
    }
    rounds = Rounds(
        grid=WatchGrid(grid, clock, history, Screening(samples, read_trees=trees), stop),
        strategy=strategy,
        rounds=order.rounds,
        clock=clock,
        tell=history,
        path=folder / ROUNDS,
        stop=stop,
        memory=memory,
        train_config=sent,
        evaluate_config=sent,
    )
    outcome = rounds.run(ArrayRecord(learner.initial(order.seed)))
    if outcome.state == "stopped":
        raise Cancelled(outcome.reason)
    arrays = outcome.arrays.to_numpy_ndarrays()
    return Made(
        publish(learner, arrays),
        history.measured,
        {
            "data": "federated",
            "clients": [{"name": name, "rows": samples[name]} for name in sorted(samples)[:NAMES_TOLD]],
            "clients_in_all": len(samples),
            "rows": agreement.rows,
            "target": order.target,
            "task": agreement.task,
            "strategy": order.strategy,
            "strategy_settings": chosen.model_dump(mode="json"),
            "settings": dict(order.settings),
            "rounds": outcome.round,
            "history": history.rounds[:: -(-outcome.round // ROUNDS_TOLD) or 1],
            "agreement": agreement.digest,
            "notes": list(agreement.notes),
            "software": {"feria": feria.__version__}
            | {name: version(name) for name in ("flwr", "numpy", "scikit-learn", "skl2onnx")},
        }
        | ({} if order.privacy is None else {"privacy": history.privacy(order.privacy)}),
    )


class _History:
    """Listens to what is told, and keeps how each round ended beside the checkpoint.

    A node that is killed loses what it was told and had not written down, so a job that goes on tells again
    how the rounds after `told` ended.
    """

    def __init__(self, tell: Tell, file: Path, told: int) -> None:
        self._tell = tell
        self._file = file
        self._ended: dict[int, wire.RoundEnded] = {}
        for line in file.read_bytes().splitlines() if file.exists() else ():
            with contextlib.suppress(msgspec.DecodeError):  # cut off by a kill
                ended = msgspec.json.decode(line, type=wire.RoundEnded)
                self._ended[ended.round] = ended
        for number in sorted(self._ended):
            if number > told:
                tell(self._ended[number])

    def __call__(self, event: wire.AnyEvent) -> None:
        if isinstance(event, wire.RoundEnded):
            self._ended[event.round] = event
            with self._file.open("ab") as file:
                file.write(msgspec.json.encode(event) + b"\n")
        self._tell(event)

    @property
    def rounds(self) -> list[dict[str, Any]]:
        return [
            {"round": number, "replies": ended.replies, **ended.evaluate}
            for number, ended in sorted(self._ended.items())
            if number > 0
        ]

    @property
    def measured(self) -> dict[str, Any]:
        """Means over the clients' held-out rows, after the last round."""
        return dict(self._ended[max(self._ended)].evaluate) if self._ended else {}

    def privacy(self, settings: PrivacySettings) -> dict[str, Any]:
        last = self._ended[max(self._ended)]
        return {**settings.model_dump(), "epsilon": last.epsilon, "delta": last.delta}


# ------------------------------------------------------------------- before the first round
def _agreement(order: TrainingJob, grid: Grid, folder: Path) -> Agreement:
    """The one that the job began with, or a new one of what all clients tell."""
    file = folder / AGREEMENT
    if file.exists():
        return Agreement.model_validate_json(file.read_bytes())
    plain = TrainingOrder.model_validate(order.model_dump(include=set(TrainingOrder.model_fields)))
    config = ConfigRecord({JOB: _shown(order), "order": plain.model_dump_json()})
    made = agree(_asked(config, order.participation, grid), plain)
    file.write_text(made.model_dump_json())
    return made


def _asked(config: ConfigRecord, rules: Participation, grid: Grid) -> dict[str, Statistics]:
    """What each client tells, by name. Raises `Unavailable`, naming them, where too many do not."""
    names = {
        node: name for node, name in names_of(grid).items() if not rules.clients or name in rules.clients
    }
    messages = [
        Message(RecordDict({CONFIG: config}), node, f"query.{STATISTICS}", ttl=rules.deadline_seconds)
        for node in names
    ]
    told: dict[str, Statistics] = {}
    faults: dict[str, str] = {}
    for reply in grid.send_and_receive(messages, timeout=rules.deadline_seconds):
        name = names[reply.metadata.src_node_id]
        if reply.has_error():
            faults[name] = reply.error.reason or "It failed."
        else:
            told[name] = Statistics.model_validate_json(str(reply.content.config_records[STATISTICS]["told"]))
    faults |= {name: "It did not answer in time." for name in names.values() if name not in told | faults}
    needed = rules.min_replies or len(names)
    if len(told) < needed:
        said = " ".join(f"{name}: {fault}" for name, fault in sorted(faults.items())[:NAMED])
        if told or not faults:
            raise Unavailable(f"{needed} clients are to tell of their rows, {len(told)} did. {said}")
        raise Invalid(f"No client can take part. {said}")
    return told


def _shown(order: TrainingJob) -> str:
    """The order as clients see it, who may have to agree to it: who the others are is not told."""
    rules = order.participation.model_copy(update={"clients": ()})
    return order.model_copy(update={"participation": rules}).model_dump_json()
