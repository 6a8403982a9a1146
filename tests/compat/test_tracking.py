"""Contract 4, replayed: who takes part in a federated job, and how each of them is doing."""

import re
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import text

from access.routes import routes
from federation.test_routes import ORDER, Door, door, register
from feria.federation.jobs import Jobs
from feria.storage.database import Database
from loops import NAMES

assert door  # a fixture

CLIENT = [
    "id", "name", "ip", "port", "dataset_name", "status", "current_round", "accuracy", "loss",
    "train_samples", "test_samples", "response_time", "last_seen",
]  # fmt: skip
STATUS = [
    "client_id", "connection_name", "connection_ip", "connection_port", "dataset_name", "status",
    "current_round", "accuracy", "loss", "train_samples", "test_samples", "response_time", "last_seen",
    "created_at",
]  # fmt: skip


async def trained(door: Door, http: Any) -> int:
    await register(http, *NAMES)
    number: int = (await http.post("/v1/jobs", json=ORDER)).json()["number"]
    await http.get(f"/v1/jobs/{number}/events")
    return number


async def test_the_clients_of_a_job_and_how_many_are_well(door: Door) -> None:
    async with door.caller("ana") as http:
        number = await trained(door, http)
        reply = await http.get(f"/api/jobs/{number}/clients/")
        assert reply.status_code == 200
        said = reply.json()
        assert list(said) == ["success", "clients", "overview_stats"]
        assert said["success"] is True
        for client, name in zip(said["clients"], NAMES, strict=True):
            assert list(client) == CLIENT
            assert re.fullmatch("client_[0-9a-f]{8}", client["id"])
            assert (client["name"], client["ip"], client["port"]) == (name, "127.0.0.1", 8000)
            assert (client["dataset_name"], client["status"], client["current_round"]) == (
                "ventas",
                "completed",
                2,
            )
            assert (client["train_samples"], client["test_samples"], client["response_time"]) == (60, 60, 0.5)
            assert 0.5 < client["accuracy"] <= 1
            assert client["loss"] > 0
            assert datetime.fromisoformat(client["last_seen"]).tzinfo == UTC
        accuracies = [client["accuracy"] for client in said["clients"]]
        assert said["overview_stats"] == {
            "total_clients": 3,
            "active_clients": 0,
            "warning_clients": 0,
            "avg_accuracy": sum(accuracies) / 3,
        }


async def test_while_it_trains_the_active_and_those_in_need_are_counted(door: Door) -> None:
    door.engine.hold = 1
    door.engine.away["Tienda Berta"] = 1
    async with door.caller("ana") as http:
        await register(http, *NAMES)
        number = (await http.post("/v1/jobs", json=ORDER)).json()["number"]
        await door.engine.began.wait()
        during = (await http.get(f"/api/jobs/{number}/clients/")).json()
        assert [one["status"] for one in during["clients"]] == ["connected", "training", "pending"]
        stats = during["overview_stats"]
        assert (stats["active_clients"], stats["warning_clients"]) == (2, 0)
        assert stats["avg_accuracy"] == during["clients"][0]["accuracy"]  # of those that have one
        assert [one["accuracy"] for one in during["clients"][1:]] == [None, None]
        door.engine.go_on.set()
        await http.get(f"/v1/jobs/{number}/events")
        after = (await http.get(f"/api/jobs/{number}/clients/")).json()["overview_stats"]
        assert (after["active_clients"], after["warning_clients"]) == (1, 1)


async def test_the_history_of_a_client_is_the_stored_one(door: Door) -> None:
    async with door.caller("ana") as http:
        number = await trained(door, http)
        for client in (await http.get(f"/api/jobs/{number}/clients/")).json()["clients"]:
            reply = await http.get(f"/api/jobs/{number}/clients/{client['id']}/performance/")
            assert reply.status_code == 200
            said = reply.json()
            assert list(said) == ["success", "performance_data", "client_info"]
            assert (said["success"], said["client_info"]) == (True, client)
            data = said["performance_data"]
            assert list(data) == ["labels", "accuracy", "loss"]
            assert data["labels"] == ["Round 1", "Round 2"]
            kept = await door.parts[Jobs].client_rounds(number, client["id"])
            assert data["accuracy"] == [one.accuracy for one in kept]
            assert data["loss"] == [one.loss for one in kept]
            assert data["loss"][1] == client["loss"] < data["loss"][0]


async def test_what_is_not_there_is_told_in_the_contracts_words(door: Door) -> None:
    async with door.caller("ana") as ana, door.caller("berta") as berta:
        number = await trained(door, ana)
        no_job = {"success": False, "error": "Job not found"}
        for http, job in ((ana, 999), (ana, 0), (ana, -1), (berta, number)):
            for path in (
                f"/api/jobs/{job}/clients/",
                f"/api/jobs/{job}/clients/client_00000000/performance/",
            ):
                reply = await http.get(path)
                assert (reply.status_code, reply.json()) == (404, no_job)
        reply = await ana.get(f"/api/jobs/{number}/clients/client_zzzzzzzz/performance/")
        assert (reply.status_code, reply.json()) == (404, {"success": False, "error": "Client not found"})


async def test_one_has_to_be_signed_in(door: Door) -> None:
    async with door.caller("ana") as http:
        number = await trained(door, http)
        del http.headers["Authorization"]
        for path in (f"/api/jobs/{number}/clients/", f"/api/jobs/{number}/clients/client_1/performance/"):
            assert (await http.get(path)).status_code == 401


async def test_a_path_without_its_slash_leads_to_the_one_with_it(door: Door) -> None:
    async with door.caller("ana") as http:
        number = await trained(door, http)
        reply = await http.get(f"/api/jobs/{number}/clients", follow_redirects=True)
        assert (reply.status_code, len(reply.json()["clients"])) == (200, 3)


async def test_config_and_status_are_kept_in_the_contracts_shape(door: Door) -> None:
    async with door.caller("ana") as http:
        number = await trained(door, http)
        clients = (await http.get(f"/api/jobs/{number}/clients/")).json()["clients"]
    query = text("SELECT clients_config, clients_status FROM federation_jobs WHERE number = :number")
    async with door.parts[Database].transaction(read_only=True) as session:
        config, status = map(msgspec.json.decode, (await session.execute(query, {"number": number})).one())
    assert list(config) == list(status) == [client["id"] for client in clients]
    for client in clients:
        assert config[client["id"]] == {
            "connection_name": client["name"],
            "connection_ip": client["ip"],
            "connection_port": client["port"],
            "dataset_name": client["dataset_name"],
        }
        assert list(status[client["id"]]) == STATUS
        assert status[client["id"]]["client_id"] == client["id"]
        assert status[client["id"]]["last_seen"] == client["last_seen"]
        datetime.fromisoformat(status[client["id"]]["created_at"])


def test_both_paths_end_in_a_slash_and_need_a_login() -> None:
    stated = [route for route in routes() if route.path.startswith("/api/jobs/")]
    assert [route.path for route in stated] == [
        "/api/jobs/{job_id}/clients/",
        "/api/jobs/{job_id}/clients/{client_id}/performance/",
    ]
    assert all(route.needs is not None for route in stated)
