"""Many at once, on each database: more than it has connections."""

import asyncio
from pathlib import Path

import httpx

import nets
from feria.app import open_app
from feria.settings import Settings, StorageSettings

CROWD = 50


async def test_a_crowd_that_orders_reads_and_administers_at_once_is_served(
    storage_settings: StorageSettings, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path / "home", storage=storage_settings, _env_file=None)
    async with (
        open_app(settings) as (app, _),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http,
    ):
        published = await http.post("/v1/models/sum", files={"file": nets.linear([2.0])})
        assert published.status_code == 201, published.text

        async def one(number: int) -> list[httpx.Response]:
            later = {"Prefer": "respond-async", "Idempotency-Key": f"order-{number}"}
            rows = {"rows": [[number]]}
            return [
                await http.post("/v1/models/sum/predict", json=rows, headers=later),
                await http.post("/v1/tokens", json={"name": f"n{number}", "role": "client"}),
                await http.get("/v1/models/sum"),
                await http.get("/v1/tasks"),
                await http.post("/v1/models/sum/predict", json=rows, headers=later),
                await http.get(f"/v1/privacy/n{number}"),
                await http.delete(f"/v1/privacy/n{number}"),
            ]

        answers = await asyncio.gather(*(one(number) for number in range(CROWD)))
        assert {tuple(reply.status_code for reply in replies) for replies in answers} == {
            (202, 201, 200, 200, 202, 200, 200)
        }
        assert all(replies[0].json()["id"] == replies[4].json()["id"] for replies in answers)
        assert len({replies[0].json()["id"] for replies in answers}) == CROWD
