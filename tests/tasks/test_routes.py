"""`/v1/tasks`, and the routes that answer `Prefer: respond-async` with a task."""

import asyncio
import base64
import io
import json
from collections.abc import AsyncGenerator
from typing import Any

import anyio
import httpx
import pytest
from PIL import Image

import nets
from feria.access.wire import PERMISSIONS, Caller, Role
from feria.app import open_app
from feria.node import Node
from feria.settings import Settings
from feria.tasks.queue import TaskQueue
from queues import Deeds, order
from serving import open_server

LATER = {"Prefer": "respond-async"}
LINE = {
    "kind": "linear_regression",
    "target": "y",
    "holdout": 0,
    "columns": ["x", "y"],
    "rows": [[1, 2], [2, 4], [3, 6], [4, 8]],
}


@pytest.fixture
async def opened(settings: Settings) -> AsyncGenerator[tuple[httpx.AsyncClient, TaskQueue, Deeds]]:
    async with (
        open_app(settings) as (app, node),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http,
    ):
        deeds, queue = Deeds(), node.parts[TaskQueue]
        for kind in ("echo", "refuse", "linger"):
            queue.handle(kind, getattr(deeds, kind))
        yield http, queue, deeds


async def ended(http: httpx.AsyncClient, accepted: httpx.Response) -> httpx.Response:
    assert accepted.status_code == 202, accepted.text
    assert accepted.headers["Preference-Applied"] == "respond-async"
    return await http.get(f"{accepted.headers['Location']}/result", params={"wait": 60})


async def test_a_task_can_be_watched_from_waiting_to_done(opened: Any) -> None:
    http, queue, deeds = opened
    task = await queue.submit(order("linger", "it", owner="local"))
    await deeds.began.wait()
    url = f"/v1/tasks/{task.id}"
    shown = (await http.get(url)).json()
    assert (shown["state"], shown["doing"], shown["progress"]) == ("running", "lingering", 0.5)
    early = await http.get(f"{url}/result")
    assert (early.status_code, early.json()["id"]) == (202, task.id)
    assert int(early.headers["Retry-After"]) >= 1
    late = asyncio.create_task(http.get(f"{url}/result", params={"wait": 60}))
    await asyncio.sleep(0.05)
    assert not late.done()
    deeds.go_on.set()
    reply = await late
    assert (reply.status_code, reply.json()) == (200, "it")
    assert reply.headers["Content-Type"] == "application/json"


async def test_a_long_poll_that_sees_no_end_says_202(opened: Any) -> None:
    http, queue, deeds = opened
    task = await queue.submit(order("linger", owner="local"))
    reply = await http.get(f"/v1/tasks/{task.id}/result", params={"wait": 0.1})
    assert reply.status_code == 202
    deeds.go_on.set()


async def test_the_tasks_error_is_the_answer(opened: Any) -> None:
    http, queue, _ = opened
    task = await queue.submit(order("refuse", "age", owner="local"))
    reply = await http.get(f"/v1/tasks/{task.id}/result", params={"wait": 60})
    assert reply.status_code == 422
    assert reply.json() == {"error": "invalid", "detail": "Not that.", "column": "age"}


async def test_a_task_is_called_off_and_then_forgotten(opened: Any) -> None:
    http, queue, deeds = opened
    task = await queue.submit(order("linger", owner="local"))
    await deeds.began.wait()
    url = f"/v1/tasks/{task.id}"
    assert (await http.delete(url)).status_code == 204
    gone = await http.get(f"{url}/result")
    assert (gone.status_code, gone.json()["error"]) == (410, "cancelled")
    assert (await http.get(url)).json()["state"] == "cancelled"
    assert (await http.delete(url)).status_code == 204
    assert (await http.get(url)).status_code == 404


async def test_events_follow_a_task_to_its_end(settings: Settings) -> None:
    deeds = Deeds()
    async with open_server(settings) as node, httpx.AsyncClient(base_url=node.url, timeout=300) as http:
        queue: TaskQueue = node.parts[TaskQueue]
        queue.handle("linger", deeds.linger)
        task = await queue.submit(order("linger", owner="local"))
        await deeds.began.wait()
        async with http.stream("GET", f"/v1/tasks/{task.id}/events") as reply:
            assert reply.headers["Content-Type"].startswith("text/event-stream")
            told = []
            async for line in reply.aiter_lines():
                if line.startswith("data: "):
                    told.append(json.loads(line.removeprefix("data: "))["state"])
                    deeds.go_on.set()
                else:
                    assert line in {"event: task", ""}
        assert told == ["running", "done"]
        after = await http.get(f"/v1/tasks/{task.id}/events")
        assert after.text.count("event: task") == 1


