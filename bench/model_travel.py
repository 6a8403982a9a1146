"""Promise `model-travel`: published on one node, predicted with on another, beside copying the file there."""

import os
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bench.key_stores import feria
from bench.processes import Failed, free_port
from bench.report import Grid, Outcome, Promise, number
from bench.rounds import Spread, spread
from bench.run import Run

NAME = "model_travel"
NODES = 3
SIZES = {"4 KB": 1_000, "40 MB": 10_000_000}
"""Numbers in the model, 4 bytes each."""
PROMISED = "40 MB"
PATIENCE = 60.0


def model(numbers: int, seed: int) -> bytes:
    """`x` times the mean of so many random numbers, which no packing makes shorter."""
    weights = np.random.default_rng(seed).random(numbers, np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["w"], ["mean"], axes=[0], keepdims=1),
        helper.make_node("Mul", ["x", "mean"], ["value"]),
    ]
    graph = helper.make_graph(
        nodes,
        "travels",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1])],
        [helper.make_tensor_value_info("value", TensorProto.FLOAT, ["N", 1])],
        [numpy_helper.from_array(weights, "w")],
    )
    opset = [helper.make_opsetid("", 17)]
    made: bytes = helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
    onnx.checker.check_model(onnx.load_from_string(made))
    return made


def copied(content: bytes, folder: Path) -> float:
    """Seconds to send a file through a connection of this machine, and have it on the disk."""
    source, target = folder / "source", folder / "target"
    source.write_bytes(content)
    with socket.create_server(("127.0.0.1", 0)) as door:

        def give() -> None:
            wire, _ = door.accept()
            with wire, source.open("rb") as file:
                wire.sendfile(file)

        giving = threading.Thread(target=give)
        giving.start()
        began = time.perf_counter()
        with socket.create_connection(door.getsockname()) as wire, target.open("wb") as file:
            while piece := wire.recv(2**20):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        took = time.perf_counter() - began
        giving.join()
    return took


def travelled(ports: list[int], name: str, content: bytes) -> float:
    """Seconds from the answer to who published on the first node until the last one has predicted with it."""
    first, last = f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[-1]}"
    with httpx.Client(trust_env=False, timeout=PATIENCE) as http:
        publish = http.post(f"{first}/v1/models/{name}", files={"file": ("model.onnx", content)})
        if publish.status_code != 201:
            raise Failed(f"feria did not publish: {publish.text[:300]}")
        began = time.perf_counter()
        while time.perf_counter() - began < PATIENCE:
            answer = http.post(f"{last}/v1/models/{name}/predict", json={"rows": [[1.0]]})
            if answer.status_code == 200:
                return time.perf_counter() - began
            if answer.status_code != 404:
                raise Failed(f"feria did not predict: {answer.text[:300]}")
            time.sleep(0.001)  # its row is still on the way
    raise Failed("The model did not arrive.")


def run(run: Run) -> Outcome:
    rounds = 1 if run.quick else 5
    took: dict[str, tuple[list[float], list[float]]] = {size: ([], []) for size in SIZES}
    with ExitStack() as stack:
        gossip = [free_port() for _ in range(NODES)]
        ports = []
        for n, port in enumerate(gossip):
            settings = {
                "FERIA_CLUSTER__GOSSIP_PORT": str(port),
                "FERIA_CLUSTER__JOIN": f'["127.0.0.1:{gossip[0]}"]',
                "FERIA_CLUSTER__NAME": f"n{n}",
            }
            ports.append(stack.enter_context(feria(run.scratch, f"node-{n}", **settings))[1])
        for n in range(rounds + 1):
            for size, numbers in SIZES.items():
                run.tell(f"round {n}: {size}")
                content = model(numbers, seed=n)
                predicted = travelled(ports, f"m{size[:-3]}-{n}", content)
                copy = copied(content, run.scratch)
                if n:  # the first one makes everybody's acquaintance
                    took[size][0].append(predicted)
                    took[size][1].append(copy)
    found = {size: (spread(ours), spread(theirs)) for size, (ours, theirs) in took.items()}
    ours, theirs = found[PROMISED]
    said = f"{number(ours.median * 1e3)} ms from published on one node to predicted on another, {PROMISED}"
    return Outcome(
        NAME,
        grids=[Grid(f"From one node to another of {NODES} on this machine, ms", *_table(found))],
        promises=[
            Promise(
                "model-travel",
                said,
                "sending the file through a connection and syncing it",
                f"{number(theirs.median * 1e3)} ms",
                theirs.median / ours.median,
                "≥ 0.1",
            )
        ],
        notes=[
            "Ours includes that two nodes fetch the file at once, prove each piece and the whole by sha256, "
            "load it into onnxruntime, warm it, and predict.",
        ],
    )


def _table(found: dict[str, tuple[Spread, Spread]]) -> tuple[list[str], list[list[str]]]:
    rows = []
    for size, (ours, theirs) in found.items():
        megabytes = SIZES[size] * 4 / 1e6
        rows.append(
            [
                size,
                *(number(value * 1e3) for value in (ours.median, ours.low, ours.high)),
                number(theirs.median * 1e3),
                number(ours.median / theirs.median),
                number(megabytes / ours.median),
            ]
        )
    columns = ["Model", "First prediction", "Least", "Most", "Copying the file", "Ratio", "MB/s"]
    return columns, rows
