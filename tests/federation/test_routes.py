"""`/v1/clients` and `/v1/jobs`."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest

from feria.access.tokens import Tokens
from feria.access.wire import Role, TokenOrder
from feria.app import open_app
from feria.clock import Clock
from feria.events.bus import EventBus
from feria.federation.apps import Apps
from feria.federation.clients import Clients
from feria.federation.jobs import Jobs, open_jobs
from feria.federation.orders import StrategyName
from feria.federation.strategies import STRATEGIES
from feria.registry.shelf import Registry
from feria.settings import AccessSettings, FederationSettings, Settings
from feria.storage.database import Database
from loops import NAMES, LoopEngine, table

ORDER = {"model": "ranker", "kind": "logistic_regression", "target": "bought", "rounds": 2}


class Door:
    """A node whose jobs run in a plain loop, and who knocks at it."""

    def __init__(self, app: Any, parts: dict[type, Any], engine: LoopEngine) -> None:
        self.transport = httpx.ASGITransport(app)
        self.parts = parts
        self.engine = engine

    @contextlib.asynccontextmanager
    async def caller(self, name: str, role: Role = Role.operator) -> AsyncGenerator[httpx.AsyncClient]:
        token = (await self.parts[Tokens].create(TokenOrder(name=name, role=role))).token
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(
            transport=self.transport, base_url="http://node", headers=headers, timeout=300
        ) as http:
            yield http


@pytest.fixture
async def door(tmp_path: Path) -> AsyncGenerator[Door]:
    settings = Settings(home=tmp_path, access=AccessSettings(locked=True), _env_file=None)
    engine = LoopEngine()
    async with open_app(settings) as (app, node):
        of = node.parts
        async with open_jobs(
            of[Database],
            of[Clients],
            of[Apps],
            of[Registry],
            engine,
            of[EventBus],
            of[Clock],
            FederationSettings(),
            tmp_path / "jobs",
        ) as jobs:
            of[Jobs] = jobs
            yield Door(app, of, engine)


async def register(http: httpx.AsyncClient, *names: str) -> None:
    for name in names:
        form = {"name": name, "dataset": "ventas"}
        reply = await http.post("/v1/clients", data=form, files={"file": ("v.csv", table(name))})
        assert reply.status_code == 201, reply.text


def events(text: str) -> list[tuple[int, str, dict[str, Any]]]:
    """Id, name and data of each."""
    found = []
    for said in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in said.splitlines() if not line.startswith(":"))
        if fields:
            found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return found


async def test_from_three_tables_to_a_model_that_is_served(door: Door) -> None:
    async with door.caller("ana") as http:
        await register(http, *NAMES)
        listed = (await http.get("/v1/clients")).json()["clients"]
        assert [(one["name"], one["dataset"], one["rows"]) for one in listed] == [
            (name, "ventas", 60) for name in NAMES
        ]
        assert (listed[0]["host"], listed[0]["port"]) == ("127.0.0.1", 8000)
        accepted = await http.post("/v1/jobs", json=ORDER)
        assert accepted.status_code == 202, accepted.text
        url = accepted.headers["Location"]
        assert url == f"/v1/jobs/{accepted.json()['number']}"
        told = events((await http.get(f"{url}/events")).text)
        assert [at for at, _, _ in told] == list(range(1, len(told) + 1))
        assert [data["event"] for _, _, data in told] == [name for _, name, _ in told]
        assert told[-1][1:] == ("changed", {**told[-1][2], "state": "completed"})
        job = (await http.get(url)).json()
        assert (job["state"], job["round"], job["rounds"], job["owner"]) == ("completed", 2, 2, "ana")
        assert job["result"] == told[-1][2]["result"]
        assert job["health"]["average_samples"] == 60
        rounds = (await http.get(f"{url}/rounds")).json()["rounds"]
        assert [(one["round"], one["replies"], one["seconds"]) for one in rounds] == [
            (1, 3, 0.25),
            (2, 3, 0.25),
        ]
        assert rounds[1]["loss"] < rounds[0]["loss"]
        assert rounds[1]["accuracy"] == rounds[1]["evaluate"]["accuracy"]
        clients = (await http.get(f"{url}/clients")).json()["clients"]
        assert [(one["name"], one["status"], one["round"]) for one in clients] == [
            (name, "completed", 2) for name in NAMES
        ]
        answer = await http.post("/v1/models/ranker/predict", json={"rows": [{"price": 5, "visits": 15}]})
        assert answer.json()["predictions"] == ["yes"]


async def test_events_are_told_again_from_the_last_id_and_never_after_the_end(door: Door) -> None:
    async with door.caller("ana") as http:
        await register(http, *NAMES)
        url = (await http.post("/v1/jobs", json=ORDER)).headers["Location"]
        whole = events((await http.get(f"{url}/events")).text)
        rest = await http.get(f"{url}/events", headers={"Last-Event-ID": "7"})
        assert events(rest.text) == whole[7:]
        assert events((await http.get(f"{url}/events?after=7")).text) == whole[7:]
        after = await http.get(f"{url}/events", headers={"Last-Event-ID": str(len(whole))})
        assert (after.status_code, after.content) == (204, b"")
        wrong = await http.get(f"{url}/events", headers={"Last-Event-ID": "x"})
        assert wrong.status_code == 422


async def test_a_job_is_stopped_and_resumed(door: Door) -> None:
    door.engine.hold = 2
    async with door.caller("ana") as http:
        await register(http, *NAMES)
        url = (await http.post("/v1/jobs", json=ORDER)).headers["Location"]
        await door.engine.began.wait()
        async with asyncio.timeout(300):
            running = (await http.get("/v1/jobs", params={"state": "running"})).json()
        assert (await http.post(f"{url}/resume")).status_code == 409
        stopped = await http.post(f"{url}/stop")
        assert (stopped.status_code, stopped.json()["state"]) == (200, "stopped")
        assert (await http.post(f"{url}/stop")).status_code == 409
        resumed = await http.post(f"{url}/resume")
        assert (resumed.status_code, resumed.json()["finished_at"]) == (202, None)
        told = events((await http.get(f"{url}/events")).text)
        states = [data["state"] for _, name, data in told if name == "changed"]
        assert states == ["pending", "running", "stopped", "pending", "running", "completed"]
        assert [job["number"] for job in running["jobs"]] == [stopped.json()["number"]]


async def test_owners_see_their_own_jobs_and_administrators_all(door: Door) -> None:
    async with (
        door.caller("ana") as ana,
        door.caller("berta") as berta,
        door.caller("root", Role.admin) as root,
    ):
        await register(ana, *NAMES)
        url = (await ana.post("/v1/jobs", json=ORDER)).headers["Location"]
        await ana.get(f"{url}/events")
        for path in ("", "/clients", "/rounds", "/events"):
            assert (await berta.get(url + path)).status_code == 404
            assert (await root.get(url + path)).status_code == 200
        for deed in ("stop", "resume"):
            assert (await berta.post(f"{url}/{deed}")).status_code == 404
        assert (await berta.get("/v1/jobs")).json() == {"jobs": [], "more": False}
        assert len((await root.get("/v1/jobs")).json()["jobs"]) == 1
        assert (await berta.get("/v1/clients")).json() == {"clients": []}
        assert len((await root.get("/v1/clients")).json()["clients"]) == 3
        taken = await berta.post("/v1/jobs", json=ORDER)
        assert (taken.status_code, "another's" in taken.json()["detail"]) == (404, True)
        path = "/v1/clients/Tienda%20Ana"
        assert (await berta.delete(path)).status_code == 404
        assert (await berta.delete(path, params={"owner": "ana"})).status_code == 404
        assert (await root.delete(path, params={"owner": "ana"})).status_code == 204
        assert (await ana.delete(path)).status_code == 404


async def test_jobs_come_in_pages(door: Door) -> None:
    async with door.caller("ana") as http:
        await register(http, *NAMES)
        numbers = [(await http.post("/v1/jobs", json=ORDER)).json()["number"] for _ in range(3)]
        page = (await http.get("/v1/jobs", params={"limit": 2})).json()
        assert ([job["number"] for job in page["jobs"]], page["more"]) == (numbers[:0:-1], True)
        rest = (await http.get("/v1/jobs", params={"limit": 2, "before": numbers[1]})).json()
        assert ([job["number"] for job in rest["jobs"]], rest["more"]) == ([numbers[0]], False)


@pytest.mark.parametrize(
    ("slip", "said"),
    [
        ({"strategy": "fedavgg"}, "'fedavg', 'fedprox'"),
        ({"kind": "logistic"}, "'logistic_regression'"),
        ({"rounds": 1001}, "rounds"),
        ({"participation": {"clients": ["Tienda Anna"]}}, "perhaps you mean 'Tienda Ana'"),
        ({"participation": {"clienst": []}}, "clienst"),
        ({"model": "no name"}, "model name"),
        ({"rouns": 3}, "rouns"),
    ],
)
async def test_a_slip_in_an_order_is_told_in_a_sentence(door: Door, slip: dict[str, Any], said: str) -> None:
    async with door.caller("ana") as http:
        await register(http, "Tienda Ana")
        reply = await http.post("/v1/jobs", json=ORDER | slip)
        assert reply.status_code in {404, 422}
        assert said in reply.json()["detail"]
        assert (await http.get("/v1/jobs")).json()["jobs"] == []


@pytest.mark.parametrize(
    "half", [{"settings": {"a": "?"}}, {"participation": {"clients": ["?"]}}, {"target": "?"}]
)
async def test_half_a_character_is_refused(door: Door, half: dict[str, Any]) -> None:
    body = json.dumps(ORDER | half).replace("?", "\\ud800")
    async with door.caller("ana") as http:
        reply = await http.post("/v1/jobs", content=body, headers={"content-type": "application/json"})
        assert (reply.status_code, reply.json()["error"]) == (422, "invalid")


@pytest.mark.parametrize("name", ["", "   ", "a/b", "..", "x" * 101, "a\nb"])
async def test_a_name_that_cannot_be_shown_or_asked_for_is_refused(door: Door, name: str) -> None:
    async with door.caller("ana") as http:
        reply = await http.post("/v1/clients", data={"name": name}, files={"file": ("v.csv", table("x"))})
        assert reply.status_code == 422, reply.text
        assert (await http.get("/v1/clients")).json()["clients"] == []


async def test_no_route_gives_rows_back(door: Door) -> None:
    async with door.caller("root", Role.admin) as http:
        await register(http, *NAMES)
        url = (await http.post("/v1/jobs", json=ORDER)).headers["Location"]
        row = table(NAMES[0]).splitlines()[1]
        paths = [
            url,
            f"{url}/clients",
            f"{url}/rounds",
            f"{url}/events",
            "/v1/clients",
            "/v1/jobs",
            "/v1/privacy/root",
        ]
        for path in paths:
            reply = await http.get(path)
            assert reply.status_code == 200
            assert row not in reply.text


async def test_a_number_beyond_all_is_refused_and_no_fault_of_ours(door: Door) -> None:
    async with door.caller("ana") as http:
        assert (await http.get(f"/v1/jobs/{2**63 - 1}")).status_code == 404
        assert (await http.get(f"/v1/jobs/{2**63}")).status_code == 422


def test_the_strategies_that_can_be_ordered_are_those_there_are() -> None:
    assert set(get_args(StrategyName)) == set(STRATEGIES)
