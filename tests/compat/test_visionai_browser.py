"""Contract 6, replayed by a page in a real browser: its own WebSocket, its own JSON."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from compat.test_visionai import PREDICTION
from emotions.reading import base64_of, publish, shade
from feria.settings import Settings, WebSettings
from serving import open_server

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PAGE = """<!doctype html><meta charset="utf-8"><script>
const heard = [], socket = new WebSocket(%(url)s);
const send = ["predict", "emotions", "model_info", "health"];
const tell = outcome => fetch("/heard", { method: "POST", body: JSON.stringify({ outcome, heard }) });
socket.onmessage = event => {
  heard.push(JSON.parse(event.data));
  const command = send[heard.length - 1];
  if (!command) return tell("all");
  socket.send(JSON.stringify(command === "predict" ? { command, image: %(image)s } : { command }));
};
socket.onclose = () => tell("closed");
</script>"""


@pytest.fixture(scope="session")
def browser() -> str:
    """Chromium: `$FERIA_TEST_CHROMIUM`, or the one that is installed. Skips without."""
    named = os.environ.get("FERIA_TEST_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if named is None:
        pytest.skip("no Chromium here; name one in FERIA_TEST_CHROMIUM")
    return named


class Site:
    """Serves one page, and is told what happened in it."""

    def __init__(self) -> None:
        self.page = ""
        self.told: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        except asyncio.IncompleteReadError:  # a browser's spare connection
            writer.close()
            return
        if head.startswith("POST /heard"):
            length = int(head.lower().split("content-length:")[1].split("\r\n")[0])
            if not self.told.done():
                self.told.set_result(json.loads(await reader.readexactly(length)))
        body = self.page.encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n" % len(body))
        writer.write(b"Connection: close\r\n\r\n" + body)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def site() -> AsyncGenerator[tuple[Site, str]]:
    made = Site()
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    try:
        yield made, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@asynccontextmanager
async def visiting(browser: str, url: str, folder: Path) -> AsyncGenerator[None]:
    process = await asyncio.create_subprocess_exec(
        browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
        "--disable-background-networking", f"--user-data-dir={folder}", url,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        process.kill()
        await process.wait()


async def replay(settings: Settings, browser: str, folder: Path, *, welcome: bool) -> dict[str, Any]:
    async with site() as (page, origin), asyncio.timeout(300):
        web = WebSettings(origins=(origin,) if welcome else ())
        async with open_server(settings.model_copy(update={"web": web})) as served:
            await publish(served)
            page.page = PAGE % {
                "url": json.dumps(served.url.replace("http", "ws", 1)),
                "image": json.dumps(base64_of(shade("happy"))),
            }
            async with visiting(browser, origin, folder):
                return await page.told


async def test_a_browser_speaks_the_contract(settings: Settings, browser: str, tmp_path: Path) -> None:
    told = await replay(settings, browser, tmp_path / "profile", welcome=True)
    welcome, prediction, emotions, info, health = told["heard"]
    assert welcome["type"] == "welcome"
    assert list(prediction) == PREDICTION
    assert (prediction["emotion_name"], prediction["model_version_tag"]) == ("happy", "v1.0.0")
    assert [(one["id"], one["name"]) for one in emotions["emotions"]][::6] == [(1, "angry"), (7, "surprise")]
    assert info["info"]["input_shape"] == "(None, 96, 96, 3)"
    assert health == {
        "type": "health", "status": "healthy", "service": "VisionAI Backend", "clients_connected": 1,
    }  # fmt: skip


async def test_a_page_of_a_site_that_is_not_welcome_gets_nothing(
    settings: Settings, browser: str, tmp_path: Path
) -> None:
    told = await replay(settings, browser, tmp_path / "profile", welcome=False)
    assert told == {"outcome": "closed", "heard": []}
