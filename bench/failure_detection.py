"""How soon four members know that the fifth was killed, beside Serf."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import httpx

from bench.debian import program, version
from bench.key_stores import feria
from bench.processes import Failed, Process, Tree, free_port, running
from bench.report import Grid, Outcome, Promise, number
from bench.rounds import Spread, spread
from bench.run import Run

NAME = "failure_detection"
NODES = 5
KILLS, QUICK_KILLS = 5, 1
PATIENCE = 60.0
SETTLED = 3.0
"""Seconds that all have known one another when one is killed; a random part of a probe more."""
LOOK = 0.02

Members = Sequence[tuple[Process, Callable[[], int]]]
"""Each with how many members it holds for alive, itself among them."""


def open_feria(scratch: Path, stack: ExitStack) -> Members:
    gossip = [free_port() for _ in range(NODES)]
    members = []
    for which in range(NODES):
        settings = {
            "FERIA_CLUSTER__GOSSIP_PORT": str(gossip[which]),
            "FERIA_CLUSTER__JOIN": json.dumps([f"127.0.0.1:{gossip[0]}"] if which else []),
        }
        process, port = stack.enter_context(feria(scratch, f"node-{which}", **settings))
        http = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False))

        def alive(http: httpx.Client = http) -> int:
            others = http.get("/v1/cluster").json()["members"]
            return 1 + sum(one["state"] in {"alive", "suspect"} for one in others)

        members.append((process, alive))
    return members


def open_serf(scratch: Path, stack: ExitStack) -> Members:
    serf = str(program("serf", "serf"))
    ports = [(free_port(), free_port()) for _ in range(NODES)]
    members = []
    for which, (gossip, rpc) in enumerate(ports):
        addresses = [f"-bind=127.0.0.1:{gossip}", f"-rpc-addr=127.0.0.1:{rpc}"]
        joins = [f"-retry-join=127.0.0.1:{ports[0][0]}", "-retry-interval=1s"] if which else []
        rest = [f"-node=m{which}", "-profile=lan", "-log-level=err"]
        command = [serf, "agent", *addresses, *joins, *rest]
        process = stack.enter_context(running(command, scratch / f"serf-{which}.log"))

        def alive(rpc: int = rpc) -> int:
            asked = [serf, "members", f"-rpc-addr=127.0.0.1:{rpc}", "-status=alive", "-format=json"]
            said = subprocess.run(asked, capture_output=True, text=True, timeout=PATIENCE)
            return len(json.loads(said.stdout)["members"]) if said.returncode == 0 else 0

        members.append((process, alive))
    return members


OPENED = {"feria": open_feria, "Serf, profile lan": open_serf}


def seconds_to_know(members: Members, chance: float) -> float:
    _until(members, NODES)
    time.sleep(SETTLED + chance)
    killed, _ = members[-1]
    Tree(killed.pid).send(signal.SIGKILL)
    began = time.perf_counter()
    _until(members[:-1], NODES - 1)
    return time.perf_counter() - began


def _until(members: Members, count: int) -> None:
    until = time.monotonic() + PATIENCE
    for _, alive in members:
        while alive() != count:
            if time.monotonic() > until:
                raise Failed(f"A member did not come to know of {count}.")
            time.sleep(LOOK)


def run(run: Run) -> Outcome:
    kills = QUICK_KILLS if run.quick else KILLS
    took: dict[str, list[float]] = {name: [] for name in OPENED}
    for turn in range(kills):
        for name, opened in OPENED.items():
            run.tell(f"kill {turn + 1}: {name}")
            with ExitStack() as stack:
                scratch = run.scratch / f"kill-{turn}-{name[:5]}"
                scratch.mkdir()
                took[name].append(seconds_to_know(opened(scratch, stack), turn / kills))
    found: dict[str, Spread] = {name: spread(taken) for name, taken in took.items()}
    ours, theirs = found.values()
    rows = [[name, number(one.median), number(one.low), number(one.high)] for name, one in found.items()]
    title = f"Seconds until four know that the fifth was killed, {kills} kills"
    return Outcome(
        NAME,
        grids=[Grid(title, ("", "median", "least", "most"), rows)],
        promises=[
            Promise(
                "kv-detection",
                f"{number(ours.high)} s at most",
                "Serf, profile lan, median",
                f"{number(theirs.median)} s",
                ours.high,
                "≤ 10",
                False,
            )
        ],
        versions={"serf": version("serf")},
    )
