"""A node that is killed while clients train together: the job goes on, to the model it would have come to."""

import signal
from typing import Any

import pytest

from cli.running import Feria, RunningNode
from feria.client import Client
from feria.federation.jobs_wire import JobState
from loops import NAMES, table

ROUNDS = 60


def register(feria: Feria) -> None:
    for name in NAMES:
        (feria.folder / "rows.csv").write_text(table(name, 200))
        feria("clients", "add", name, "--data", "rows.csv")


def start(client: Client) -> int:
    job = client.start_job("ranker", "mlp", "bought", rounds=ROUNDS, settings={"hidden_layer_sizes": [16]})
    return job.number


def heard_until(node: RunningNode, number: int, event: str, round: int) -> None:
    """Follow a job until that was told, and kill the node at once."""

    class Reached(Exception):
        pass

    def listen(_: int, told: Any) -> None:
        if told["event"] == event and told["round"] >= round:
            raise Reached

    with Client(node.url) as client, pytest.raises(Reached):
        client.follow_job(number, listen)
    node.process.send_signal(signal.SIGKILL)
    node.process.wait()


def test_a_job_whose_node_was_killed_comes_to_the_same_model(feria: Feria) -> None:
    register(feria)
    with feria.node() as node, Client(node.url) as client:
        number = start(client)
        assert client.follow_job(number) == JobState.completed
        undisturbed = [one.evaluate for one in client.job_rounds(number)]
    with feria.node() as node, Client(node.url) as client:
        number = start(client)
        heard_until(node, number, "sent", 5)
    with feria.node() as node:  # it goes on by itself
        heard_until(node, number, "round_ended", 20)
    with feria.node() as node, Client(node.url) as client:
        assert client.follow_job(number) == JobState.completed
        job = client.job(number)
        assert job.result is not None
        assert job.result.version == 2
        rounds = client.job_rounds(number)
        for one, whole in zip(rounds, undisturbed, strict=True):
            assert one.evaluate == pytest.approx(
                whole, rel=1e-6
            )  # to the bit: tests/federation/test_rounds.py
        assert [one.round for one in rounds] == list(range(1, ROUNDS + 1))
        statuses = {one.name: (one.status, one.round) for one in client.job_clients(number)}
        assert statuses == dict.fromkeys(NAMES, ("completed", ROUNDS))
