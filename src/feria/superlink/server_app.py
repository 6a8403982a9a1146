"""The server's side of a job on a SuperLink: what `flwr-serverapp` runs, on Flower's own grid.

It is begun with the attempt's id and where its hub is. Everything else it asks the hub; what it comes to, it
tells the hub, and keeps nothing.
"""

import gc
import logging
import os
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from flwr.app import Context, Error, Message, Metadata
from flwr.proto.node_pb2 import NodeInfo
from flwr.serverapp import Grid, ServerApp
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from feria.clock import Clock, SystemClock
from feria.errors import Cancelled, Crashed, FeriaError, TooLarge
from feria.federation import flower
from feria.federation.engine import MODEL
from feria.federation.federate import Made, federate
from feria.federation.orders import TrainingJob
from feria.federation.telling import telling
from feria.federation.watch import PassingGrid
from feria.superlink.callbacks import End, JobTold, key_of
from feria.superlink.reporting import Mirror, Reporter, open_reporter

SECRET_FILE = "FERIA_SUPERLINK_SECRET_FILE"  # noqa: S105 - the name of a variable
"""Where the environment of the SuperLink's executor says the secret is."""

LOOK = 0.25
"""Seconds between two looks for answers, each of which costs the SuperLink more than a fit may."""

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Train the job of the attempt in `context.run_config`, for the hub that is named there."""
    logging.getLogger("flwr").setLevel(logging.ERROR)  # a strategy writes some ten lines a round
    gc.freeze()
    told = {name: str(value) for name, value in context.run_config.items()}
    clock = SystemClock()
    key = key_of(_secret(), told["attempt"])
    with open_reporter(told["hub"], told["ca"], told["attempt"], key, clock) as reporter:
        try:
            with tempfile.TemporaryDirectory(prefix="feria-job-") as folder:
                _train(grid, reporter, Path(folder), clock)
        except Cancelled:
            logging.getLogger(__name__).warning("The hub has called this attempt off.")


def _train(grid: Grid, reporter: Reporter, folder: Path, clock: Clock) -> None:
    job = reporter.job()
    reporter.fetch(folder, job.files)
    stop = threading.Event()
    stores = StoresGrid(grid, {int(store.node_id): name for name, store in job.stores.items()})
    try:
        with (
            telling(Mirror(reporter, folder, stop), clock, stores.living) as tell,
            threadpool_limits({"blas": 1}),
        ):
            made = federate(
                _with_all_stores(job),
                stores,
                samples={name: store.samples for name, store in job.stores.items()},
                folder=folder,
                told=job.told,
                clock=clock,
                tell=tell,
                stop=stop,
            )
    except FeriaError as error:
        reporter.end(End(error=error.code, detail=error.message, details=error.details))
        return
    except Exception as error:
        reporter.end(End(error=Crashed.code, detail=f"The training failed: {type(error).__name__}: {error}"))
        raise
    _hand_in(made, reporter, folder)


def _hand_in(made: Made, reporter: Reporter, folder: Path) -> None:
    (folder / MODEL).write_bytes(made.file)
    reporter.keep(folder, [MODEL])
    reporter.end(End(metrics=made.metrics, trained_from=made.trained_from))


def _with_all_stores(job: JobTold) -> TrainingJob:
    """The order, which names whom it waits for."""
    order = TrainingJob.model_validate_json(job.order)
    rules = order.participation.model_copy(update={"clients": tuple(sorted(job.stores))})
    return order.model_copy(update={"participation": rules})


def _secret() -> str:
    return Path(os.environ[SECRET_FILE]).read_text().strip()


class StoresGrid(PassingGrid):
    """Flower's grid, with the stores of one job and by the names that its hub calls them."""

    def __init__(self, grid: Grid, names: Mapping[int, str]) -> None:
        super().__init__(grid)
        self._names = names
        self._next_look = 0.0
        self._asked: dict[str, Metadata] = {}
        """By id."""
        self._away: dict[str, Message] = {}
        """Answers to those that the SuperLink did not take, by id."""

    def get_nodes(self) -> Iterable[NodeInfo]:
        """Those that are there."""
        for node in self.grid.get_nodes():
            if node.node_id in self._names and node.status == "online":
                node.name = self._names[node.node_id]
                yield node

    def get_node_ids(self) -> Iterable[int]:
        return [node.node_id for node in self.get_nodes()]

    def living(self) -> list[str] | None:
        """Stores by name that gave a sign of life lately; None where nobody did, or nobody knows."""
        try:
            return [node.name for node in self.get_nodes()] or None
        except Exception:  # whatever Flower raises: the rounds find out for themselves
            return None

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Raises `TooLarge` for what the SuperLink does not take."""
        messages = list(messages)
        ids = list(self.grid.push_messages(messages))
        if len(ids) < len(messages):
            raise TooLarge("The SuperLink does not take messages of this size.")
        for place, message in enumerate(messages):
            if not ids[place]:  # the store has gone in this moment
                ids[place] = message.metadata.message_id
                self._away[ids[place]] = _away(message)
            else:
                self._asked[ids[place]] = message.metadata
        return ids

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        self._pause()
        asked = set(message_ids)
        away = [self._away.pop(each) for each in asked & self._away.keys()]
        left = asked - {reply.metadata.reply_to_message_id for reply in away}
        came = list(self.grid.pull_messages(left)) if left else []
        return [*away, *(flower.received(reply, self._asked.pop(_about(reply))) for reply in came)]

    def _pause(self) -> None:
        time.sleep(max(0.0, self._next_look - time.monotonic()))
        self._next_look = time.monotonic() + LOOK


def _about(reply: Message) -> str:
    return reply.metadata.reply_to_message_id


def _away(message: Message) -> Message:
    return Message(Error(flower.NODE_UNAVAILABLE, "The store is not there."), reply_to=message)
