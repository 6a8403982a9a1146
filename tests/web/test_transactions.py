"""One request, one transaction: committed before the answer leaves, or not at all."""

import httpx
import pytest
from fastapi import FastAPI

from feria.clock import SystemClock
from feria.cluster.maps import LocalMap, ReplicatedMap
from feria.errors import Conflict
from feria.storage.database import Database
from feria.web.parts import Part, one_transaction
from feria.web.replies import add_error_replies


@pytest.fixture
def rows(database: Database) -> LocalMap:
    return LocalMap(database, SystemClock())


@pytest.fixture
def api(database: Database, rows: LocalMap) -> FastAPI:
    api = FastAPI()
    add_error_replies(api)

    @api.post("/two", dependencies=[one_transaction])
    async def two(rows: Part[ReplicatedMap], fail: bool = False) -> str:
        await rows.put("a", b"1")
        if fail:
            raise Conflict("Someone was first.")
        await rows.put("b", b"2")
        return "done"

    return api


async def post(api: FastAPI, database: Database, rows: LocalMap, path: str) -> httpx.Response:
    parts = {Database: database, ReplicatedMap: rows}

    async def app(scope, receive, send):  # type: ignore[no-untyped-def]
        await api({**scope, "state": {"parts": parts}}, receive, send)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://node") as http:
        return await http.post(path)


async def test_a_request_that_succeeds_keeps_all_it_wrote(
    api: FastAPI, database: Database, rows: LocalMap
) -> None:
    assert (await post(api, database, rows, "/two")).status_code == 200
    assert [entry.key for entry in await rows.scan("")] == ["a", "b"]


async def test_a_request_that_fails_keeps_nothing(api: FastAPI, database: Database, rows: LocalMap) -> None:
    reply = await post(api, database, rows, "/two?fail=true")
    assert (reply.status_code, reply.json()) == (409, {"error": "conflict", "detail": "Someone was first."})
    assert await rows.scan("") == []


async def test_listeners_hear_before_the_answer_leaves(
    api: FastAPI, database: Database, rows: LocalMap
) -> None:
    heard: list[str] = []

    async def listen(key: str) -> None:
        heard.append(key)

    rows.subscribe("", listen)
    await post(api, database, rows, "/two")
    assert heard == ["a", "b"]
