"""Keys through both clients."""

import asyncio
import contextlib
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest

from cluster.kv_app import Served, open_kv
from cluster.test_chunks import value_of
from feria import AsyncClient, Client
from feria.client.kv import AsyncKv, Kv
from feria.cluster.kv.wire import Change
from feria.errors import Busy, Conflict, Expired, Invalid, NotFound, TooLarge, Unavailable
from feria.settings import WebSettings
from listening import listening

MIB = 2**20
Ask = Callable[..., Awaitable[Any]]


@pytest.fixture
async def served(tmp_path: Path) -> AsyncGenerator[Served]:
    async with (
        open_kv(tmp_path, max_value_mib=8) as kv,
        listening(kv.app, tmp_path / "socket", WebSettings()),
    ):
        yield kv


@pytest.fixture
async def awaited(served: Served, tmp_path: Path) -> AsyncGenerator[AsyncClient]:
    transport = httpx.AsyncHTTPTransport(uds=str(tmp_path / "socket"))
    async with AsyncClient("http://127.0.0.1", transport=transport, patience=1.0) as client:
        yield client


@pytest.fixture(params=[Client, AsyncClient])
async def ask(
    request: pytest.FixtureRequest, served: Served, awaited: AsyncClient, tmp_path: Path
) -> AsyncGenerator[Ask]:
    if request.param is AsyncClient:

        async def ask(method: str, *args: Any, **kwargs: Any) -> Any:
            return await getattr(awaited.kv, method)(*args, **kwargs)

        yield ask
        return
    transport = httpx.HTTPTransport(uds=str(tmp_path / "socket"))
    with Client("http://127.0.0.1", transport=transport, patience=1.0) as plain:

        async def ask_in_thread(method: str, *args: Any, **kwargs: Any) -> Any:
            return await anyio.to_thread.run_sync(lambda: getattr(plain.kv, method)(*args, **kwargs))

        yield ask_in_thread


async def test_what_is_put_is_got_with_its_version_until_it_is_deleted(ask: Ask) -> None:
    for key in ("prices/mug", "..", ".", "a?b#c%", "日本語 🥭", "/"):
        assert (await ask("put", key, b"\x00\xff")).version == 1
        assert (await ask("put", key, "sí")).version == 2
        found = await ask("get", key)
        assert (found.key, found.version, found.value.decode()) == (key, 2, "sí")
        assert (await ask("delete", key)).version == 3
        with pytest.raises(NotFound) as caught:
            await ask("get", key)
        assert caught.value.details["version"] == 3


async def test_conditions_are_held_or_refused(ask: Ask) -> None:
    await ask("put", "mug", "1", if_version=0)
    with pytest.raises(Conflict) as caught:
        await ask("put", "mug", "x", if_version=0)
    assert caught.value.details["version"] == 1
    assert (await ask("put", "mug", "2", if_version=1)).version == 2
    with pytest.raises(Conflict):
        await ask("delete", "mug", if_version=1)
    await ask("delete", "mug", if_version=2)
    with pytest.raises(Invalid):
        await ask("put", "\x00members/a", "1")


async def test_a_file_goes_there_and_back_whole_and_says_how_far_it_is(ask: Ask, tmp_path: Path) -> None:
    value, told = value_of(3 * MIB + 1), list[tuple[str, float]]()
    (tmp_path / "model.onnx").write_bytes(value)
    await ask("put", "model", tmp_path / "model.onnx", on_progress=lambda *said: told.append(said))
    assert [doing for doing, _ in told] == ["sending"] * len(told)
    assert (sorted(told), told[-1][1]) == (told, 1.0)
    assert (await ask("get", "model")).value == value
    told.clear()
    saved = await ask("save", "model", tmp_path / "back.onnx", on_progress=lambda *said: told.append(said))
    assert (saved.version, (tmp_path / "back.onnx").read_bytes()) == (1, value)
    assert (told[-1], sorted(told)) == (("receiving", 1.0), told)
    with pytest.raises(TooLarge):
        await ask("put", "model", bytes(9 * MIB))
    with pytest.raises(Invalid, match="no file nowhere"):
        await ask("put", "model", Path("nowhere"))


async def test_a_value_that_cannot_be_had_whole_leaves_no_file(
    ask: Ask, served: Served, tmp_path: Path
) -> None:
    await ask("put", "model", value_of(6 * MIB))
    list((tmp_path / "chunks").glob("??/*"))[-1].unlink()
    (tmp_path / "back").mkdir()
    for target in ("value", "again"):
        with pytest.raises(Unavailable):
            await ask("save", "model", tmp_path / "back" / target)
    with pytest.raises(NotFound):
        await ask("save", "nothing", tmp_path / "back" / "value")
    assert list((tmp_path / "back").iterdir()) == []


