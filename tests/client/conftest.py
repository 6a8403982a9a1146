"""A real node on a real port, and both clients on it."""

import secrets
import threading
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest
import uvicorn

from client.small_models import Ask, doubling
from feria import AsyncClient, Client
from feria.app import create_app
from feria.cli.serving import listen
from feria.settings import Settings, WebSettings


class Server(uvicorn.Server):
    """Says when it has started."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = threading.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.up.set()


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    settings = Settings(home=tmp_path_factory.mktemp("home"), web=WebSettings(max_body_mib=1), _env_file=None)
    with listen("127.0.0.1", 0) as door:
        server = Server(uvicorn.Config(create_app(settings), log_config=None, ws="none"))
        thread = threading.Thread(target=server.run, args=([door],))
        thread.start()
        assert server.up.wait(300)
        assert server.started
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
        server.should_exit = True
        thread.join(60)
        assert not thread.is_alive()


@pytest.fixture(params=[Client, AsyncClient])
async def ask(request: pytest.FixtureRequest, address: str) -> AsyncGenerator[Ask]:
    if request.param is AsyncClient:
        async with AsyncClient(address) as client:

            async def ask(method: str, *args: Any, **kwargs: Any) -> Any:
                return await getattr(client, method)(*args, **kwargs)

            yield ask
        return
    with Client(address) as plain:

        async def ask_in_thread(method: str, *args: Any, **kwargs: Any) -> Any:
            return await anyio.to_thread.run_sync(lambda: getattr(plain, method)(*args, **kwargs))

        yield ask_in_thread


@pytest.fixture
def doubling_file(tmp_path: Path) -> Path:
    file = tmp_path / "doubling.onnx"
    file.write_bytes(doubling())
    return file


@pytest.fixture
def name() -> str:
    """A model name of this test's own: the node is shared."""
    return f"model-{secrets.token_hex(4)}"
