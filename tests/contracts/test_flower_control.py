"""What `superlink/control.py` takes for granted of Flower's Control API, against a real SuperLink.

A new flwr that fails one of these breaks federation across machines in the way the test's name says.
"""

import asyncio
import contextlib
import os
import ssl
import subprocess
import sys
import sysconfig
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from flwr.supercore.error import ApiErrorCode
from flwr.supercore.protobuf.constants import PROTOBUF_MEDIA_TYPE

from feria.clock import SystemClock
from feria.errors import Conflict, Invalid, NotAllowed, NotFound, TooLarge, Unavailable
from feria.federation.flower import bundle
from feria.superlink.authority import open_authority
from feria.superlink.control import MOST_BYTES, PROTOBUF, TOLD, Control, Run, SuperNode, open_control, pem
from feria.superlink.process import SuperLink, open_superlink
from programs import free_port

APP = """
import time

from flwr.app import Context, Message
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp

server, client = ServerApp(), ClientApp()


@server.main()
def main(grid: Grid, context: Context) -> None:
    assert context.run_config["word"] != "fail", "as it was told"
    named = {node.name for node in grid.get_nodes()}
    assert named == {"Hospital Barcelona"}, named
    time.sleep(context.run_config["seconds"])
"""
PROJECT = """
[project]
name = "waits"
version = "1.0.0"
description = "A run that only waits"
license = "Apache-2.0"

[tool.flwr.app]
publisher = "feria"

[tool.flwr.app.components]
serverapp = "waits:server"
clientapp = "waits:client"

[tool.flwr.app.config]
seconds = 0
word = ""
"""


def _key_pair() -> tuple[bytes, str]:
    """Private in OpenSSH's form, and the public line."""
    key = ec.generate_private_key(ec.SECP384R1())
    return (
        key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()),
        key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode(),
    )


@pytest.fixture(scope="module")
async def superlink(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[SuperLink]:
    folder = tmp_path_factory.mktemp("superlink")
    async with open_superlink(folder, host="127.0.0.1", port=free_port(), names=()) as superlink:
        yield superlink


@pytest.fixture(scope="module")
async def control(superlink: SuperLink) -> AsyncGenerator[Control]:
    async with open_control(superlink.address, superlink.ca, superlink.secret) as control:
        yield control


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("waits")
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "waits.py").write_text(APP)
    return bundle(folder)


@contextlib.contextmanager
def _store(superlink: SuperLink, folder: Path, private_key: bytes) -> "Iterator[subprocess.Popen[bytes]]":
    """Flower's own program at the store's side."""
    key = folder / "store.key"
    key.write_bytes(private_key)
    scripts = sysconfig.get_path("scripts")
    command = [
        f"{scripts}/flower-supernode",
        f"--superlink={superlink.address}",
        f"--root-certificates={superlink.ca}",
        f"--auth-supernode-private-key={key}",
        f"--port={free_port()}",
    ]
    environment = os.environ | {
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "FLWR_HOME": str(folder),
    }
    with subprocess.Popen(command, env=environment) as store:
        try:
            yield store
        finally:
            store.terminate()


async def _until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(300):
        while not await true():
            await SystemClock().sleep(0.05)


async def _found(control: Control, node_id: int) -> SuperNode | None:
    return next((node for node in await control.nodes() if node.node_id == node_id), None)


async def _finished(control: Control, run_id: int) -> Run:
    async def finished() -> bool:
        return (await control.run(run_id)).state == "finished"

    await _until(finished)
    return await control.run(run_id)


async def test_a_store_is_known_by_name_online_while_it_is_there_and_its_run_sees_it(
    control: Control, superlink: SuperLink, app: bytes, tmp_path: Path
) -> None:
    private, public = _key_pair()
    before = datetime.now(UTC)
    node_id = await control.register("Hospital Barcelona", public)
    registered = SuperNode(node_id, "Hospital Barcelona", "registered", None, pem(public))
    assert await _found(control, node_id) == registered

    async def is_in(state: str) -> bool:
        node = await _found(control, node_id)
        return node is not None and node.state == state

    with _store(superlink, tmp_path, private):
        await _until(lambda: is_in("online"))
        online = await _found(control, node_id)
        assert online is not None
        assert online.last_seen is not None
        assert before - timedelta(seconds=1) < online.last_seen < datetime.now(UTC) + timedelta(seconds=1)
        run_id = await control.start(app, {})
        assert await _finished(control, run_id) == Run("finished", "completed", "")
    await _until(lambda: is_in("offline"))
    offline = await _found(control, node_id)
    assert offline is not None
    assert offline.last_seen is not None
    assert online.last_seen <= offline.last_seen < datetime.now(UTC) + timedelta(seconds=1)

    await control.unregister(node_id)
    assert await _found(control, node_id) is None
    with pytest.raises(NotFound):
        await control.unregister(node_id)
    with pytest.raises(Conflict):  # a store that was shut out makes a key of its own, and needs an invitation
        await control.register("Hospital Barcelona", public)


