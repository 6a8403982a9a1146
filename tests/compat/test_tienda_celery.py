"""Contract 5 over Celery and a real Redis: pictures that a worker classifies, the webhook it reports at."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from compat.test_tienda import BLUE, GREEN, RED, Shop
from compat.test_tienda import settings as shop_settings  # noqa: F401
from feria.access.signatures import signed
from feria.clock import SystemClock
from feria.settings import Settings, TaskSettings
from feria.tasks.errands import COMPLETED, ERRANDS, Ask
from feria.tasks.queue import TaskQueue
from feria.worker.running import open_worker
from goods import picture
from redises import redis_events
from serving import open_server
from workers import SECRET, TASKS, celery_worker


@pytest.fixture
async def over_celery(shop_settings: Settings, tmp_path: Path) -> AsyncGenerator[Shop]:  # noqa: F811
    """A locked node, and a worker that knows nothing of it but the broker and the secret."""
    async with contextlib.AsyncExitStack() as stack:
        events = await stack.enter_async_context(redis_events())
        tasks = TaskSettings(**(TASKS | {"broker_queue": events.channel, "parallel": 2}))
        settings = shop_settings.model_copy(update={"tasks": tasks})
        served = await stack.enter_async_context(open_server(settings))
        elsewhere = Settings(home=tmp_path / "worker", tasks=tasks, _env_file=None)
        worker = await stack.enter_async_context(open_worker(elsewhere))
        running = contextlib.ExitStack()
        await asyncio.to_thread(running.enter_context, celery_worker(tasks, worker, 2))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=served.url, timeout=300))
        try:
            yield Shop(http, served.parts)
        finally:
            await asyncio.to_thread(running.close)
            await asyncio.to_thread(worker.close)


async def test_a_worker_classifies_the_picture_and_the_shop_finds_what_is_like_it(over_celery: Shop) -> None:
    shop = over_celery
    await shop.open()
    task_ids = [await shop.ask(picture(colour)) for colour in (RED, GREEN, BLUE)]
    red, green, blue = [await shop.result(task_id) for task_id in task_ids]
    assert [one.status_code for one in (red, green, blue)] == [200, 200, 200]
    assert [one.json()["predictions"][0]["label"] for one in (red, green, blue)] == ["red", "green", "blue"]
    assert {one["sku"] for one in red.json()["products"]} == {"ZAP-1", "BOT-1"}
    assert [one["sku"] for one in green.json()["products"]] == ["PER-1"]
    task = await shop.parts[TaskQueue].find(task_ids[0])
    assert (task.attempts, task.state) == (1, "done")


async def test_what_is_no_picture_is_the_tasks_error_there_too(over_celery: Shop) -> None:
    await over_celery.open()
    refused = await over_celery.result(await over_celery.ask(b"<svg/>"))
    assert (refused.status_code, refused.json()["error"]) == (415, "not_an_image")


async def test_the_webhook_believes_who_signs_and_nobody_else(over_celery: Shop) -> None:
    shop, clock = over_celery, SystemClock()
    await shop.open()
    task_id = await shop.ask(picture(RED))
    found = (await shop.result(task_id)).json()
    body = msgspec.json.encode({"task_id": task_id, "result": {"predictions": []}})
    good = signed(SECRET.encode(), clock.now(), COMPLETED, body)
    hour = timedelta(hours=1)

    async def told(headers: dict[str, str], body: bytes = body) -> tuple[int, Any]:
        reply = await shop.http.post(COMPLETED, content=body, headers=headers)
        return reply.status_code, reply.json().get("error") if reply.content else None

    refused = (403, "not_allowed")
    assert await told({}) == refused
    assert await told(signed(b"another secret of sixteen", clock.now(), COMPLETED, body)) == refused
    assert await told(signed(SECRET.encode(), clock.now() - hour, COMPLETED, body)) == refused
    assert await told(signed(SECRET.encode(), clock.now(), ERRANDS, body)) == refused
    assert await told(good, body + b" ") == refused
    # It has ended: to tell another end, or the same again, changes nothing.
    assert await told(good) == await told(good) == (204, None)
    assert (await shop.result(task_id)).json() == found
    unknown = msgspec.json.encode({"task_id": "0" * 28, "result": 1})
    assert await told(signed(SECRET.encode(), clock.now(), COMPLETED, unknown), unknown) == (404, "not_found")
    for odd in (b"", b"{", b'{"result": 1}', b"\xff", b"[]"):
        status, error = await told(signed(SECRET.encode(), clock.now(), COMPLETED, odd), odd)
        assert (status, error) == (422, "invalid"), odd


async def test_a_node_without_workers_has_no_such_doors(shop_settings: Settings) -> None:  # noqa: F811
    async with (
        open_server(shop_settings) as served,
        httpx.AsyncClient(base_url=served.url, timeout=300) as http,
    ):
        body = msgspec.json.encode(Ask("one"))
        for path in (ERRANDS, COMPLETED):
            headers = signed(SECRET.encode(), SystemClock().now(), path, body)
            reply = await http.post(path, content=body, headers=headers)
            assert (reply.status_code, reply.json()["error"]) == (404, "not_found")
