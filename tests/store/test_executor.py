"""What a store answers, by its real worker processes; the SuperNode alone is missing."""

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, RecordDict

from feria.clock import SystemClock
from feria.errors import Corrupt
from feria.federation import flower
from feria.federation.agreement import Agreement, agree
from feria.federation.client_app import ARRAYS, CONFIG, METRICS, STATISTICS
from feria.federation.models import learner_for
from feria.federation.orders import TrainingJob
from feria.federation.statistics import Statistics
from feria.learning.sources import Limits
from feria.learning.wire import TrainingOrder
from feria.store.executor import CANNOT, FAILED, NO_FILE, UNLIKE, Answering
from feria.store.flower_node import Task
from feria.store.home import Home
from store.joined import CELLS, ROWS, TARGET, consents, join_by_hand, traces_of_cells, write_rows

RUN, NODE = 77, 5
LIMITS = Limits(rows=1000, columns=20)
SMALL = Path(__file__).parents[1] / "small_app"


@dataclass
class Asked:
    """As a `Task` is to who answers it."""

    message: Message
    context: Context
    app: str = "feria/hub-app"
    bundle: bytes = b"This is never looked into."


@pytest.fixture(autouse=True)
def _prepared(tmp_path: Path) -> None:
    flower.prepare(tmp_path, RUN)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    rows = write_rows(tmp_path / "patients.csv")
    join_by_hand(home, superlink="localhost:9092", ca="", rows=rows)
    home.running.mkdir()
    return home


@pytest.fixture
def answering(home: Home) -> Generator[Answering]:
    answering = Answering(home, LIMITS, SystemClock())
    yield answering
    answering.close()


def job(**more: Any) -> TrainingJob:
    said = {"model": "relapses", "kind": "logistic_regression", "target": TARGET, "rounds": 3, **more}
    return TrainingJob.model_validate(said)


def plain(order: TrainingJob) -> TrainingOrder:
    return TrainingOrder.model_validate(order.model_dump(include=set(TrainingOrder.model_fields)))


def asked(
    kind: str, config: dict[str, Any], arrays: list[Any] | None = None, *, run_id: int = RUN, **more: Any
) -> Task:
    content = RecordDict({CONFIG: ConfigRecord(config)})
    if arrays is not None:
        content[ARRAYS] = ArrayRecord([np.asarray(one) for one in arrays])
    message = Message(content, NODE, kind)
    message.metadata.__dict__["_run_id"] = run_id
    flower.address(message, "of the hub")
    return cast(Task, Asked(message, Context(run_id, NODE, {}, RecordDict(), {}), **more))


def query(order: TrainingJob, /, **more: Any) -> Task:
    config = {"job": order.model_dump_json(), "order": plain(order).model_dump_json()}
    return asked(f"query.{STATISTICS}", config | more)


def agreement_of(answering: Answering, order: TrainingJob) -> Agreement:
    reply, _ = answering.reply(query(order))
    assert not reply.has_error(), reply.error
    told = Statistics.model_validate_json(str(reply.content.config_records[STATISTICS]["told"]))
    return agree({"Lima": told}, plain(order))


def train(order: TrainingJob, agreement: Agreement, /, kind: str = "train", **more: Any) -> Task:
    config = {
        "job": order.model_dump_json(),
        "agreement": agreement.model_dump_json(),
        "settings": json.dumps(order.settings),
        "server-round": 1,
    }
    return asked(kind, config | more, learner_for(agreement, order.settings).initial(order.seed))


def why(answering: Answering, task: Task) -> str:
    reply, _ = answering.reply(task)
    assert reply.has_error()
    return reply.error.reason or ""


