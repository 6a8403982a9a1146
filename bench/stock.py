"""Flower's own SuperLink and SuperNodes on this machine over TLS, with the settings they come with."""

import asyncio
import json
import shutil
import sysconfig
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from os import environ
from pathlib import Path

from bench.peers import silo
from bench.processes import Process, free_port, running
from bench.stores import Job
from feria.clock import SystemClock
from feria.errors import Unavailable
from feria.federation.flower import bundle
from feria.superlink.authority import open_authority
from feria.superlink.control import Control, open_control

APP = Path(__file__).with_name("stock_app")
QUIET = {"FLWR_TELEMETRY_ENABLED": "0", "FLWR_DISABLE_UPDATE_CHECK": "1"}
PATIENCE = 90.0
LOOK = 0.05


@dataclass
class Stock:
    control: Control
    programs: dict[str, Process]
    bundle: bytes
    scratch: Path
    reached: float
    """Seconds from its start until the SuperLink answered."""
    online: list[float] = field(default_factory=list)
    """And for each store, one after the other, until the SuperLink saw it."""

    async def train(self, stores: int, rounds: int) -> Job:
        file = self.scratch / "told.json"
        began = time.time()
        run_id = await self.control.start(
            self.bundle, {"stores": stores, "rounds": rounds, "file": str(file)}
        )
        while (run := await self.control.run(run_id)).state != "finished":  # noqa: ASYNC110 - of that nothing tells
            await asyncio.sleep(LOOK)
        if run.outcome != "completed":
            raise self.programs["superlink"].failed(f"ended the run: {run.details}")
        told = json.loads(file.read_text())
        return Job(told["times"][0] - began, told["times"], told["accuracy"])


@asynccontextmanager
async def open_stock(folder: Path, rows: Sequence[Path]) -> AsyncGenerator[Stock]:
    """In a folder of its own, with a store for each file of rows, all there when this yields."""
    authority = open_authority(folder / "authority", SystemClock())
    authority.certify([])
    app = shutil.copytree(APP, folder / "app", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(silo.__file__, app)
    port = free_port()
    address = f"127.0.0.1:{port}"
    async with AsyncExitStack() as stack:

        def begin(name: str, program: str, *arguments: str) -> Process:
            """They start one another by name."""
            bin = sysconfig.get_path("scripts")
            more = {"FLWR_HOME": str(folder / name), "PATH": f"{bin}:{environ['PATH']}"}
            command = [f"{bin}/{program}", *arguments]
            return stack.enter_context(running(command, folder / f"{name}.log", env=QUIET | more))

        superlink = begin(
            "superlink",
            "flower-superlink",
            f"--ssl-ca-certfile={authority.ca}",
            f"--ssl-certfile={authority.certificate}",
            f"--ssl-keyfile={authority.certificate}",
            f"--database={folder / 'state.db'}",
            f"--port={port}",
            "--disable-runtime-dependency-installation",
        )
        control = await stack.enter_async_context(open_control(address, authority.ca))
        reached = await _until(control, 0, superlink)
        stock = Stock(control, {"superlink": superlink}, bundle(app), folder, reached)
        for number, file in enumerate(rows):
            stock.programs[f"supernode {number}"] = node = begin(
                f"supernode {number}",
                "flower-supernode",
                f"--root-certificates={authority.ca}",
                f"--superlink={address}",
                f"--port={free_port()}",
                f'--node-config=data="{file}"',
            )
            stock.online.append(await _until(control, number + 1, node))
        yield stock


async def _until(control: Control, stores: int, process: Process) -> float:
    """Seconds since the process began until so many stores are online."""
    while True:
        try:
            nodes = await control.nodes()
        except Unavailable:
            nodes = None
        took = time.perf_counter() - process.began
        if nodes is not None and sum(node.state == "online" for node in nodes) >= stores:
            return took
        if took > PATIENCE:
            raise process.failed(f"was not there within {PATIENCE:g} s")
        await asyncio.sleep(LOOK)
