"""The floor of `image_predict`: decoding and ONNX Runtime in a bare loop, with nothing between.

    python -m bench.bare_pictures MODEL.onnx

Reads one order a line, as `load.py` does. It has no socket, no JSON and no client beside it.
"""

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import simplejpeg

from bench import bare
from bench.contenders import Lines, Sample
from bench.load import percentile
from bench.nets import SIDE
from bench.processes import Failed, Tree

WARM_SHARE = 0.25


class Order(msgspec.Struct):
    pictures: list[bytes]
    threads: int
    batch: int
    seconds: float


class Answer(msgspec.Struct):
    pictures: int
    seconds: float
    cpu: float
    rss: int
    p50: float
    p99: float
    """Seconds a batch."""


class BareLoop:
    """As many threads as may be busy at once, each with the pictures of one batch after another."""

    def __init__(self, name: str, process: Lines, pictures: list[bytes], batch: int, cores: int) -> None:
        self.name = name
        self._process = process
        self._pictures = pictures
        self._batch = batch
        self._cores = cores

    def measure(self, connections: int, seconds: float) -> Sample:
        threads = min(connections, self._cores)
        batch = min(self._batch, max(1, connections // threads))
        order = Order(self._pictures, threads, batch, seconds)
        answer: Answer = self._process.ask(order, Answer, seconds * 2 + 30)
        if not answer.pictures:
            raise Failed("The bare loop answered nothing.")
        return Sample(
            rate=answer.pictures / answer.seconds,
            p50=answer.p50 * 1e3,
            p99=answer.p99 * 1e3,
            cpu=answer.cpu / answer.pictures * 1e3,
            rss=answer.rss / 2**20,
        )


def loop(session: Any, order: Order) -> Answer:
    begin, end = threading.Event(), threading.Event()
    counted: list[list[float]] = [[] for _ in range(order.threads)]

    def work(times: list[float], at: int) -> None:
        pixels = np.empty((order.batch, 3, SIDE, SIDE), np.float32)
        scale = np.float32(1 / 255)
        while not end.is_set():
            began = time.perf_counter()
            for one in pixels:
                at = (at + 1) % len(order.pictures)
                decoded = simplejpeg.decode_jpeg(order.pictures[at], "RGB", fastdct=True, fastupsample=True)
                np.multiply(decoded.transpose(2, 0, 1), scale, out=one)
            session.run(["probabilities"], {"image": pixels})[0].argmax(axis=1).tolist()
            if begin.is_set():
                times.append(time.perf_counter() - began)

    threads = [threading.Thread(target=work, args=(times, i)) for i, times in enumerate(counted)]
    for thread in threads:
        thread.start()
    time.sleep(order.seconds * WARM_SHARE)
    own = Tree(os.getpid())
    cpu, began = time.process_time(), time.perf_counter()
    begin.set()
    time.sleep(order.seconds)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    done = [time for times in counted for time in times]
    end.set()
    for thread in threads:
        thread.join()
    ascending = sorted(done)
    return Answer(
        pictures=len(done) * order.batch,
        seconds=seconds,
        cpu=cpu,
        rss=own.rss(),
        p50=percentile(ascending, 0.5),
        p99=percentile(ascending, 0.99),
    )


def main(file: Path) -> None:
    session = bare.session(file)
    for line in sys.stdin.buffer:
        answer = loop(session, msgspec.json.decode(line, type=Order))
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
