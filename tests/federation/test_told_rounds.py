"""What is told of a round while it goes on and when it has ended."""

from pathlib import Path

import msgspec
import numpy as np
from flwr.app import ArrayRecord, MetricRecord

from clients import NAMES, TRUTH, Fair, accuracy
from feria.federation.wire import AnyEvent, Replied, RoundEnded, Sent


def test_a_round_is_told_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    fair = Fair(tmp_path, NAMES[:2])
    fair.run(1)
    kinds = [(type(event).__name__, getattr(event, "phase", None)) for event in fair.events]
    train, evaluate = ("Replied", "train"), ("Replied", "evaluate")
    assert kinds == [
        ("RoundBegan", None), ("Sent", "train"), ("Sent", "train"), train, train,
        ("Sent", "evaluate"), ("Sent", "evaluate"), evaluate, evaluate, ("RoundEnded", None), ("Ended", None),
    ]  # fmt: skip
    reply = fair.told(Replied)[0]
    assert (reply.name, reply.round, reply.samples, reply.metrics) == (NAMES[0], 1, 60, {"loss": 0.5})
    assert reply.bytes == sum(len(array.data) for array in ArrayRecord([np.zeros(4), np.zeros(1)]).values())


def test_the_servers_own_rows_are_evaluated_before_the_first_round_and_after_each(tmp_path: Path) -> None:
    x = np.random.default_rng(1).normal(size=(200, len(TRUTH)))
    y = (x @ TRUTH > 0).astype(float)

    def central(number: int, arrays: ArrayRecord) -> MetricRecord:
        return MetricRecord({"accuracy": accuracy(arrays, x, y)})

    fair = Fair(tmp_path)
    fair.run(2, evaluate=central)
    found = {ended.round: ended.central["accuracy"] for ended in fair.told(RoundEnded)}
    assert list(found) == [0, 1, 2]
    assert found[2] > 0.9 > found[0]


def test_a_number_that_is_none_stays_out_of_the_means_and_is_null_in_json(tmp_path: Path) -> None:
    fair = Fair(tmp_path)
    fair.run(1)
    (ended,) = fair.told(RoundEnded)
    assert set(ended.evaluate) == {"accuracy"}
    told = [msgspec.json.decode(msgspec.json.encode(event)) for event in fair.events]
    evaluated = [each for each in told if each["event"] == "replied" and each["phase"] == "evaluate"]
    assert [each["metrics"]["auc"] for each in evaluated] == [None] * 4
    assert {each["event"] for each in told} == {"round_began", "sent", "replied", "round_ended", "ended"}
    again = [msgspec.json.decode(msgspec.json.encode(event), type=AnyEvent) for event in fair.told(Sent)]
    assert again == fair.told(Sent)
