"""A training at a SuperLink that has much to tell: `python -m bench.callback_load URL ATTEMPT KEY`.

For each line, an order, it tells events to the door there for so long, and answers with what it got told.
"""

import sys
import time
from collections.abc import Iterator
from itertools import count, islice

import httpx
import msgspec

from feria.clock import SystemClock
from feria.federation.jobs_wire import Told
from feria.federation.wire import Phase, Replied, RoundBegan, RoundEnded, Sent
from feria.superlink.reporting import Reporter

CLIENTS = 100


class Order(msgspec.Struct):
    batch: int
    """Events in a request."""
    seconds: float


class Done(msgspec.Struct):
    requests: int
    seconds: float


def events(clients: int) -> Iterator[Told]:
    """Of rounds without end, in which each client trains and evaluates."""
    phases: tuple[Phase, ...] = ("train", "evaluate")
    metrics: dict[str, float | list[float]] = {"loss": 0.3, "accuracy": 0.9}
    names = [f"shop {n:05}" for n in range(clients)]
    for number in count(1):
        at = time.time()
        yield RoundBegan(at=at, round=number, rounds=1000, clients=clients)
        for phase in phases:
            for name in names:
                yield Sent(at=at, round=number, phase=phase, node_id=name, name=name, bytes=1000)
            for name in names:
                yield Replied(
                    at=at,
                    round=number,
                    phase=phase,
                    node_id=name,
                    name=name,
                    samples=50,
                    metrics=metrics,
                    seconds=0.1,
                    bytes=1000,
                )
        yield RoundEnded(
            at=at, round=number, replies=clients, train={}, evaluate=metrics, central={}, seconds=0.2
        )


def main(url: str, attempt: str, key: str) -> None:
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as http:
        reporter = Reporter(http, attempt, bytes.fromhex(key), SystemClock())
        endless = events(CLIENTS)
        for line in sys.stdin:
            order = msgspec.json.decode(line, type=Order)
            requests, told = 0, 0.0
            while told < order.seconds:
                batch = list(islice(endless, order.batch))
                began = time.perf_counter()
                reporter.tell(batch)
                told += time.perf_counter() - began
                requests += 1
            print(msgspec.json.encode(Done(requests, told)).decode(), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
