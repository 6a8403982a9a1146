"""Promise `hot-swap`: versions are published, one after another, while callers keep asking."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.contenders import Lines, feria_node
from bench.image_predict import OURS, ours, publish
from bench.nets import DESCRIPTION, mobile_net
from bench.open_load import Answer
from bench.overload import CLOSED, drive
from bench.processes import Failed
from bench.report import Grid, Outcome, Promise, number, ranged
from bench.rounds import Spread, spread
from bench.run import Run
from feria import Client

NAME = "hot_swap"
ROUNDS = 3
SHARE = 0.25
"""Of what the node can take: what is published has to be looked into and warmed on the same cores."""
SECONDS = 6.0
EVERY = 1.0
NETWORKS = 2
"""Different files that are published in turn."""


def run(run: Run) -> Outcome:
    with ExitStack() as stack:
        files = [run.scratch / f"{seed}.onnx" for seed in range(NETWORKS)]
        for seed, file in enumerate(files):
            file.write_bytes(mobile_net(seed))
        closed = stack.enter_context(Lines("bench.load"))
        opened = stack.enter_context(Lines("bench.open_load"))
        node, port = stack.enter_context(feria_node(run.scratch))
        publish(port, files[0])
        [asked] = [one for one in ours(closed, node, port) if one.name == OURS]
        run.tell("what it can take")
        rate = SHARE * asked.measure(CLOSED, 2 * run.seconds).rate
        seconds = 1.5 if run.quick else SECONDS
        steady: list[Answer] = []
        swapped: list[Answer] = []
        published = 0
        for n in range(1 if run.quick else ROUNDS):
            run.tell(f"round {n + 1}: one version")
            steady.append(drive(opened, node, port, rate, seconds))
            run.tell(f"round {n + 1}: a new version every {EVERY:g} s")
            with publishing(port, files) as versions:
                swapped.append(drive(opened, node, port, rate, seconds))
            published += len(versions)
            if asked.once()["version"] != versions[-1]:
                raise Failed("The last version published is not the one that answers.")
    answered = sum(one.accepted.count for one in swapped)
    refused = sum(one.refused.count for one in swapped)
    before, during = (_p99(answers) for answers in (steady, swapped))
    return Outcome(
        NAME,
        grids=[_grid(steady, swapped)],
        promises=[
            Promise(
                "hot-swap",
                f"{refused} of {answered + refused:,} requests failed",
                "versions published meanwhile",
                str(published),
                refused,
                "≤ 0 failed",
                is_ratio=False,
            )
        ],
        notes=[
            f"p99 {number(before.median)} ms with one version, {number(during.median)} ms while others were "
            "published: each is looked into by a process that needs a core, and run until warm.",
        ],
    )


@contextmanager
def publishing(port: int, files: list[Path]) -> Iterator[list[int]]:
    """A new version every so often; the list fills with their numbers."""
    versions: list[int] = []
    enough = threading.Event()

    def publish_all() -> None:
        with Client(f"http://127.0.0.1:{port}") as feria:
            while True:
                began = time.monotonic()
                file = files[(len(versions) + 1) % len(files)]
                versions.append(feria.publish("faces", file, DESCRIPTION).version)
                if enough.wait(max(0.0, EVERY - (time.monotonic() - began))):
                    return

    publisher = threading.Thread(target=publish_all)
    publisher.start()
    try:
        yield versions
    finally:
        enough.set()
        publisher.join()


def _p99(answers: list[Answer]) -> Spread:
    return spread(one.accepted.p99 * 1e3 for one in answers)


def _grid(steady: list[Answer], swapped: list[Answer]) -> Grid:
    rows = [
        [
            name,
            ranged(spread(one.accepted.count / one.seconds for one in answers)),
            ranged(spread(one.accepted.p50 * 1e3 for one in answers)),
            ranged(_p99(answers)),
            str(sum(one.refused.count for one in answers)),
            f"{number(answers[-1].rss_after / 2**20)}",
        ]
        for name, answers in (("one version", steady), (f"a new version every {EVERY:g} s", swapped))
    ]
    columns = ("Meanwhile", "Answered/s", "p50 ms", "p99 ms", "Refused", "RSS MiB at the end")
    return Grid("96×96 JPEGs in an open loop, while versions are published", columns, rows)
