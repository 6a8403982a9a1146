"""A job's rounds, on any grid: train, keep, evaluate, tell; from the first, or from the last that was kept.

A round is kept as soon as it is aggregated, before anybody is shown its arrays. A job that ends in any way
and is run again goes on after the last round kept, and comes to the same arrays, to the bit, as one that was
not disturbed; differential privacy excepted, whose noise must never come twice. Since nobody knows whether
the last round kept was evaluated, it is evaluated and told again.
"""

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord
from flwr.serverapp import Grid
from flwr.serverapp.exception import PrivacyBudgetExhausted

from feria.clock import Clock
from feria.errors import Cancelled, Conflict, FeriaError, Unavailable
from feria.federation import checkpoints, wire
from feria.federation.checkpoints import Checkpoint
from feria.federation.guard import Guarded
from feria.federation.privacy import Private
from feria.federation.watch import Tell

LOOK = 0.2
"""Seconds between two looks for clients that are waited for."""

Evaluate = Callable[[int, ArrayRecord], MetricRecord | None]
"""Flower's `evaluate_fn`: round and arrays to metrics on the server's own rows."""
Told = Mapping[str, Any]
"""What the end of a round is told with, JSON."""


class Memory(Protocol):
    """A grid whose clients' contexts can be kept; the embedded one."""

    def memories(self) -> Mapping[str, bytes]: ...

    def remember(self, memories: Mapping[str, bytes]) -> None: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    state: Literal["completed", "stopped"]
    round: int
    """The last one that was kept."""
    arrays: ArrayRecord
    reason: str = ""


