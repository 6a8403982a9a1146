"""A user's Flower app at work: its own `ServerApp` over a grid that tells what happens, and its `ClientApp`.

Both run as they are. The `ServerApp` finds itself in the job's folder, and leaves the model there.
"""

import importlib
import os
import sys
import threading
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from flwr.app import Context, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp

import feria
from feria.clock import Clock
from feria.errors import FeriaError, Invalid
from feria.federation import bundles, wire
from feria.federation.engine import MODEL
from feria.federation.executors import App
from feria.federation.flower import SERVER_NODE, has_main
from feria.federation.orders import AppJob
from feria.federation.watch import Tell, WatchGrid, round_of

Component = TypeVar("Component", ClientApp, ServerApp)

CODE = "app"
"""Folder within a job's."""
TOLD = 100
"""Rounds and clients that the model tells of at most; the job itself tells of all."""


def client_of(bundle: Path, folder: Path) -> App:
    """The app's `ClientApp`, its code in `folder`."""
    return _load(bundles.unpack(bundle, folder).client, folder, ClientApp)


def serve(bundle: Path, order: AppJob, grid: "AppGrid", folder: Path, run_id: int) -> dict[str, Any]:
    """Run the app's `ServerApp` to its end; it leaves `MODEL` in `folder`. Returns its
    `metrics` and `trained_from`. Raises `Invalid` where it fails, or leaves none.
    """
    app = bundles.unpack(bundle, folder / CODE)
    (folder / MODEL).unlink(missing_ok=True)  # an earlier run's
    os.chdir(folder)
    context = Context(run_id, SERVER_NODE, {}, RecordDict(), dict(order.settings))
    try:
        server = _load(app.server, folder / CODE, ServerApp)
        if not has_main(server):
            raise Invalid("The app's ServerApp has no `@app.main()`; Flower's older form is not run here.")
        server(grid, context)
    except FeriaError:
        raise
    except (Exception, SystemExit) as error:
        raise Invalid(f"The app's ServerApp failed with {type(error).__name__}: {error}") from error
    grid.end()
    if not (folder / MODEL).is_file():
        raise Invalid(f"The app has ended and left no {MODEL}. Its ServerApp is to write one where it runs.")
    trained_from = {
        "data": "federated",
        "app": {"name": app.name, "version": app.version, "publisher": app.publisher},
        "settings": dict(order.settings),
        "rounds": len(grid.rounds),
        "history": grid.rounds[:: -(-len(grid.rounds) // TOLD) or 1],
        "software": {"feria": feria.__version__, "flwr": version("flwr")},
    }
    last = grid.rounds[-1] if grid.rounds else {}
    metrics = {name: value for name, value in last.items() if name not in {"round", "replies"}}
    return {"metrics": metrics, "trained_from": trained_from}


class AppGrid(WatchGrid):
    """Tells of the rounds that can be seen in what an app sends: a new one begins with the first messages of
    type `train` that say its number, as those of Flower's strategies do."""

    def __init__(
        self,
        grid: Grid,
        clock: Clock,
        tell: Tell,
        stop: threading.Event,
        *,
        rounds: int,
        deadline_seconds: float,
    ) -> None:
        """`rounds` there will be, or 0. No message is waited for longer than the deadline."""
        super().__init__(grid, clock, self._hear, lambda *_: None, stop)
        self._tell_on = tell
        self._rounds = rounds
        self._deadline = deadline_seconds
        self._round = 0
        self._began = 0.0
        self._trained: list[wire.Replied] = []
        self._evaluated: list[wire.Replied] = []
        self.rounds: list[dict[str, Any]] = []
        """How those went that have ended: number, good replies and what was measured."""

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        messages = list(messages)
        train = [message for message in messages if message.metadata.message_type.startswith("train")]
        if train and (number := round_of(train[0].content)) > self._round:
            self.end()
            self._round, self._began = number, self._clock.monotonic()
            at = self._clock.now().timestamp()
            self._tell_on(wire.RoundBegan(at=at, round=number, rounds=self._rounds, clients=len(train)))
        return super().push_messages(messages)

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterable[Message]:
        timeout = self._deadline if timeout is None else min(timeout, self._deadline)
        return super().send_and_receive(messages, timeout=timeout)

    def end(self) -> None:
        """Tell that the round under way has ended, if there is one."""
        if self._round == 0:
            return
        ended = wire.RoundEnded(
            at=self._clock.now().timestamp(),
            round=self._round,
            replies=len(self._trained),
            train=_means(self._trained),
            evaluate=_means(self._evaluated),
            central={},
            seconds=self._clock.monotonic() - self._began,
        )
        self._trained, self._evaluated = [], []
        self.rounds.append({"round": ended.round, "replies": ended.replies, **ended.evaluate})
        self._tell_on(ended)

    def _hear(self, event: wire.AnyEvent) -> None:
        if isinstance(event, wire.Replied):
            (self._trained if event.phase == "train" else self._evaluated).append(event)
        self._tell_on(event)


def _means(replies: list[wire.Replied]) -> wire.Metrics:
    """Weighted by samples; of clients that say none, all count the same."""
    rows = sum(reply.samples for reply in replies)
    means: dict[str, float] = {}
    for reply in replies:
        share = reply.samples / rows if rows else 1 / len(replies)
        for name, value in reply.metrics.items():
            if isinstance(value, int | float):
                means[name] = means.get(name, 0.0) + share * value
    return dict(means)


def _load(reference: str, folder: Path, kind: type[Component]) -> Component:
    """Import `package.module:attribute`. Raises `Invalid`."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    module, _, attribute = reference.partition(":")
    try:
        loaded = getattr(importlib.import_module(module), attribute)
    except (Exception, SystemExit) as error:
        raise Invalid(f"The app's {reference} cannot be imported: {type(error).__name__}: {error}") from error
    if not isinstance(loaded, kind):
        raise Invalid(f"The app's {reference} is a {type(loaded).__name__}, and no {kind.__name__}.")
    return loaded
