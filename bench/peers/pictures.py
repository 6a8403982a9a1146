"""Promise `http-peers`: pictures over HTTP beside LitServe, MLServer and BentoML, all taking turns."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from bench import image_predict
from bench.contenders import PATIENT, Contender, Lines, Served, feria_node
from bench.nets import LABELS, mobile_net, pictures
from bench.peers.environments import HERE, python_of, versions_of
from bench.processes import Failed, free_port, running
from bench.report import Outcome, Promise, number, rates
from bench.rounds import take_turns
from bench.run import Run

NAME = "peers"
OURS, FLOOR = image_predict.OURS, image_predict.FLOOR
PROMISED = image_predict.PROMISED


@dataclass(frozen=True)
class Peer:
    """How one server is started and asked. `command` follows the interpreter; `{port}` is filled in."""

    name: str
    package: str
    command: tuple[str, ...]
    ready: str
    path: str
    ask: Callable[[bytes], Any]
    label: Callable[[Any], str]
    restless: bool = False


def _as_litserve(batch: int) -> Peer:
    return Peer(
        f"LitServe, batches of {batch}",
        "litserve",
        ("litserve_app.py", "{port}", str(batch)),
        "/health",
        "/predict",
        lambda picture: {"image": picture},
        lambda answer: answer["label"],
        restless=True,
    )


def _as_mlserver(batch: int, workers: int) -> Peer:
    where = f"{workers} workers" if workers else "in process"
    return Peer(
        f"MLServer, batches of {batch}, {where}",
        "mlserver",
        ("mlserver_app.py", "{port}", str(batch), str(workers)),
        "/v2/health/ready",
        "/v2/models/faces/infer",
        lambda picture: {"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": [picture]}]},
        lambda answer: LABELS[max(range(len(LABELS)), key=answer["outputs"][0]["data"].__getitem__)],
    )


BENTOML = Peer(
    "BentoML, batches of 8",
    "bentoml",
    ("-m", "bentoml", "serve", "bentoml_app:Faces", "--host", "127.0.0.1", "--port", "{port}"),
    "/readyz",
    "/predict",
    lambda picture: {"images": [picture]},
    lambda answer: answer[0]["label"],
)
PEERS = (_as_mlserver(8, 0), _as_mlserver(1, 2), _as_litserve(8), _as_litserve(1), BENTOML)


def run(run: Run) -> Outcome:
    versions: dict[str, str] = {}
    with ExitStack() as stack:
        file = run.scratch / "mobilenet.onnx"
        file.write_bytes(mobile_net())
        client = stack.enter_context(Lines("bench.load"))
        node, port = stack.enter_context(feria_node(run.scratch, **PATIENT))
        image_predict.publish(port, file)
        ours = image_predict.ours(client, node, port)[0]
        floor = image_predict.best_loop(stack.enter_context(Lines("bench.bare_pictures", str(file))), run)
        served = [_started(stack, peer, client, file, run, versions) for peer in PEERS]
        _agree(ours, served)
        contenders: list[Contender] = [ours, floor, *served]
        connections = run.pick(image_predict.CONNECTIONS, PROMISED)
        taken = take_turns(contenders, connections, run.rounds, run.seconds, run.tell)

    best = max((one.name for one in served), key=lambda name: taken.rate(name, PROMISED).median)
    return Outcome(
        NAME,
        grids=[rates("The same file behind other servers, a 96×96 JPEG in JSON", taken, FLOOR)],
        promises=[
            Promise(
                "http-peers",
                f"{number(taken.rate(OURS, PROMISED).median)} pictures/s, {PROMISED} connections",
                "the best of LitServe, MLServer and BentoML",
                f"{best}, {number(taken.rate(best, PROMISED).median)} pictures/s",
                taken.ratio(OURS, best, PROMISED).median,
                "≥ 2",
            )
        ],
        versions=versions,
    )


def _started(
    stack: ExitStack, peer: Peer, client: Lines, file: Path, run: Run, versions: dict[str, str]
) -> Served:
    run.tell(f"preparing {peer.name}")
    python = python_of(peer.package)
    versions.update(versions_of(python, (peer.package,)))
    port = free_port()
    env = {
        "BENCH_MODEL": str(file),
        "PYTHONPATH": str(HERE),
        "PYTHONDONTWRITEBYTECODE": "1",
        "BENTOML_HOME": str(run.scratch / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
    }
    command = [python, *(word.format(port=port) for word in peer.command)]
    log = run.scratch / f"{peer.name.replace(' ', '-')}.log"
    process = stack.enter_context(running(command, log, env=env, cwd=HERE))
    process.until_answers(f"http://127.0.0.1:{port}{peer.ready}")
    bodies = [msgspec.json.encode(peer.ask(picture)) for picture in pictures()]
    return Served(peer.name, client, process, port, peer.path, bodies, restless=peer.restless)


def _agree(ours: Served, served: list[Served]) -> None:
    """All give the same picture the same label, or nothing was compared."""
    said = {ours.name: ours.once()["predictions"][0]["label"]}
    said |= {one.name: peer.label(one.once()) for one, peer in zip(served, PEERS, strict=True)}
    if len(set(said.values())) != 1:
        raise Failed(f"The servers disagree: {said}")