async def test_lists_go_on_where_they_left_off(opened: Any) -> None:
    http, queue, _ = opened
    ids = []
    for n in range(5):
        task = await queue.submit(order("echo", n, owner="local"))
        await queue.wait(task.id, 20)
        ids.append(task.id)
        await asyncio.sleep(0.002)
    first = (await http.get("/v1/tasks", params={"limit": 3})).json()
    assert ([task["id"] for task in first["tasks"]], first["more"]) == (ids[:1:-1], True)
    rest = (await http.get("/v1/tasks", params={"limit": 3, "before": ids[2]})).json()
    assert ([task["id"] for task in rest["tasks"]], rest["more"]) == (ids[1::-1], False)


async def test_what_is_unknown_or_makes_no_sense_is_said(opened: Any) -> None:
    http, _, _ = opened
    for path, status in [
        ("/v1/tasks/nothing", 404),
        ("/v1/tasks/nothing/result", 404),
        ("/v1/tasks/nothing/events", 404),
        ("/v1/tasks?limit=0", 422),
        ("/v1/tasks?state=lost", 422),
        ("/v1/tasks/nothing/result?wait=-1", 422),
        ("/v1/tasks/nothing/result?wait=nan", 422),
    ]:
        assert (await http.get(path)).status_code == status, path
    assert (await http.delete("/v1/tasks/nothing")).status_code == 404


# ------------------------------------------------------------------- trainings
async def test_a_training_that_may_take_its_time_becomes_a_task(opened: Any) -> None:
    http, _, _ = opened
    reply = await ended(http, await http.post("/v1/models/line/train", json=LINE, headers=LATER))
    assert reply.status_code == 200, reply.text
    model = reply.json()
    assert (model["name"], model["version"]) == ("line", 1)
    assert model["trained_from"]["task"]
    answer = await http.post("/v1/models/line/predict", json={"rows": [[5]]})
    assert answer.json()["predictions"] == pytest.approx([10.0])


async def test_an_uploaded_file_waits_with_its_task(opened: Any) -> None:
    http, _, _ = opened
    rows = "x,y\n" + "".join(f"{n},{3 * n}\n" for n in range(20))
    accepted = await http.post(
        "/v1/models/line/train",
        data={"order": '{"kind": "linear_regression", "target": "y"}'},
        files={"file": ("rows.csv", rows)},
        headers=LATER,
    )
    reply = await ended(http, accepted)
    assert reply.status_code == 200, reply.text
    assert reply.json()["trained_from"]["format"] == "csv"


async def test_an_order_that_cannot_be_meant_is_refused_before_it_is_queued(opened: Any) -> None:
    http, queue, _ = opened
    wrong = await http.post("/v1/models/line/train", json={**LINE, "kind": "oracle"}, headers=LATER)
    assert wrong.status_code == 422
    assert await queue.tasks() == []


async def test_a_training_that_fails_fails_as_a_plain_one_would(opened: Any) -> None:
    http, _, _ = opened
    wrong = {**LINE, "target": "z"}
    plain = await http.post("/v1/models/line/train", json=wrong)
    later = await ended(http, await http.post("/v1/models/line/train", json=wrong, headers=LATER))
    assert (later.status_code, later.json()) == (plain.status_code, plain.json())


async def test_a_training_that_was_published_before_the_node_died_is_not_done_again(
    settings: Settings, node: Node
) -> None:
    from feria.learning import tasks
    from feria.learning.trainer import Trainer
    from feria.learning.wire import InlineTraining, TrainingOrder
    from feria.tasks.queue import Work

    told: list[str] = []
    wanted = InlineTraining.model_validate(LINE)
    queued = tasks.order("line", wanted, wanted.model_dump_json().encode(), "ana", owner="ana")
    file = settings.home / "rows"
    file.write_bytes(queued.file)
    deed = tasks.deed(node.parts[Trainer])
    works = [
        Work("t1", "ana", queued.payload, file, attempt, lambda doing, _: told.append(doing))
        for attempt in (1, 2)
    ]
    first, again = [await deed(work) for work in works]
    assert first == again
    assert first["owner"] == "ana"
    assert first["version"] == 1
    assert told.count("served") == 1
    assert TrainingOrder.model_validate(queued.payload["order"]).kind == "linear_regression"


