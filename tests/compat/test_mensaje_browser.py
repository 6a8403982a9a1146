"""The page of contract 2, in a real browser."""

import asyncio
import itertools
import json
import os
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from chat.conftest import QUICK
from feria.settings import Settings
from serving import open_server

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


class Tab:
    """A page, as its DevTools see it."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    async def run(self, script: str) -> Any:
        """What the script's last expression is, once it is settled."""
        number = next(self._numbers)
        asked = {"expression": script, "awaitPromise": True, "returnByValue": True}
        await self._socket.send(json.dumps({"id": number, "method": "Runtime.evaluate", "params": asked}))
        while (said := json.loads(await self._socket.recv())).get("id") != number:
            continue
        assert "exceptionDetails" not in said["result"], said
        return said["result"]["result"].get("value")

    async def until(self, condition: str) -> None:
        async with asyncio.timeout(300):
            while not await self.run(condition):  # noqa: ASYNC110 - the page tells nobody
                await asyncio.sleep(0.02)


@asynccontextmanager
async def visiting(url: str, folder: Path) -> AsyncGenerator[Tab]:
    """`$FERIA_TEST_CHROMIUM`, or the Chromium that is installed. Skips without."""
    browser = os.environ.get("FERIA_TEST_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if browser is None:
        pytest.skip("no Chromium here; name one in FERIA_TEST_CHROMIUM")
    process = await asyncio.create_subprocess_exec(
        browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--window-size=800,600",
        "--disable-background-networking", "--remote-debugging-port=0", f"--user-data-dir={folder}", url,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        told = folder / "DevToolsActivePort"
        async with asyncio.timeout(300):
            while not told.exists() or "\n" not in told.read_text():  # noqa: ASYNC110 - nor does the browser
                await asyncio.sleep(0.05)
        port = told.read_text().splitlines()[0]
        async with httpx.AsyncClient(trust_env=False) as http, asyncio.timeout(300):
            while not (pages := await _pages(http, port, url)):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        async with connect(pages[0], compression=None, max_size=None, ping_interval=None) as socket:
            yield Tab(socket)
    finally:
        process.kill()
        await process.wait()


async def _pages(http: httpx.AsyncClient, port: str, url: str) -> list[str]:
    found = (await http.get(f"http://127.0.0.1:{port}/json/list")).json()
    return [one["webSocketDebuggerUrl"] for one in found if one["type"] == "page" and one["url"] == url]


async def test_the_page_does_what_the_contract_says(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", chat=QUICK, _env_file=None)
    async with open_server(settings) as served:
        url = f"{served.url}/mensaje"
        async with visiting(url, tmp_path / "one") as ana, visiting(url, tmp_path / "two") as bea:
            for tab in (ana, bea):
                await tab.until(
                    "typeof socket === 'object' && document.readyState === 'complete' && socket.connected"
                )

            async def say(text: str) -> None:
                await ana.run(f"input.value = {json.dumps(text)}; form.requestSubmit(); input.value")

            await say("")
            for text in ("Hola", "<img src=x onerror='window.hurt = 1'><script>window.hurt = 2</script>"):
                await say(text)
                assert await ana.run("input.value") == ""
            for tab in (ana, bea):
                await tab.until("messages.children.length === 2")
                assert await tab.run("messages.children[0].textContent") == "Hola"
                assert await tab.run("messages.querySelectorAll('img, script').length") == 0
                assert await tab.run("window.hurt === undefined")
            for number in range(60):
                await say(f"línea {number}")
            await bea.until("messages.children.length === 62")
            assert await bea.run("messages.lastChild.textContent") == "línea 59"
            await bea.until(
                "messages.lastChild.getBoundingClientRect().bottom <= form.getBoundingClientRect().top"
            )
            assert await bea.run("scrollY > 0")
            outside = (
                "performance.getEntriesByType('resource').filter(one => !one.name.startsWith(origin)).length"
            )
            assert await bea.run(outside) == 0
