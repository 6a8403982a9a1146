"""Promises `ws-floor` and `ws-1000`: expressions over WebSockets beside a bare loop; and overload, vanishing
callers, new versions under load, the log, and eight bits."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import onnx
import simplejpeg

from bench.bare_pictures import BareLoop
from bench.contenders import Contender, Lines, Sample, feria_node
from bench.image_predict import best_loop
from bench.nets import DESCRIPTION, mobile_net, pictures
from bench.processes import Process
from bench.report import Grid, Outcome, Promise, number, ranged, rates
from bench.rounds import take_turns
from bench.run import Run
from bench.stream_load import Answer, Order
from feria import Client

NAME = "emotions"
CONNECTIONS = (1, 10, 100, 1000)
PROMISED = 100
EVERY = 1.0
"""Seconds between two versions."""
OPEN, RATE = 1000, 200.0
OVERLOAD, IDLE_SHARE, CLOSED = 2.0, 0.05, 16
PATH = "/"
WAITING = {"FERIA_INFERENCE__MAX_WAIT_MILLISECONDS": "60000", "FERIA_INFERENCE__MAX_WAITING": "4096"}
"""For a thousand at once, in a closed loop, none of whom is refused."""
OURS, RAW, FLOOR = "feria, JSON with Base64", "feria, the JPEG itself", "bare loop"
LOGGED, EIGHT = "the same, each label stored", "the same network in eight bits"
MIB = 2**20


@dataclass
class Streamed:
    """A node and what its streams are sent."""

    name: str
    client: Lines
    process: Process
    port: int
    bodies: Sequence[bytes]
    binary: bool = False
    path: str = PATH

    def ask(self, seconds: float, sockets: int, rate: float = 0.0, *, vanish: bool = False) -> Answer:
        order = Order(
            port=self.port,
            path=self.path,
            bodies=list(self.bodies),
            binary=self.binary,
            sockets=sockets,
            rate=rate,
            seconds=seconds,
            warm_seconds=min(0.5, seconds / 3),
            server=self.process.pid,
            vanish=vanish,
        )
        answer: Answer = self.client.ask(order, Answer, seconds * 2 + 60)
        if answer.failed:
            raise self.process.failed(f"gave {answer.failed} wrong answers; the first: {answer.failure}")
        return answer

    def measure(self, connections: int, seconds: float) -> Sample:
        answer = self.ask(seconds, connections)
        if answer.refused.count or not answer.accepted.count:
            raise self.process.failed(f"refused {answer.refused.count} of a closed loop")
        return Sample(
            rate=answer.accepted.count / answer.seconds,
            p50=answer.accepted.p50 * 1e3,
            p99=answer.accepted.p99 * 1e3,
            cpu=answer.server_cpu / answer.accepted.count * 1e3,
            rss=answer.rss_after / MIB,
            client=answer.client_cpu / answer.seconds,
        )


def run(run: Run) -> Outcome:
    outcome = Outcome(NAME)
    with ExitStack() as stack:
        file = run.scratch / "mobilenet.onnx"
        file.write_bytes(mobile_net())
        client = stack.enter_context(Lines("bench.stream_load"))
        floor = best_loop(stack.enter_context(Lines("bench.bare_pictures", str(file))), run)
        with node(run.scratch, "patient", file, client, **WAITING) as ours:
            _floor(run, outcome, ours, floor)
        with node(run.scratch, "plain", file, client) as ours:
            _thousand(run, outcome, ours)
            _overload(run, outcome, ours)
            _swap(run, outcome, ours, file)
        _beside(run, outcome, client, file)
    return outcome


@contextmanager
def node(scratch: Path, name: str, file: Path, client: Lines, **settings: str) -> Iterator[Streamed]:
    empty = {"FERIA_REGISTRY__SHIPPED": "false"}
    with feria_node(scratch, name, **empty, **settings) as (process, port):
        with Client(f"http://127.0.0.1:{port}") as feria:
            feria.publish("emotions", file, DESCRIPTION)
        in_json = [msgspec.json.encode({"command": "predict", "image": one}) for one in pictures()]
        yield Streamed(OURS, client, process, port, in_json)


def _floor(run: Run, outcome: Outcome, ours: Streamed, floor: BareLoop) -> None:
    raw = replace(ours, name=RAW, bodies=pictures(), binary=True, path="/v1/emotions/stream")
    contenders: list[Contender] = [ours, raw, floor]
    taken = take_turns(contenders, run.pick(CONNECTIONS, PROMISED), run.rounds, run.seconds, run.tell)
    outcome.grids.append(
        rates("A 96×96 JPEG over a WebSocket, MobileNetV2 with 2.2 million parameters", taken, FLOOR)
    )
    rate = {name: number(taken.rate(name, PROMISED).median) for name in (OURS, FLOOR)}
    cpu = {name: taken.figure(name, PROMISED, lambda sample: sample.cpu).median for name in (OURS, FLOOR)}
    outcome.promises += [
        Promise(
            "ws-floor",
            f"{rate[OURS]} predictions/s, {PROMISED} connections",
            "ONNX Runtime and decoding in a bare loop",
            f"{rate[FLOOR]}/s",
            taken.ratio(OURS, FLOOR, PROMISED).median,
            "≥ 0.9",
        ),
        Promise(
            "ws-floor",
            f"{number(cpu[OURS])} ms of processor a prediction",
            "the same loop's processor time",
            f"{number(cpu[FLOOR])} ms",
            cpu[OURS] / cpu[FLOOR],
            "≤ 1.08",
        ),
    ]


def _thousand(run: Run, outcome: Outcome, ours: Streamed) -> None:
    run.tell(f"{OPEN} sockets open, {RATE:g} predictions a second")
    answer = ours.ask(2.0 if run.quick else 15.0, OPEN, RATE)
    p50, p99, rss = answer.accepted.p50 * 1e3, answer.accepted.p99 * 1e3, answer.rss_node / 1e6
    outcome.promises += [
        Promise(
            "ws-1000", f"p50 {number(p50)} ms", f"{OPEN:,} sockets at {RATE:g}/s", "", p50, "< 4 ms", False
        ),
        Promise("ws-1000", f"p99 {number(p99)} ms", "the same, 99 of 100", "", p99, "< 25 ms", False),
        Promise(
            "ws-1000",
            f"{number(rss)} MB",
            "the same, memory of the node's process",
            "",
            rss,
            "< 250 MB",
            False,
        ),
    ]
    cpu = answer.server_cpu / max(1, answer.accepted.count) * 1e3
    outcome.notes.append(
        f"{OPEN:,} open sockets at {RATE:g}/s: {answer.accepted.count:,} answered, {answer.refused.count} "
        f"refused, {number(cpu)} ms of processor each. With the process that waits to start workers the node "
        f"takes {number(answer.rss_after / MIB)} MiB."
    )


def _overload(run: Run, outcome: Outcome, ours: Streamed) -> None:
    seconds = 2.0 if run.quick else 10.0
    run.tell("what it can take")
    capacity = ours.measure(CLOSED, 2 * run.seconds).rate
    run.tell("idle")
    idle = ours.ask(seconds, 200, IDLE_SHARE * capacity)
    run.tell(f"{OVERLOAD:g} × what it can take")
    over = ours.ask(seconds, 200, OVERLOAD * capacity)
    run.tell("callers who vanish")
    next_answer = ours.ask(1.0, OPEN, vanish=True).next_answer * 1e3
    rows = [
        [
            name,
            number(asked),
            number(answer.accepted.count / answer.seconds),
            *(number(of * 1e3) for of in (answer.accepted.p50, answer.accepted.p99)),
            *(
                number(of * 1e3) if answer.refused.count else "–"
                for of in (answer.refused.p50, answer.refused.p99)
            ),
        ]
        for name, asked, answer in (
            ("idle", IDLE_SHARE * capacity, idle),
            (f"{OVERLOAD:g} × what it can take", OVERLOAD * capacity, over),
        )
    ]
    columns = ["Load", "Asked/s", "Answered/s", "p50 ms", "p99 ms", "Refusal p50 ms", "Refusal p99 ms"]
    outcome.grids.append(Grid("A 96×96 JPEG over 200 WebSockets, in an open loop", columns, rows))
    excess = (over.accepted.p99 - idle.accepted.p99) * 1e3
    refusal = over.refused.p99 * 1e3
    outcome.promises += [
        Promise(
            "overload",
            f"WebSocket: accepted p99 {number(over.accepted.p99 * 1e3)} ms",
            "the same streams, idle",
            f"{number(idle.accepted.p99 * 1e3)} ms",
            excess,
            "< 50 ms above it",
            False,
        ),
        Promise(
            "overload",
            f"WebSocket: refusals' p99 {number(refusal)} ms",
            "streams",
            "",
            refusal,
            "< 5 ms",
            False,
        ),
        Promise(
            "overload",
            f"WebSocket: answered after {number(next_answer)} ms",
            f"after {OPEN:,} streams that vanished",
            "",
            next_answer,
            "< 20 ms",
            False,
        ),
    ]


def _swap(run: Run, outcome: Outcome, ours: Streamed, file: Path) -> None:
    run.tell("new versions under load")
    capacity = ours.measure(CLOSED, run.seconds).rate
    other = run.scratch / "other.onnx"
    other.write_bytes(mobile_net(1))
    seconds = 1.5 if run.quick else 6.0
    before = ours.ask(seconds, 100, 0.25 * capacity)
    with publishing(ours.port, [file, other]) as versions:
        during = ours.ask(seconds, 100, 0.25 * capacity)
    outcome.promises.append(
        Promise(
            "hot-swap",
            f"WebSocket: {during.refused.count} of {during.accepted.count + during.refused.count:,} failed",
            "versions published under streams",
            str(len(versions)),
            during.refused.count,
            "≤ 0 failed",
            False,
        )
    )
    outcome.notes.append(
        f"New versions every {EVERY:g} s under streams: p99 {number(before.accepted.p99 * 1e3)} ms before, "
        f"{number(during.accepted.p99 * 1e3)} ms meanwhile."
    )


@contextmanager
def publishing(port: int, files: Sequence[Path]) -> Iterator[list[int]]:
    """A new version every so often; the list fills with their numbers."""
    versions: list[int] = []
    enough = threading.Event()

    def publish_all() -> None:
        with Client(f"http://127.0.0.1:{port}") as feria:
            while not enough.wait(EVERY):
                file = files[len(versions) % len(files)]
                versions.append(feria.publish("emotions", file, DESCRIPTION).version)

    publisher = threading.Thread(target=publish_all)
    publisher.start()
    try:
        yield versions
    finally:
        enough.set()
        publisher.join()


def _beside(run: Run, outcome: Outcome, client: Lines, file: Path) -> None:
    """With and without the log, and in eight bits, turn by turn."""
    from training.quantise import quantised

    small = run.scratch / "int8.onnx"
    shown = np.stack([simplejpeg.decode_jpeg(one, "RGB").transpose(2, 0, 1) for one in pictures()]) / 255
    onnx.save(quantised(onnx.load(file), shown.astype(np.float32)), small)
    with ExitStack() as stack:
        named = [
            (OURS, file, {}),
            (LOGGED, file, {"FERIA_EMOTIONS__ALLOW": '["statistics"]'}),
            (EIGHT, small, {}),
        ]
        contenders: list[Contender] = [
            replace(
                stack.enter_context(node(run.scratch, f"n{i}", net, client, **WAITING, **more)), name=name
            )
            for i, (name, net, more) in enumerate(named)
        ]
        taken = take_turns(contenders, [PROMISED], run.rounds, run.seconds, run.tell)
    outcome.grids.append(rates("What the log costs, and what eight bits save", taken, OURS))
    outcome.notes.append(
        f"Storing each label: {ranged(taken.ratio(LOGGED, OURS, PROMISED))} of the rate without; "
        f"eight bits: {ranged(taken.ratio(EIGHT, OURS, PROMISED))}."
    )