async def test_who_hangs_up_calls_a_plain_training_off(settings: Settings) -> None:
    rows = [[i % 97, (i * 7919) % 1000 / 10] for i in range(20000)]
    body = {"kind": "svm", "target": "y", "task": "regression", "columns": ["x", "y"], "rows": rows}
    async with open_app(settings) as (app, _):
        sent, gone = asyncio.Event(), asyncio.Event()

        async def receive() -> dict[str, Any]:
            if not sent.is_set():
                sent.set()
                return {"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(_: Any) -> None: ...

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/v1/models/slow/train",
            "raw_path": b"/v1/models/slow/train",
            "query_string": b"",
            "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        asking = asyncio.create_task(app(scope, receive, send))
        await sent.wait()
        await asyncio.sleep(0.2)
        gone.set()
        with anyio.fail_after(300):
            await asking
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http:
            assert (await http.get("/v1/models/slow")).status_code == 404


# ------------------------------------------------------------------- predictions
async def published(http: httpx.AsyncClient, name: str, file: bytes) -> None:
    assert (await http.post(f"/v1/models/{name}", files={"file": file})).status_code == 201


async def test_a_prediction_later_is_the_prediction_now(opened: Any) -> None:
    http, _, _ = opened
    await published(http, "sum", nets.linear([1.0, 10.0]))
    body = {"rows": [[1, 2], [3, 4]]}
    now = await http.post("/v1/models/sum/predict", json=body)
    later = await ended(http, await http.post("/v1/models/sum/predict", json=body, headers=LATER))
    assert later.json() == now.json()


async def test_pictures_however_sent_and_however_large_can_be_predicted_later(opened: Any) -> None:
    http, _, _ = opened
    await published(http, "colour", nets.mean_colour())
    small, large = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(small, "JPEG")
    Image.effect_noise((900, 900), 90).convert("RGB").save(large, "PNG")
    assert len(large.getvalue()) > 2**20
    for picture in (small.getvalue(), large.getvalue()):
        ways: list[dict[str, Any]] = [
            {"content": picture, "headers": {"Content-Type": "image/jpeg"}},
            {"json": {"image": base64.b64encode(picture).decode()}, "headers": {}},
            {"files": {"image": picture}, "headers": {}},
        ]
        for way in ways:
            now = await http.post("/v1/models/colour/predict", **way)
            way["headers"] = way["headers"] | LATER
            later = await ended(http, await http.post("/v1/models/colour/predict", **way))
            assert (later.status_code, later.json()) == (200, now.json())


async def test_a_prediction_sent_twice_with_one_key_is_one_task(opened: Any) -> None:
    http, _, _ = opened
    await published(http, "sum", nets.linear([1.0]))
    keyed = LATER | {"Idempotency-Key": "order-7"}
    one, two = [
        await http.post("/v1/models/sum/predict", json={"rows": [[1]]}, headers=keyed) for _ in range(2)
    ]
    assert one.json()["id"] == two.json()["id"]


@pytest.mark.parametrize(
    ("path", "status"),
    [("none/predict", 404), ("sum/predict?priority=11", 422), ("sum/predict?priority=x", 422)],
)
async def test_a_prediction_that_makes_no_sense_is_not_queued(opened: Any, path: str, status: int) -> None:
    http, queue, _ = opened
    await published(http, "sum", nets.linear([1.0]))
    reply = await http.post(f"/v1/models/{path}", json={"rows": [[1]]}, headers=LATER)
    assert reply.status_code == status
    assert await queue.tasks() == []


# ------------------------------------------------------------------- whose they are
async def test_a_task_is_nobody_elses_business(opened: Any) -> None:
    from feria.errors import NotFound
    from feria.tasks import routes

    _, queue, _ = opened
    task = await queue.submit(order("echo", owner="ana"))
    ana, berta = (Caller(name, PERMISSIONS[Role.operator]) for name in ("ana", "berta"))
    admin = Caller("root", PERMISSIONS[Role.admin])
    await queue.wait(task.id, 20)
    assert (await routes.show_task(task.id, ana, queue)).id == task.id
    assert (await routes.show_task(task.id, admin, queue)).id == task.id
    with pytest.raises(NotFound):
        await routes.show_task(task.id, berta, queue)
    with pytest.raises(NotFound):
        await routes.delete_task(task.id, berta, queue)
    assert (await routes.list_tasks(berta, queue)).tasks == ()
    assert len((await routes.list_tasks(admin, queue)).tasks) == 1
