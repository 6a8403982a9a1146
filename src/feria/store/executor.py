"""Answers for the store: takes each message from the SuperNode, and has a worker process look at the rows.

What the hub's bundle holds is never run, unless the store consents to programs of users. Of what goes wrong
the hub is told in sentences that stand here, or in a consent's; the rest, which may quote a cell, is for the
store's own log.
"""

import json
import logging
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from flwr.app import ConfigRecord, Context, Error, Message
from pydantic import ValidationError

from feria.clock import Clock, SystemClock
from feria.errors import FeriaError
from feria.federation.agreement import Agreement
from feria.federation.app_process import client_of
from feria.federation.client_app import CONFIG, JOB
from feria.federation.executors import App, Errand
from feria.federation.flower import CLIENT_APP_CRASHED, CLIENT_APP_RAISED
from feria.federation.orders import AppJob, TrainingJob
from feria.federation.watch import round_of
from feria.federation.workers import WorkerHand
from feria.learning.sources import Limits
from feria.learning.wire import TrainingOrder
from feria.storage.durable import write
from feria.store import client_app
from feria.store.flower_node import LATELY, Runtime, Task, pull_again_soon
from feria.store.home import Home, Store
from feria.store.ledger import Ledger
from feria.store.rows import FileSource

log = logging.getLogger(__name__)

DEEDS = {"query": "tell counts and means", "train": "train", "evaluate": "measure"}
"""What a job asks for, by the type of its messages."""
LOOK, SELDOM, AGAIN = 0.05, 0.5, 1.0
"""Seconds between two looks for a task: of who had one lately, of who had not, and after one that failed."""
CANNOT = "The store cannot do this with its rows; its own log says why."
FAILED = "The store failed; its own log says why."
NO_FILE = "Programs of users read files; the rows of this store come from a database."
UNLIKE = "What is asked is not what the job's order says."


class Work(NamedTuple):
    """What a worker process is to load, and to be told of where it runs."""

    load: Callable[..., App]
    args: tuple[Any, ...]
    node_config: dict[str, Any]
    seconds: float
    """Longest that one message may take, once it is begun."""
    deadline: float
    """Seconds after which nobody waits for an answer."""


class Refused(Exception):
    """Its text goes to the hub."""


class Answering:
    def __init__(self, home: Home, limits: Limits, clock: Clock) -> None:
        """Raises `Corrupt` for a ledger that cannot be read."""
        self._home = home
        self._ledger = Ledger(home.jobs)
        self._limits = (limits.rows, limits.columns)
        self._clock = clock
        self._hand: tuple[tuple[int, Callable[..., App]], WorkerHand] | None = None

    def reply(self, task: Task) -> tuple[Message, Context]:
        """And the client's context after it."""
        message = task.message
        began = self._clock.monotonic()
        try:
            work = self._work(task)
            context = Context(
                run_id=task.context.run_id,
                node_id=task.context.node_id,
                node_config=work.node_config,
                state=task.context.state,
                run_config=task.context.run_config,
            )
            errand = Errand(message, context, began + work.deadline)
            made = self._worker(message.metadata.run_id, work)(errand)
        except Refused as refused:
            log.warning("Refused: %s", refused)
            return _error(str(refused), message), task.context
        except FeriaError as error:
            log.error("Not done: %s", error.message)
            return _error(FAILED, message), task.context
        except Exception:
            log.exception("Not done:")
            return _error(FAILED, message), task.context
        if errand.state is not None:
            context.state = errand.state
        if not made.has_error():
            log.info("Answered in %.2f s.", self._clock.monotonic() - began)
            return Message(made.content, reply_to=message), context
        log.error("Not done: %s", made.error.reason)
        if made.error.code == CLIENT_APP_CRASHED:  # the sentence is ours, of `workers.py`
            return _error(made.error.reason or FAILED, message, CLIENT_APP_CRASHED), context
        return _error(CANNOT, message), context

    def close(self) -> None:
        if self._hand is not None:
            self._hand[1].close()

    def _work(self, task: Task) -> Work:
        """Raises `Refused`, and what reading `store.json` raises."""
        store = self._home.store()
        job = _job(task.message)
        if job is None:
            return self._of_app(task, store)
        asked = task.message.metadata.message_type.partition(".")[0]
        if asked not in DEEDS:
            raise Refused("This store does not know what it is asked for.")
        number = round_of(task.message.content)
        log.info(
            "Asked to %s%s for the model '%s' (%s).",
            DEEDS[asked],
            f", round {number} of {job.rounds}," if number else "",
            job.model,
            job.method,
        )
        refusal = store.consent.refusal(job) or _other_target(store, job) or _unlike(asked, task.message, job)
        refusal = refusal or self._ledger.enter(
            task.message.metadata.run_id, asked, job, store.consent.most_rounds
        )
        if refusal is not None:
            raise Refused(refusal)
        return Work(
            client_app.load,
            (str(self._home.folder), job.holdout, job.seed, *self._limits),
            {"name": store.name},
            job.fit_seconds or job.participation.deadline_seconds,
            job.participation.deadline_seconds,
        )

    def _of_app(self, task: Task, store: Store) -> Work:
        """What shows no order of a job comes from a program of a user."""
        name = task.app.rpartition("/")[2]
        log.info("Asked by the app %.200r.", task.app)
        try:
            order = AppJob(kind="app", app=name, model="app")
        except ValidationError:
            raise Refused("This store runs no app of such a name.") from None
        if refusal := store.consent.refusal(order):
            raise Refused(refusal)
        if not isinstance(store.data, FileSource):
            raise Refused(NO_FILE)
        folder = self._home.running / "app"
        bundle = self._home.running / "app.fab"
        if self._hand is None or self._hand[0] != (task.message.metadata.run_id, client_of):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            write(bundle, task.bundle)
        return Work(
            client_of,
            (bundle, folder),
            {"name": store.name, "data": str(store.data.file), "partition-id": 0, "num-partitions": 1},
            task.message.metadata.ttl,
            task.message.metadata.ttl,
        )

    def _worker(self, run_id: int, work: Work) -> WorkerHand:
        """One for each job, which has read its rows; that of the job before ends."""
        if self._hand is None or self._hand[0] != (run_id, work.load):
            self.close()
            hand = WorkerHand(work.load, work.args, self._home.running, work.seconds, self._clock)
            self._hand = (run_id, work.load), hand
        return self._hand[1]