async def test_keys_are_listed_page_by_page(ask: Ask) -> None:
    for letter in "abcde":
        await ask("put", f"letters/{letter}", letter)
    await ask("put", "mug", "1")
    page = await ask("list", "letters/", limit=3)
    assert [(one.key, one.version, one.size) for one in page.keys][2] == ("letters/c", 1, 1)
    rest = await ask("list", "letters/", after=page.next)
    assert ([one.key for one in rest.keys], rest.next) == (["letters/d", "letters/e"], None)
    assert len((await ask("list")).keys) == 6


async def test_the_next_version_is_waited_for(ask: Ask, served: Served) -> None:
    assert await ask("wait", "mug", seconds=0.01) is None
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(ask("wait", "mug", seconds=60))
        await served.store.put("mug", b"1")
    assert (waiting.result().version, waiting.result().value) == (1, b"1")
    with pytest.raises(Busy):
        await ask("get", "mug", min_version=2, seconds=0)
    assert (await ask("get", "mug", min_version=1)).value == b"1"
    assert (await ask("conflicts", "mug")).conflicts == ()


async def test_a_watch_goes_on_over_connections_that_break(served: Served, awaited: AsyncClient) -> None:
    for letter in "abc":
        await served.store.put(letter, letter.encode())
    heard: list[Change] = []
    async with asyncio.timeout(60), contextlib.aclosing(awaited.kv.watch(since=0)) as changes:
        async for change in changes:
            heard.append(change)
            if change.key == "b":
                served.bus.close()  # each stream ends as soon as it has told what there was
            if change.key == "c":
                await served.store.delete("a")
            if change.deleted:
                break
    assert [(one.key, one.version, one.deleted, one.value) for one in heard] == [
        ("a", 1, False, b"a"), ("b", 1, False, b"b"), ("c", 1, False, b"c"), ("a", 2, True, None),
    ]  # fmt: skip


async def test_a_watch_by_the_client_that_waits(served: Served, tmp_path: Path) -> None:
    await served.store.put("a", b"1")
    transport = httpx.HTTPTransport(uds=str(tmp_path / "socket"))

    def first_two() -> list[str]:
        client = Client("http://127.0.0.1", transport=transport)
        with client, contextlib.closing(client.kv.watch(since=0)) as changes:
            return [next(changes).key, next(changes).key]

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        watching = group.create_task(anyio.to_thread.run_sync(first_two))
        await served.store.put("b", b"2")
    assert watching.result() == ["a", "b"]


async def test_a_watch_says_when_deletions_were_missed(served: Served, awaited: AsyncClient) -> None:
    await served.store.put("a", b"1")
    since = served.store.place
    await served.store.delete("a")
    await served.store.put("b", b"2")
    await served.store.writer.run(lambda replica: replica.collect(dict(replica.vector.entries), 10))
    with pytest.raises(Expired) as caught:
        async for _ in awaited.kv.watch(since=since):
            pass
    assert caught.value.details["since"] == served.store.place
    async with asyncio.timeout(60), contextlib.aclosing(awaited.kv.watch(since=0)) as changes:
        assert (await anext(changes)).key == "b"


async def test_a_watch_of_a_node_that_stays_away_gives_up(awaited: AsyncClient, tmp_path: Path) -> None:
    (tmp_path / "socket").unlink()
    with pytest.raises(Unavailable):
        await anext(aiter_of(awaited.kv.watch()))
    with pytest.raises(Invalid):
        async with AsyncClient("http://127.0.0.1", transport=httpx.ASGITransport(refusing)) as client:
            await anext(aiter_of(client.kv.watch()))


def aiter_of(changes: AsyncIterator[Change]) -> AsyncIterator[Change]:
    return changes


async def refusing(scope: Any, receive: Any, send: Any) -> None:
    body = b'{"error": "invalid", "detail": "No."}'
    await send({"type": "http.response.start", "status": 422, "headers": []})
    await send({"type": "http.response.body", "body": body})


def test_both_say_and_take_the_same() -> None:
    for method in ("get", "save", "put", "delete", "list", "wait", "conflicts", "watch"):
        ours, theirs = (inspect.signature(getattr(kind, method)) for kind in (Kv, AsyncKv))
        assert list(ours.parameters.values()) == list(theirs.parameters.values())
        assert getattr(Kv, method).__doc__
