"""Promise `chat-fanout`: what one says, all hear, beside Node.js with socket.io."""

import shutil
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
from websockets.sync.client import connect

from bench.chat_load import Answer, Order
from bench.contenders import Lines, feria_node
from bench.load import percentile
from bench.processes import Failed, Process, environment, free_port, running
from bench.report import Grid, Outcome, Promise, number, ranged
from bench.rounds import Spread, spread
from bench.run import Run

NAME = "chat"
PEER = Path(__file__).parent / "chat_peer"
OURS, NODE, STORED = "feria", "Node.js and socket.io", "feria, stored"
SHAPES = ((100, 1), (100, 16), (1000, 1), (1000, 16))
"""Sockets, messages in flight."""
TARGETS = {(100, 1): 1.2, (1000, 1): 1.5, (100, 16): 2.0, (1000, 16): 2.0}
UNLIMITED = {
    "FERIA_CHAT__MESSAGES_PER_SECOND": "1e6",
    "FERIA_CHAT__ROOM_MESSAGES_PER_SECOND": "1e6",
}
ROUNDS = 3
INSTALL_SECONDS = 300
LOOKS: dict[str, tuple[str, dict[str, Any]]] = {
    "the newest 50": ("history", {"room": "general", "limit": 50}),
    "50 from the middle": ("history", {"room": "general", "limit": 50, "before": 500}),
    "replay, 500 at a time": ("join", {"room": "general", "after": 0, "limit": 500}),
}
LOOK_COLUMNS = ["Question", "Answers/s", "Messages/s", "p50 ms", "p99 ms"]
KIB, MIB = 2**10, 2**20

Samples = dict[tuple[str, int, int], list[Answer]]


def run(run: Run) -> Outcome:
    with ExitStack() as stack:
        client = stack.enter_context(Lines("bench.chat_load"))
        ours, port = stack.enter_context(feria_node(run.scratch, **UNLIMITED))
        theirs, their_port = _peer(stack, run.scratch)
        contenders = {
            OURS: (ours, port, ""),
            NODE: (theirs, their_port, ""),
            STORED: (ours, port, "general"),
        }
        samples: Samples = {}

        def measure(name: str, sockets: int, in_flight: int, seconds: float) -> Answer:
            process, where, room = contenders[name]
            order = Order(where, sockets, in_flight, seconds, seconds / 3, process.pid, room)
            answer: Answer = client.ask(order, Answer, 2 * seconds + 90)
            if answer.failure or not answer.messages:
                raise process.failed(answer.failure or "delivered nothing")
            return answer

        for name in contenders:  # what a start leaves to do, and what a first run compiles, is none of theirs
            run.tell(f"warming: {name}")
            measure(name, 100, 1, 2 * run.seconds)
        for n in range(1 if run.quick else ROUNDS):
            names = list(contenders)
            for sockets, in_flight in SHAPES[:1] if run.quick else SHAPES:
                for name in (*names[n % 3 :], *names[: n % 3]):
                    run.tell(f"round {n + 1}: {name}, {sockets} sockets, {in_flight} in flight")
                    answer = measure(name, sockets, in_flight, run.seconds)
                    samples.setdefault((name, sockets, in_flight), []).append(answer)
        run.tell("history and replay")
        looks = [_look(port, what, order, run.seconds) for what, order in LOOKS.items()]
    return Outcome(
        NAME,
        grids=[
            _grid(samples),
            Grid("One client looks back, one question after the other", LOOK_COLUMNS, looks),
        ],
        promises=_promises(samples),
        notes=[
            "Each message is 100 bytes and goes to every socket, its sender's included; the next is sent "
            "when the first of those in flight has reached the last socket. The time is that from sending "
            "to the last socket. `feria` and the peer pass `mensaje` on and keep nothing; `feria, stored` "
            "says it in a room, where each is durable in SQLite (synchronous = FULL) before it is heard.",
        ],
        versions={"node": _said("node", "--version"), "socket.io": "4.8.4"},
    )


def _peer(stack: ExitStack, scratch: Path) -> tuple[Process, int]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise Failed("The peer needs Node.js and npm, which are not here.")
    if not (PEER / "node_modules" / "socket.io").exists():
        done = subprocess.run(
            [npm, "ci", "--no-audit", "--no-fund"],
            cwd=PEER,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
        )
        if done.returncode:
            raise Failed(f"npm could not fetch socket.io:\n{done.stderr[-2000:]}")
    port = free_port()
    command = [node, str(PEER / "server.js"), str(port)]
    process = stack.enter_context(
        running(command, scratch / "peer.log", env=environment({"NODE_ENV": "production"}))
    )
    process.until_answers(f"http://127.0.0.1:{port}/")
    return process, port


def _look(port: int, what: str, order: tuple[str, dict[str, Any]], seconds: float) -> list[str]:
    """Ask the same again and again, for so long."""
    took: list[float] = []
    told = 0
    question = "420" + msgspec.json.encode(order).decode()
    address = f"ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket"
    with connect(address, compression=None, max_size=None) as socket:
        socket.send("40")
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            began = time.perf_counter()
            socket.send(question)
            while not (answer := str(socket.recv())).startswith("430"):
                continue
            took.append(time.perf_counter() - began)
            said = msgspec.json.decode(answer[3:])[0]
            if said["status"] != "success":
                raise Failed(f"{what} was refused: {said['detail']}")
            told += len(said["messages"])
    ascending = sorted(took)
    times = (percentile(ascending, share) * 1e3 for share in (0.5, 0.99))
    return [what, number(len(took) / seconds), number(told / seconds), *(number(one) for one in times)]


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True).stdout.strip().removeprefix("v")


def _per_cpu(answer: Answer) -> float:
    return answer.deliveries / answer.server_cpu


def _ratio(samples: Samples, shape: tuple[int, int]) -> Spread:
    pairs = zip(samples[OURS, *shape], samples[NODE, *shape], strict=True)
    return spread(_per_cpu(ours) / _per_cpu(theirs) for ours, theirs in pairs)


def _promises(samples: Samples) -> list[Promise]:
    made = []
    for shape, target in TARGETS.items():
        if (OURS, *shape) not in samples:
            continue
        sockets, in_flight = shape
        what = f"{sockets:,} sockets, {in_flight} in flight"
        ours, theirs = (
            spread(_per_cpu(one) for one in samples[name, *shape]).median for name in (OURS, NODE)
        )
        made.append(
            Promise(
                id="chat-fanout",
                ours=f"{number(ours)} deliveries a CPU second",
                against=f"{NODE}, {what}",
                theirs=number(theirs),
                value=_ratio(samples, shape).median,
                target=f"≥ {target:g}",
            )
        )
    return made


def _grid(samples: Samples) -> Grid:
    columns = ["Contender", "Sockets", "In flight", "Deliveries/s", "per CPU second", "p50 ms", "p99 ms"]
    columns += ["KiB a socket", "Client's core"]
    rows = []
    for (name, sockets, in_flight), answers in sorted(samples.items(), key=lambda one: one[0][1:]):
        grown = spread((one.rss - one.rss_before) / KIB / sockets for one in answers)
        rows.append(
            [
                name,
                str(sockets),
                str(in_flight),
                ranged(spread(one.deliveries / one.seconds for one in answers)),
                ranged(spread(_per_cpu(one) for one in answers)),
                ranged(spread(one.p50 * 1e3 for one in answers)),
                ranged(spread(one.p99 * 1e3 for one in answers)),
                number(grown.high),
                f"{spread(one.client_cpu / one.seconds for one in answers).median:.0%}",
            ]
        )
    return Grid("A message of 100 bytes to everybody", columns, rows)