async def test_a_key_is_registered_once(control: Control) -> None:
    _, public = _key_pair()
    await control.register("Tienda Lima", public)
    with pytest.raises(Conflict):
        await control.register("Tienda Cusco", public)


@pytest.mark.parametrize(
    "public",
    [
        "garbage",
        "ssh-rsa AAAA",
        ed25519.Ed25519PrivateKey.generate()
        .public_key()
        .public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        .decode(),
    ],
    ids=["garbage", "cut off", "another kind"],
)
async def test_what_is_no_key_of_a_store_is_not_registered(control: Control, public: str) -> None:
    before = await control.nodes()
    with pytest.raises(Invalid, match="public key"):
        await control.register("Tienda Lima", public)
    assert await control.nodes() == before


async def test_a_run_that_is_stopped_says_so_and_cannot_be_stopped_again(
    control: Control, app: bytes
) -> None:
    run_id = await control.start(app, {"seconds": 600})
    assert (await control.run(run_id)).state in ("pending", "starting", "running")
    await control.stop(run_id)
    assert await control.run(run_id) == Run("finished", "stopped", "")
    with pytest.raises(Conflict):
        await control.stop(run_id)


async def test_a_run_that_fails_says_why(control: Control, app: bytes) -> None:
    run = await _finished(control, await control.start(app, {"word": "fail"}))
    assert (run.state, run.outcome) == ("finished", "failed")
    assert "as it was told" in run.details


async def test_a_run_takes_no_setting_that_its_app_does_not_have(control: Control, app: bytes) -> None:
    with pytest.raises(Invalid):
        await control.start(app, {"pace": 1})


async def test_an_app_that_is_too_large_is_refused_here_as_flower_would(control: Control) -> None:
    from flwr.common.constant import FAB_MAX_SIZE

    assert MOST_BYTES == FAB_MAX_SIZE
    with pytest.raises(TooLarge):
        await control.start(b"x" * (MOST_BYTES + 1), {})


async def test_a_run_that_never_was_is_not_found(control: Control) -> None:
    with pytest.raises(NotFound):
        await control.run(12345)
    with pytest.raises(NotFound):
        await control.stop(12345)


@pytest.mark.parametrize("secret", [None, "guessed"])
async def test_who_does_not_know_the_secret_steers_nothing(
    superlink: SuperLink, app: bytes, secret: str | None
) -> None:
    async with open_control(superlink.address, superlink.ca, secret) as stranger:
        with pytest.raises(NotAllowed):
            await stranger.start(app, {})
        with pytest.raises(NotAllowed):
            await stranger.register("Tienda Lima", _key_pair()[1])
        with pytest.raises(NotAllowed):
            await stranger.nodes()


async def test_no_door_of_the_port_is_open_to_strangers(superlink: SuperLink) -> None:
    """All that Flower's server answers, asked with a message that names nobody and is signed by nobody."""
    context = ssl.create_default_context(cafile=superlink.ca)
    async with httpx.AsyncClient(base_url=f"https://{superlink.address}", verify=context) as http:
        told = await http.get("/openapi.json", headers={"authorization": f"Bearer {superlink.secret}"})
        doors = {(method, path) for path, methods in told.json()["paths"].items() for method in methods}
        assert {path.split("/")[2] for _, path in doors if path != "/health"} == {
            "control",
            "fleet",
            "runtime",
        }
        assert len(doors) > 60
        doors = {door for door in doors if door[1] != "/health"} | {
            ("get", "/docs"),
            ("get", "/openapi.json"),
        }
        answers = {}
        for method, path in sorted(doors):
            got = await http.request(method.upper(), path, headers={"content-type": PROTOBUF})
            answers[method, path] = got.status_code
    assert {door: status for door, status in answers.items() if status != 401} == {}


async def test_a_superlink_that_is_not_there_is_unavailable(superlink: SuperLink) -> None:
    async with open_control(f"127.0.0.1:{free_port()}", superlink.ca, superlink.secret) as control:
        with pytest.raises(Unavailable, match="does not answer"):
            await control.nodes()


async def test_a_superlink_of_another_authority_is_unavailable(superlink: SuperLink, tmp_path: Path) -> None:
    other = await asyncio.to_thread(open_authority, tmp_path, SystemClock())
    async with open_control(superlink.address, other.ca, superlink.secret) as control:
        with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
            await control.nodes()


def test_flowers_numbers_mean_what_we_take_them_for() -> None:
    assert {code.name: TOLD[code] for code in ApiErrorCode if code in TOLD} == {
        "INVALID_RUN_CONFIG": Invalid,
        "RUN_ID_NOT_FOUND": NotFound,
        "RUN_ALREADY_FINISHED": Conflict,
        "PUBLIC_KEY_NOT_VALID": Invalid,
        "PUBLIC_KEY_ALREADY_IN_USE": Conflict,
        "NODE_NOT_FOUND": NotFound,
    }
    assert PROTOBUF == PROTOBUF_MEDIA_TYPE


def test_the_control_room_is_entered_without_flower() -> None:
    code = "import sys, feria.superlink.control, feria.superlink.process; print('flwr' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