def _job(message: Message) -> TrainingJob | None:
    """None where the message shows none. Raises `Refused` for one that is none."""
    said = _config(message).get(JOB)
    if said is None:
        return None
    try:
        return TrainingJob.model_validate_json(str(said))
    except ValidationError:
        raise Refused("The order of this job is none that this store understands.") from None


def _other_target(store: Store, job: TrainingJob) -> str | None:
    if job.target == store.target:
        return None
    return f"This store's rows are there to predict '{store.target}'; the job wants '{job.target}'."


def _unlike(asked: str, message: Message, job: TrainingJob) -> str | None:
    """Consent is given to the job, so the job is what is done."""
    config = _config(message)
    try:
        if asked == "query":
            plain = job.model_dump(include=set(TrainingOrder.model_fields))
            alike = TrainingOrder.model_validate_json(str(config["order"])).model_dump() == plain
        else:
            agreement = Agreement.model_validate_json(str(config["agreement"]))
            settings = json.loads(str(config["settings"]))
            alike = (agreement.kind, agreement.target, settings) == (job.kind, job.target, job.settings)
    except (KeyError, ValueError):  # pydantic's are ValueErrors
        alike = False
    return None if alike else UNLIKE


def _config(message: Message) -> ConfigRecord:
    found = message.content.config_records.get(CONFIG) if message.has_content() else None
    return found if found is not None else ConfigRecord()


def _error(sentence: str, message: Message, code: int = CLIENT_APP_RAISED) -> Message:
    return Message(Error(code, sentence), reply_to=message)


def work(folder: Path, address: str, secret_file: Path, limits: Limits) -> None:
    """Answer for as long as the process lives. `folder` is the store's home, `address` the SuperNode's."""
    logging.basicConfig(stream=sys.stdout, format="%(levelname)s : %(message)s", level=logging.WARNING)
    logging.getLogger("feria").setLevel(logging.INFO)
    pull_again_soon()
    try:
        answering = Answering(Home(folder), limits, SystemClock())
    except FeriaError as error:
        raise SystemExit(f"ERROR : {error.message}") from None
    runtime = Runtime(address, secret_file.read_bytes().strip())
    busy = time.monotonic()
    while True:
        try:
            with runtime.task() as task:
                if task is not None:
                    reply, context = answering.reply(task)
                    task.answer(reply, context.state)
                    busy = time.monotonic()
                    continue
            time.sleep(LOOK if time.monotonic() - busy < LATELY else SELDOM)
        except FeriaError as error:  # the SuperNode has gone, or the job was stopped
            log.warning("Not answered: %s", error.message)
            time.sleep(AGAIN)
        except Exception:  # the SuperNode says to the hub that there is no answer
            log.exception("Not answered:")
            time.sleep(AGAIN)
