"""A store and a hub's real SuperLink. Machines differ; whatever is waited for here has a minute to happen."""

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from feria.clock import SystemClock
from feria.errors import Conflict, NotAllowed, NotFound
from feria.federation.engine import MODEL
from feria.federation.flower import bundle
from feria.federation.orders import TrainingJob
from feria.learning.sources import Limits
from feria.store.home import Home
from feria.store.supernode import SuperNode, open_supernode
from feria.superlink.authority import open_authority
from feria.superlink.control import Control, open_control
from feria.superlink.process import SuperLink, open_superlink
from programs import free_port, processes_of, until, wait
from store.joined import ROWS, TARGET, consents, join_by_hand, traces_of_cells, write_rows
from store.tap import Tap, open_tap

LIMITS = Limits(rows=1000, columns=20)
HUB_APP = Path(__file__).parent / "hub_app"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hub")


@pytest.fixture(scope="module")
async def superlink(folder: Path) -> AsyncGenerator[SuperLink]:
    async with open_superlink(folder, host="127.0.0.1", port=free_port(), names=()) as superlink:
        yield superlink


@pytest.fixture(scope="module")
async def control(superlink: SuperLink) -> AsyncGenerator[Control]:
    async with open_control(superlink.address, superlink.ca, superlink.secret) as control:
        yield control


@pytest.fixture(scope="module")
async def tap(superlink: SuperLink, folder: Path) -> AsyncGenerator[Tap]:
    certificate = open_authority(folder, SystemClock()).certificate
    async with open_tap(superlink.host, superlink.port, superlink.ca, certificate) as tap:
        yield tap


@contextlib.asynccontextmanager
async def _at_work(home: Home) -> AsyncGenerator[SuperNode]:
    async with open_supernode(home, LIMITS) as node:
        running = asyncio.create_task(node.run())
        async with asyncio.timeout(300):
            await node.online.wait()
        try:
            yield node
        finally:
            running.cancel()
            await asyncio.wait([running])


@pytest.fixture(scope="module")
async def home(
    superlink: SuperLink, control: Control, tap: Tap, tmp_path_factory: pytest.TempPathFactory
) -> Home:
    folder = tmp_path_factory.mktemp("store")
    home = Home(folder / "home")
    rows = write_rows(folder / "patients.csv")
    key = join_by_hand(home, superlink=tap.address, ca=superlink.ca.read_text(), rows=rows)
    await control.register("Lima", key)
    return home


@pytest.fixture(scope="module")
async def store(home: Home) -> AsyncGenerator[SuperNode]:
    async with _at_work(home) as node:
        yield node
    assert not processes_of(home.folder)


async def _job(control: Control, folder: Path, **more: Any) -> str:
    """Run one at the hub, to its end; how it ended, and why."""
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    said = {"model": "relapses", "kind": "logistic_regression", "target": TARGET, "rounds": 2, **more}
    order = TrainingJob.model_validate(said).model_dump_json()
    settings = {"order": order, "folder": str(folder), "rows": ROWS}
    run_id = await control.start(bundle(HUB_APP), settings)
    async with asyncio.timeout(300):
        while (run := await control.run(run_id)).state != "finished":
            await SystemClock().sleep(0.05)
    errors = folder / "errors"
    return f"{run.outcome} {errors.read_text() if errors.exists() else run.details}".strip()


async def test_a_hub_makes_a_model_with_a_store_and_no_cell_is_on_the_wire(
    store: SuperNode,
    control: Control,
    tap: Tap,
    folder: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    assert await _job(control, tmp_path) == "completed"
    assert (tmp_path / MODEL).stat().st_size > 0
    assert b"/v1/fleet/push-object" in tap.heard
    assert b'"pressure":{"clients":1' in tap.heard  # counts and means, so it is what was said that was heard
    assert traces_of_cells(bytes(tap.heard)) == []
    files = [file for at in (folder, tmp_path) for file in at.rglob("*") if file.is_file()]
    kept = b"".join(file.read_bytes() for file in files)
    assert b'"model":"relapses"' in kept  # the job's order: these are what the hub keeps
    assert traces_of_cells(kept) == []
    assert (
        "Asked to train, round 2 of 2, for the model 'relapses' (logistic_regression by fedavg)."
        in caplog.text
    )
    (node,) = await control.nodes()
    assert (node.name, node.state) == ("Lima", "online")


async def test_what_a_store_refuses_and_why_is_told_the_hub(
    store: SuperNode, home: Home, control: Control, tmp_path: Path
) -> None:
    consents(home, strategies=("median",))
    said = await _job(control, tmp_path)
    consents(home)
    assert said == "failed 2 This store does not allow the strategy fedavg; it allows median."


async def test_programs_that_are_killed_come_back_and_the_store_goes_on(
    store: SuperNode, control: Control, tmp_path: Path
) -> None:
    before = (store.supernode.starts, store.executor.starts)
    for pid in (store.supernode.pid, store.executor.pid):
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    await until(lambda: store.supernode.starts > before[0] and store.executor.starts > before[1])
    async with asyncio.timeout(300):
        await store.online.wait()
    assert await _job(control, tmp_path) == "completed"


async def test_a_store_finds_its_hub_again(
    store: SuperNode, superlink: SuperLink, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    pid, starts = superlink.link.pid, superlink.link.starts
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await until(lambda: "No answer from the hub's SuperLink" in caplog.text)
    await until(lambda: superlink.link.starts > starts and "Lima is online at" in caplog.text)
    assert caplog.text.count("No answer from") == 1


async def test_a_store_works_once(store: SuperNode, home: Home) -> None:
    assert home.at_work
    with pytest.raises(Conflict):
        async with open_supernode(home, LIMITS):
            pass


async def test_who_never_joined_cannot_work(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        async with open_supernode(Home(tmp_path), LIMITS):
            pass


async def test_a_store_that_the_hub_removed_is_told_and_ends(
    superlink: SuperLink, control: Control, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    rows = write_rows(tmp_path / "patients.csv")
    key = join_by_hand(home, superlink=superlink.address, ca=superlink.ca.read_text(), rows=rows)
    node_id = await control.register("Cusco", key)
    async with open_supernode(home, LIMITS) as node:
        running = asyncio.create_task(node.run())
        async with asyncio.timeout(300):
            await node.online.wait()
            await control.unregister(node_id)
            with pytest.raises(NotAllowed, match="does not know this store's key: it was removed there"):
                await running
    assert not processes_of(tmp_path)


def test_nothing_outlives_a_store_that_is_killed(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "home"
    rows = write_rows(tmp_path / "patients.csv")
    join_by_hand(Home(folder), superlink="127.0.0.1:9", ca=home.ca.read_text(), rows=rows)
    script = textwrap.dedent("""
        import asyncio, sys
        from pathlib import Path
        from feria.learning.sources import Limits
        from feria.store.home import Home
        from feria.store.supernode import open_supernode

        async def main():
            async with open_supernode(Home(Path(sys.argv[1])), Limits(1000, 20)) as node:
                running = asyncio.create_task(node.run())
                while node.supernode.pid is None or node.executor.pid is None:
                    await asyncio.sleep(0.02)
                print("running", flush=True)
                await running

        asyncio.run(main())
    """)
    with subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "running\n"
        assert len(processes_of(folder)) >= 3
        parent.kill()
    wait(lambda: not processes_of(folder))
