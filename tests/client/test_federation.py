"""Clients that train together, through the SDK: real rounds on the node's own engine."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from client.small_models import Ask
from feria.errors import Conflict, Invalid, NotFound
from feria.federation.jobs_wire import JobState
from loops import NAMES, table


async def test_three_shops_train_a_model_and_are_followed(ask: Ask, name: str, tmp_path: Path) -> None:
    shops = [f"{shop} {name}" for shop in NAMES]
    for shop in shops:
        (tmp_path / "ventas.csv").write_text(table(shop))
        client = await ask("register_client", shop, tmp_path / "ventas.csv")
        assert (client.name, client.dataset, client.rows) == (shop, "ventas.csv", 60)
    with pytest.raises(Conflict, match="remove it first"):
        await ask("register_client", shops[0], table(shops[0]).encode(), dataset="again")
    assert set(shops) <= {client.name for client in await ask("clients")}
    job = await ask("start_job", name, "logistic_regression", "bought", clients=shops, rounds=2)
    heard: list[tuple[int, Mapping[str, Any]]] = []
    state = await ask("follow_job", job, lambda number, said: heard.append((number, said)))
    ended = await ask("job", job.number)
    assert state is ended.state is JobState.completed, ended.error
    assert [number for number, _ in heard] == list(range(1, ended.last_event + 1))
    assert {said["name"] for _, said in heard if said["event"] == "replied"} == set(shops)
    assert [one.status for one in await ask("job_clients", job)] == ["completed"] * 3
    assert [one.round for one in await ask("job_rounds", job)] == [1, 2]
    assert job.number in [one.number for one in await ask("jobs", state=JobState.completed)]
    assert (await ask("predict", name, [{"price": 5, "visits": 15}])).predictions == ("yes",)
    for deed in ("stop_job", "resume_job"):
        with pytest.raises(Conflict):
            await ask(deed, job)
    for shop in shops:
        await ask("remove_client", shop)
    with pytest.raises(NotFound, match="You have no client"):
        await ask("remove_client", shops[0])


async def test_what_cannot_be_meant_is_refused_before_there_is_a_job(ask: Ask, name: str) -> None:
    with pytest.raises(NotFound, match="You have no client 'Nobody'"):
        await ask("start_job", name, "logistic_regression", "bought", clients=["Nobody"])
    with pytest.raises(Invalid, match="rounds"):
        await ask("start_job", name, "logistic_regression", "bought", rounds=0)
    with pytest.raises(NotFound, match="No job 4711"):
        await ask("job", 4711)
