"""An application in this process answers as over a socket."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from feria.cli.in_process import InProcess, opened
from feria.errors import Unavailable


def client(app: Any, state: dict[str, Any] | None = None) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url="http://node", transport=InProcess(app, state or {}))


async def start(send: Any, status: int = 200) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"x-seen", b"yes")]})


async def test_an_answer_comes_piece_by_piece_as_it_is_sent() -> None:
    first_was_read = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await start(send)
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await first_was_read.wait()  # would never come, were the answer handed over whole
        await send({"type": "http.response.body", "body": b"two"})

    async with client(app) as http, http.stream("GET", "/") as answer:
        assert answer.headers["x-seen"] == "yes"
        pieces = []
        async for piece in answer.aiter_raw():
            pieces.append(piece)
            first_was_read.set()
    assert pieces == [b"one", b"two"]


async def test_an_answer_nobody_reads_any_longer_is_cancelled() -> None:
    cancelled = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await start(send)
        try:
            while True:  # more than anyone holds in between
                await send({"type": "http.response.body", "body": b"x" * 1000, "more_body": True})
        finally:
            cancelled.set()

    async with client(app) as http, http.stream("GET", "/") as answer:
        async for _ in answer.aiter_raw():
            break
    assert cancelled.is_set()


async def test_a_cancelled_caller_cancels_the_work() -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with client(app) as http:
        asking = asyncio.create_task(http.get("/"))
        await begun.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    assert cancelled.is_set()


async def test_what_is_done_after_the_answer_is_waited_for() -> None:
    done = False

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal done
        await start(send)
        await send({"type": "http.response.body", "body": b"all"})
        await asyncio.wait_for(receive(), 5)  # the caller has gone
        done = True

    async with client(app) as http:
        assert (await http.get("/")).content == b"all"
    assert done


async def test_a_request_arrives_with_all_that_it_says() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"

    seen: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.update(scope)
        pieces = []
        while (message := await receive())["type"] == "http.request":
            pieces.append(message["body"])
            if not message["more_body"]:
                break
        await start(send, 201)
        await send({"type": "http.response.body", "body": b"".join(pieces)})

    async with client(app, {"parts": "all"}) as http:
        answer = await http.post("/a%20b?q=%C3%B1", content=body(), headers={"X-Odd": "Yes"})
    assert (answer.status_code, answer.content) == (201, b"ab")
    assert (seen["path"], seen["raw_path"], seen["query_string"]) == ("/a b", b"/a%20b", b"q=%C3%B1")
    assert (b"x-odd", b"Yes") in seen["headers"]
    assert seen["state"] == {"parts": "all"}


async def test_an_application_that_fails_before_it_answers_fails_the_caller() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise KeyError("a bug")

    async with client(app) as http:
        with pytest.raises(KeyError, match="a bug"):
            await http.get("/")


async def test_an_application_that_says_nothing_is_a_broken_connection() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        return

    async with client(app) as http:
        with pytest.raises(httpx.RemoteProtocolError):
            await http.get("/")


async def test_a_lifespan_opens_hands_over_its_state_and_closes() -> None:
    told = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        told.append((await receive())["type"])
        scope["state"]["parts"] = {"a": 1}
        await send({"type": "lifespan.startup.complete"})
        told.append((await receive())["type"])
        await send({"type": "lifespan.shutdown.complete"})

    with pytest.raises(ZeroDivisionError):
        async with opened(app) as state:
            assert state == {"parts": {"a": 1}}
            1 / 0  # noqa: B018 - closes in good order all the same
    assert told == ["lifespan.startup", "lifespan.shutdown"]


async def test_what_fails_at_the_start_is_raised_as_it_is() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "long trace"})
        raise Unavailable("The database is away.")

    with pytest.raises(Unavailable, match="database is away"):
        async with opened(app):
            pass
