"""Promise `http-peers`, its first part: pictures over HTTP beside a bare loop. The peers are in `peers/`."""

import os
from contextlib import ExitStack
from pathlib import Path

import msgspec

from bench.bare_pictures import BareLoop
from bench.contenders import JSON, PATIENT, Contender, Lines, Served, feria_node
from bench.nets import DESCRIPTION, mobile_net, pictures
from bench.processes import Process
from bench.report import Outcome, Promise, number, rates
from bench.rounds import take_turns
from bench.run import Run
from feria import Client

NAME = "image_predict"
CONNECTIONS = (1, 10, 100)
PROMISED = 100
OURS, RAW, FLOOR = "feria, JSON with Base64", "feria, the JPEG itself", "bare loop"
FLOOR_BATCHES = (1, 2, 4, 8)
PATH = "/v1/models/faces/predict"


def run(run: Run) -> Outcome:
    with ExitStack() as stack:
        file = run.scratch / "mobilenet.onnx"
        file.write_bytes(mobile_net())
        client = stack.enter_context(Lines("bench.load"))
        node, port = stack.enter_context(feria_node(run.scratch, **PATIENT))
        publish(port, file)
        floor = best_loop(stack.enter_context(Lines("bench.bare_pictures", str(file))), run)
        contenders: list[Contender] = [*ours(client, node, port), floor]
        taken = take_turns(contenders, run.pick(CONNECTIONS, PROMISED), run.rounds, run.seconds, run.tell)

    rate = {name: number(taken.rate(name, PROMISED).median) for name in (OURS, FLOOR)}
    return Outcome(
        NAME,
        grids=[rates("A 96×96 JPEG over HTTP, MobileNetV2 with 2.2 million parameters", taken, FLOOR)],
        promises=[
            Promise(
                "http-peers",
                f"{rate[OURS]} pictures/s, {PROMISED} connections",
                "ONNX Runtime and decoding in a bare loop",
                f"{rate[FLOOR]} pictures/s",
                taken.ratio(OURS, FLOOR, PROMISED).median,
                "≥ 0.9 (promised for WebSocket)",
            )
        ],
    )


def publish(port: int, file: Path) -> None:
    with Client(f"http://127.0.0.1:{port}") as feria:
        feria.publish("faces", file, DESCRIPTION)


def ours(client: Lines, node: Process, port: int) -> list[Served]:
    raw = pictures()
    in_json = [msgspec.json.encode({"image": picture}) for picture in raw]
    return [
        Served(OURS, client, node, port, PATH, in_json, JSON),
        Served(RAW, client, node, port, PATH, raw, {"content-type": "image/jpeg"}),
    ]


def best_loop(process: Lines, run: Run) -> BareLoop:
    """The batch size that is fastest here, so that the floor is as low as it gets."""
    cores = os.cpu_count() or 1
    loops = {batch: BareLoop(FLOOR, process, pictures(), batch, cores) for batch in FLOOR_BATCHES}
    seen: dict[int, float] = dict.fromkeys(loops, 0.0)
    for _ in range(1 if run.quick else 3):
        for batch, loop in loops.items():
            run.tell(f"looking for the fastest bare loop: batches of {batch}")
            seen[batch] = max(seen[batch], loop.measure(10_000, run.seconds / 3).rate)
    return loops[max(seen, key=lambda batch: seen[batch])]