def test_a_job_is_answered_and_no_cell_leaves(
    answering: Answering, home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    order = job()
    agreement = agreement_of(answering, order)
    held = round(ROWS * order.holdout)
    assert (agreement.rows, sorted(one.name for one in agreement.numbers)) == (
        ROWS - held,
        ["pressure", "sugar"],
    )
    fit, _ = answering.reply(train(order, agreement))
    measured, _ = answering.reply(train(order, agreement, "evaluate"))
    assert fit.content.metric_records[METRICS]["num-examples"] == ROWS - held
    assert measured.content.metric_records[METRICS]["num-examples"] == held
    assert (fit.metadata.reply_to_message_id, fit.metadata.run_id) == ("of the hub", RUN)
    left = b"".join(
        flower.pack_records(reply.content) for reply in (answering.reply(query(order))[0], fit, measured)
    )
    assert traces_of_cells(left) == []
    assert traces_of_cells(CELLS[3][0].encode()) != []
    said = [record.message for record in caplog.records if record.name == "feria.store.executor"]
    assert "Asked to train, round 1 of 3, for the model 'relapses' (logistic_regression by fedavg)." in said


def test_what_is_not_consented_to_is_refused_before_the_rows_are_read(
    answering: Answering, home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    home.store().data.file.unlink()  # type: ignore[union-attr]
    consents(home, kinds=("decision_tree",), most_rounds=2)
    said = why(answering, query(job()))
    assert said == (
        "This store does not allow the kind logistic_regression; it allows decision_tree. "
        "This store allows 2 rounds at most; the job wants 3."
    )
    assert f"Refused: {said}" in caplog.text
    consents(home, least_noise=0.5)
    assert "differential privacy" in why(answering, query(job()))


def test_rows_are_there_for_one_target(answering: Answering) -> None:
    assert why(answering, query(job(target="sugar"))) == (
        "This store's rows are there to predict 'relapse'; the job wants 'sugar'."
    )


def test_what_a_job_says_of_itself_is_what_is_done(answering: Answering) -> None:
    order = job()
    agreement = agreement_of(answering, order)
    trees = agreement.model_copy(update={"kind": "decision_tree"})
    other = agreement.model_copy(update={"target": "sugar"})
    assert why(answering, train(order, agreement, settings='{"C": 3.0}')) == UNLIKE
    assert why(answering, train(order, agreement, agreement=trees.model_dump_json())) == UNLIKE
    assert why(answering, train(order, agreement, agreement=other.model_dump_json())) == UNLIKE
    assert why(answering, train(order, agreement, agreement="garbage")) == UNLIKE
    secretly = plain(job(target="sugar")).model_dump_json()
    assert why(answering, query(order, order=secretly)) == UNLIKE
    assert why(answering, query(order, order=secretly, agreement=agreement.model_dump_json())) == UNLIKE
    assert why(answering, query(order, job="garbage")) == (
        "The order of this job is none that this store understands."
    )
    assert why(answering, asked("train.more", {"job": order.model_dump_json()})) == UNLIKE
    assert why(answering, asked("query", {"job": order.model_dump_json()})) == UNLIKE


def test_rounds_are_counted_and_a_restart_forgets_none(answering: Answering, home: Home) -> None:
    consents(home, most_rounds=3)
    order = job()
    agreement = agreement_of(answering, order)
    for _ in range(3):
        assert not answering.reply(train(order, agreement))[0].has_error()
    again = Answering(home, LIMITS, SystemClock())
    for one in (answering, again):
        assert why(one, train(order, agreement)) == (
            "This store allows 3 rounds at most, and this job has had them."
        )
    assert not again.reply(train(order, agreement, "evaluate"))[0].has_error()
    assert why(again, train(job(seed=1), agreement)) == "This job began with another order."
    again.close()


def test_a_ledger_that_is_spoiled_is_not_begun_anew(home: Home) -> None:
    home.jobs.write_text("{")
    with pytest.raises(Corrupt, match=r"jobs\.json is damaged"):
        Answering(home, LIMITS, SystemClock())


@pytest.mark.parametrize("spoiled", ["a text among numbers", "no file", "a cell too large"])
def test_what_goes_wrong_with_the_rows_is_told_to_the_store_alone(
    answering: Answering, home: Home, spoiled: str, caplog: pytest.LogCaptureFixture
) -> None:
    order = job()
    agreement = agreement_of(answering, order)
    answering.close()  # as when another job was in between: the rows are read anew
    answering._hand = None
    file: Path = home.store().data.file  # type: ignore[union-attr]
    if spoiled == "no file":
        file.unlink()
    else:
        cell = "Ximena Quispe" if "text" in spoiled else "9e99"
        write_rows(file, (*CELLS[:30], ("x", cell, 1.0, 0), *CELLS[30:]))
    assert why(answering, query(order)) == CANNOT
    assert why(answering, train(order, agreement)) == CANNOT
    said = caplog.text
    assert {"no file": "Cannot read", "a text among numbers": "Ximena Quispe"}.get(spoiled, "9e+99") in said


def test_a_store_that_is_spoiled_says_no_more_than_that(answering: Answering, home: Home) -> None:
    (home.folder / "store.json").write_text('{"name": "my secrets"}')
    assert why(answering, query(job())) == FAILED


def test_a_worker_that_dies_is_answered_for_and_another_goes_on(answering: Answering) -> None:
    order = job(kind="mlp", settings={"hidden_layer_sizes": [512, 512]}, fit_seconds=300)
    agreement = agreement_of(answering, order)
    hand = answering._hand
    assert hand is not None
    process = hand[1]._process
    assert process is not None
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)
    told: list[str] = []
    asking = threading.Thread(target=lambda: told.append(why(answering, train(order, agreement))))
    asking.start()
    time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    asking.join()
    assert told == ["The client's process died."]
    assert not answering.reply(train(order, agreement))[0].has_error()


def test_a_fit_has_its_time(answering: Answering) -> None:
    order = job(fit_seconds=0.001)
    assert why(answering, query(order)) == "The client took longer than the 0.001 s it may take."


def test_another_job_reads_the_rows_anew(answering: Answering, home: Home) -> None:
    order = job()
    agreement_of(answering, order)
    write_rows(home.store().data.file, CELLS[:60])  # type: ignore[union-attr]
    assert agreement_of(answering, order).rows == ROWS * 0.8
    later = query(order)
    later.message.metadata.__dict__["_run_id"] = RUN + 1
    reply, _ = answering.reply(later)
    assert json.loads(str(reply.content.config_records[STATISTICS]["told"]))["rows"] == 60 * 0.8


# ------------------------------------------------------------------- programs of users
def test_programs_of_users_are_not_run(answering: Answering) -> None:
    task = asked("train", {}, [0.0], app="somebody/digits")
    assert why(answering, task) == "This store runs no programs of users, such as the app digits."
    assert why(answering, asked("train", {}, app="odd\n\x1b[0m")) == "This store runs no app of such a name."


def test_programs_of_users_are_run_where_the_store_lets_them(answering: Answering, home: Home) -> None:
    consents(home, apps=True)
    bundle = flower.bundle(SMALL)
    task = asked("train", {}, [[CELLS[0][1]], [0.0]], app="feria/small-app", bundle=bundle)
    task.context.run_config = {"column": "sugar", "fault": "", "step.size": 1.0}
    reply, _ = answering.reply(task)
    assert not reply.has_error(), reply.error
    assert reply.content.metric_records["metrics"]["num-examples"] == ROWS
    task.context.run_config["fault"] = "raise"
    assert why(answering, task) == CANNOT

    consents(home, apps=True, least_noise=1.0)
    assert "promises none" in why(answering, task)
    store = home.store()
    query = store.model_dump(mode="json") | {"data": {"url": "sqlite:////x.db", "query": "SELECT 1"}}
    (home.folder / "store.json").write_text(json.dumps(query))
    consents(home, apps=True)
    assert why(answering, task) == NO_FILE
