"""What a busy node is asked all at once, for as long as the block lasts, and how it answered."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

PROMPT = 5.0
"""Seconds in which what needs no database is answered, on however busy a machine."""
PATIENT = 15.0
"""And what does need one, be it to say that it is away."""


@dataclass
class Traffic:
    http: httpx.AsyncClient
    predicted: int = 0
    asked_health: int = 0
    read: dict[int, int] = field(default_factory=dict)
    """How often reading the shelf and the tasks was answered, by status."""
    accepted: dict[int, str] = field(default_factory=dict)
    """Task by the number that was sent."""
    refused: dict[int, str] = field(default_factory=dict)
    """Why not, by the number that was sent."""

    async def predict(self) -> None:
        reply = await self.http.post("/v1/models/sum/predict", json={"rows": [[3]]}, timeout=PROMPT)
        assert (reply.status_code, reply.json().get("predictions")) == (200, [6.0]), reply.text
        self.predicted += 1

    async def ask_health(self) -> None:
        for path in ("/livez", "/readyz", "/metrics"):
            reply = await self.http.get(path, timeout=PROMPT)
            assert reply.status_code == 200, reply.text
        self.asked_health += 1

    async def look(self) -> None:
        for path in ("/v1/models", "/v1/tasks"):
            reply = await self.http.get(path, timeout=PATIENT)
            assert reply.status_code in {200, 503}, reply.text
            assert reply.status_code == 200 or reply.json()["error"] in {"unavailable", "busy"}, reply.text
            self.read[reply.status_code] = self.read.get(reply.status_code, 0) + 1

    async def order(self, number: int) -> str | None:
        """Send an order under its number. What was refused may be sent again."""
        reply = await self.http.post(
            "/v1/models/sum/predict",
            json={"rows": [[number]]},
            headers={"Prefer": "respond-async", "Idempotency-Key": f"order-{number}"},
            timeout=PATIENT,
        )
        said = reply.json()
        if reply.status_code == 202:
            assert self.accepted.setdefault(number, said["id"]) == said["id"]
            return str(said["id"])
        assert reply.status_code == 503, reply.text
        assert said["error"] in {"unavailable", "busy"}, reply.text
        self.refused[number] = said["detail"]
        return None

    async def make_good(self) -> None:
        """Send again what was refused."""
        for number in set(self.refused) - set(self.accepted):
            async with asyncio.timeout(300):
                while await self.order(number) is None:  # noqa: ASYNC110 - the node says when it can
                    await asyncio.sleep(0.1)

    async def account(self) -> None:
        """Each accepted order has become one task, and that has its one end."""
        assert len(set(self.accepted.values())) == len(self.accepted)
        for number, task in self.accepted.items():
            reply = await self.http.get(f"/v1/tasks/{task}/result", params={"wait": 30}, timeout=300)
            assert reply.status_code == 200, reply.text
            assert reply.json()["predictions"] == [2.0 * number]
        tasks = await every_task(self.http)
        assert set(tasks) == set(self.accepted.values())
        assert {task["state"] for task in tasks.values()} == {"done"}


@contextlib.asynccontextmanager
async def traffic(http: httpx.AsyncClient, *, submitters: int = 4) -> AsyncGenerator[Traffic]:
    seen = Traffic(http)
    numbers = itertools.count(1)
    over = asyncio.Event()

    async def again_and_again(deed: Callable[[], Awaitable[Any]]) -> None:
        while not over.is_set():
            await deed()
            await asyncio.sleep(0.05)

    async with asyncio.TaskGroup() as group:
        for deed in (seen.predict, seen.ask_health, seen.look):
            group.create_task(again_and_again(deed))
        for _ in range(submitters):
            group.create_task(again_and_again(lambda: seen.order(next(numbers))))
        try:
            yield seen
        finally:
            over.set()


async def until(true: Callable[[], bool], seconds: float = 300.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it does not come"
        await asyncio.sleep(0.01)


async def every_task(http: httpx.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = {}
    more: dict[str, Any] = {"tasks": [], "more": True}
    while more["more"]:
        before = {"before": more["tasks"][-1]["id"]} if more["tasks"] else {}
        more = (await http.get("/v1/tasks", params={"limit": 500, **before})).json()
        found |= {task["id"]: task for task in more["tasks"]}
    return found