@dataclass(kw_only=True)
class Rounds:
    grid: Grid
    strategy: Guarded
    rounds: int
    clock: Clock
    tell: Tell
    path: Path
    """Of the checkpoint; its folder is there."""
    stop: threading.Event = field(default_factory=threading.Event)
    """Heard between rounds, while waiting, and within rounds if the grid hears it too."""
    evaluate: Evaluate | None = None
    memory: Memory | None = None
    train_config: Mapping[str, Any] = field(default_factory=dict)
    evaluate_config: Mapping[str, Any] = field(default_factory=dict)

    _kept: int = field(default=0, init=False)
    _arrays: ArrayRecord = field(default_factory=ArrayRecord, init=False)

    def run(self, initial: ArrayRecord) -> Outcome:
        """Raises `Unavailable` where too few clients answer and the job's rules say that this ends it,
        `Conflict` where the checkpoint is another job's, `Corrupt` where it cannot be read.
        """
        try:
            told = self._start(initial)
            if self._kept > 0 or self.evaluate is not None:
                self._evaluate(told)
            while self._kept < self.rounds:
                check_stop(self.stop)
                self._evaluate(self._train_and_keep(self._kept + 1))
        except Cancelled as error:
            return self._end("stopped", error.message)
        except PrivacyBudgetExhausted:
            return self._end("completed", "The privacy budget is spent.")
        except Exception as error:
            reason = error.message if isinstance(error, FeriaError) else f"{type(error).__name__}: {error}"
            self.tell(wire.Ended(at=self._now(), round=self._kept, state="failed", reason=reason))
            raise
        return self._end("completed")

    # ------------------------------------------------------------------- one round
    def _start(self, initial: ArrayRecord) -> Told:
        kept = checkpoints.load(self.path)
        self._remember({} if kept is None else kept.memories)
        if kept is None:
            self._arrays = initial
            return {"replies": 0, "train": {}, "seconds": 0.0}
        if kept.told["seed"] != self.strategy.seed or list(kept.arrays) != list(initial):
            raise Conflict("The checkpoint was left by another job.")
        checkpoints.restore(self.strategy.inner, kept.strategy)
        self._kept = kept.round
        self._arrays = ArrayRecord({name: Array(array) for name, array in kept.arrays.items()})
        return kept.told

    def _train_and_keep(self, number: int) -> Told:
        began = self.clock.monotonic()
        self._seed(number)
        arrays, metrics, replies = self._train(number) or (self._arrays, MetricRecord(), 0)
        told = {
            "seed": self.strategy.seed,
            "replies": replies,
            "train": dict(metrics),
            "seconds": self.clock.monotonic() - began,
        }
        checkpoints.save(
            self.path,
            Checkpoint(
                number,
                {name: array.numpy() for name, array in arrays.items()},
                checkpoints.state_of(self.strategy.inner),
                self._memories(),
                told,
            ),
        )
        self._kept, self._arrays = number, arrays
        return told

    def _train(self, number: int) -> tuple[ArrayRecord, MetricRecord, int] | None:
        """None where the arrays stay as they were."""
        rules = self.strategy.participation
        until = self.clock.monotonic() + rules.wait_seconds
        before = self._memories() if rules.otherwise == "wait" else {}
        while True:
            gather(self.strategy, self.grid, number, until, self.clock, self.tell, self.stop)
            config = ConfigRecord(dict(self.train_config))
            messages = self.strategy.configure_train(number, self._arrays, config, self.grid)
            self.tell(
                wire.RoundBegan(at=self._now(), round=number, rounds=self.rounds, clients=len(messages))
            )
            replies = list(self.grid.send_and_receive(messages, timeout=rules.deadline_seconds))
            try:
                made, metrics = self.strategy.aggregate_train(number, replies)
            except Unavailable as error:
                if rules.otherwise == "continue":
                    return None
                if rules.otherwise == "fail" or self.clock.monotonic() >= until:
                    raise
                away = tuple(error.details.get("clients", ()))
                self.tell(wire.Waiting(at=self._now(), round=number, clients=away, reason=error.message))
                self.stop.wait(rules.retry_seconds)
                self._remember(before)  # who did answer trains as if for the first time
                self._seed(number)
            else:
                return made, metrics, sum(reply.has_content() for reply in replies)

    def _evaluate(self, told: Told) -> None:
        """What was kept last, on the clients' rows and on our own; and tell how the round went."""
        number, arrays = self._kept, self._arrays
        began = self.clock.monotonic()
        clients = MetricRecord()
        if number > 0:
            config = ConfigRecord(dict(self.evaluate_config))
            messages = self.strategy.configure_evaluate(number, arrays, config, self.grid)
            replies = self.grid.send_and_receive(
                messages, timeout=self.strategy.participation.deadline_seconds
            )
            clients = self.strategy.aggregate_evaluate(number, replies)
        central = self.evaluate(number, arrays) if self.evaluate is not None else None
        inner = self.strategy.inner
        spent = inner.privacy_spent() if isinstance(inner, Private) else None
        self.tell(
            wire.RoundEnded(
                at=self._now(),
                round=number,
                replies=told["replies"],
                train=told["train"],
                evaluate=dict(clients),  # type: ignore[arg-type]
                central=dict(central or {}),  # type: ignore[arg-type]
                seconds=told["seconds"] + self.clock.monotonic() - began,
                epsilon=spent.epsilon if spent else None,
                delta=spent.delta if spent else None,
            )
        )

    # ------------------------------------------------------------------- inside
    def _seed(self, number: int) -> None:
        """Flower's strategies, and clients in this process, may draw from the global generators."""
        seed = np.random.SeedSequence([self.strategy.seed, number]).generate_state(2)
        random.seed(int(seed[0]))
        np.random.seed(seed[1])

    def _memories(self) -> Mapping[str, bytes]:
        return {} if self.memory is None else self.memory.memories()

    def _remember(self, memories: Mapping[str, bytes]) -> None:
        if self.memory is not None:
            self.memory.remember(memories)

    def _end(self, state: Literal["completed", "stopped"], reason: str = "") -> Outcome:
        self.tell(wire.Ended(at=self._now(), round=self._kept, state=state, reason=reason))
        return Outcome(state, self._kept, self._arrays, reason)

    def _now(self) -> float:
        return self.clock.now().timestamp()


def gather(
    strategy: Guarded,
    grid: Grid,
    number: int,
    until: float,
    clock: Clock,
    tell: Tell,
    stop: threading.Event,
) -> None:
    """Wait until a quorum is there; `until` is on the monotonic clock.

    Raises `Unavailable` where it is not by then, `Cancelled` when it is stopped.
    """
    told: tuple[int, tuple[str, ...]] | None = None
    while True:
        check_stop(stop)
        lacking = strategy.lacking(grid)
        more, away = lacking
        if not more:
            return
        sentence = f"{f'Round {number}' if number else 'The job'} waits for {more} more of its clients."
        if lacking != told:
            told = lacking
            at = clock.now().timestamp()
            tell(wire.Waiting(at=at, round=number, clients=away, reason=sentence))
        elif clock.monotonic() >= until:
            missed = f" Away: {', '.join(away)}." if away else ""
            raise Unavailable(f"{sentence} They did not come in time.{missed}", clients=list(away))
        else:
            stop.wait(LOOK)


def check_stop(stop: threading.Event) -> None:
    """Raises `Cancelled`."""
    if stop.is_set():
        raise Cancelled("The job was stopped.")
