"""What becomes of a person's data while the node is at work on them."""

import anyio
import httpx

from feria.app import open_app
from feria.settings import Settings
from feria.tasks.queue import TaskQueue
from queues import Deeds, order


async def test_somebody_is_erased_while_a_task_of_theirs_runs(settings: Settings) -> None:
    deeds = Deeds()
    async with open_app(settings) as (app, node):
        queue: TaskQueue = node.parts[TaskQueue]
        queue.handle("linger", deeds.linger)
        await queue.submit(order("linger", "of ana", file=b"ana's rows"))
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            with anyio.fail_after(300):
                await deeds.began.wait()
                erased = await http.delete("/v1/privacy/ana")
            assert {room: count for room, count in erased.json()["rooms"].items() if count} == {"tasks": 1}
            assert (await http.get("/v1/privacy/ana")).json()["rooms"]["tasks"] == []
        assert deeds.done == []
        assert list((settings.home / "tasks").iterdir()) == []
