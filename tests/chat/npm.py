"""The stock socket.io-client, driven from a test."""

import asyncio
import contextlib
import itertools
import json
import shutil
import subprocess
from collections import deque
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

FOLDER = Path(__file__).parent
SECONDS = 300


def installed() -> str:
    """Node, with the client beside it. Skips where there is no Node, or npm cannot fetch the client."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node and npm are not here")
    if not (FOLDER / "node_modules" / "socket.io-client").exists():
        done = subprocess.run(
            [npm, "ci", "--no-audit", "--no-fund"], cwd=FOLDER, capture_output=True, text=True
        )
        if done.returncode:
            pytest.skip(f"npm could not fetch socket.io-client: {done.stderr[-300:]}")
    return node


class Client:
    """One socket of the stock client."""

    def __init__(self, driver: "Driver", id: int) -> None:
        self._driver = driver
        self.id = id
        self.events: deque[tuple[str, list[Any]]] = deque()
        """What it heard and nobody has looked at."""
        self._news = asyncio.Event()
        self.me: dict[str, Any] = {}
        """What the node said to it when it came."""

    def put(self, event: str, args: list[Any]) -> None:
        self.events.append((event, args))
        self._news.set()

    def emit(self, event: str, *args: Any) -> None:
        self._driver.tell(deed="emit", id=self.id, event=event, args=args)

    async def ask(self, event: str, *args: Any) -> Any:
        """Emit, and wait for the acknowledgement."""
        return await self._driver.ask(self.id, event, args)

    async def hear(self, event: str, where: Callable[[Any], bool] = lambda _: True) -> Any:
        """The next such event's only argument, or all of them; what was heard before it is forgotten."""
        with anyio.fail_after(SECONDS):
            while True:
                while self.events:
                    name, args = self.events.popleft()
                    said = args[0] if len(args) == 1 else args
                    if name == event and where(said):
                        return said
                self._news.clear()
                await self._news.wait()

    async def all(self, event: str, many: int) -> list[Any]:
        return [await self.hear(event) for _ in range(many)]

    def drop(self) -> None:
        """Lose the connection; it comes back by itself."""
        self._driver.tell(deed="drop", id=self.id)

    def close(self) -> None:
        self._driver.tell(deed="close", id=self.id)


class Driver:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._clients: dict[int, Client] = {}
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Any]] = {}

    def tell(self, **order: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")

    async def ask(self, id: int, event: str, args: tuple[Any, ...]) -> Any:
        number = next(self._numbers)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        self.tell(deed="emit", id=id, event=event, args=args, ack=number)
        with anyio.fail_after(SECONDS):
            return await answer

    def open(self, url: str, **options: Any) -> Client:
        """A socket that connects; not waited for."""
        client = Client(self, next(self._numbers))
        self._clients[client.id] = client
        self.tell(deed="open", id=client.id, url=url, options=options)
        return client

    async def connect(self, url: str, **options: Any) -> Client:
        client = self.open(url, **options)
        await client.hear("connect")
        return client

    async def crowd(self, url: str, many: int, event: str, **options: Any) -> Client:
        """That many sockets, and one to speak with, which tells `all heard` when each has heard `event`."""
        client = Client(self, next(self._numbers))
        self._clients[client.id] = client
        self.tell(deed="crowd", id=client.id, many=many, url=url, event=event, options=options)
        assert await client.hear("all connected") == many
        return client

    async def listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            if "ack" in said:
                answer = self._asked.pop(said["ack"])
                if not answer.done():
                    answer.set_result(said["args"][0] if len(said["args"]) == 1 else said["args"])
            else:
                self._clients[said["id"]].put(said["event"], said["args"])


@contextlib.asynccontextmanager
async def open_driver() -> AsyncGenerator[Driver]:
    process = await asyncio.create_subprocess_exec(
        installed(),
        str(FOLDER / "driver.js"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    driver = Driver(process)
    listening = asyncio.create_task(driver.listen())
    try:
        yield driver
    finally:
        process.kill()
        await process.wait()
        await listening
