"""Promise `overload`: twice what the node can take; and a thousand callers who leave without waiting."""

import re
import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass

import httpx

from bench import open_load
from bench.contenders import Lines, feria_node
from bench.image_predict import OURS, PATH, ours, publish
from bench.nets import mobile_net, pictures
from bench.open_load import Answer, Order
from bench.processes import Process
from bench.report import Grid, Outcome, Promise, number, ranged
from bench.rounds import spread
from bench.run import Run

NAME = "overload"
ROUNDS = 3
IDLE_SHARE, OVERLOAD = 0.05, 2.0
"""Of what it can take."""
SECONDS = 10.0
CLOSED = 16
"""Connections that measure what it can take: a full batch for each of two workers, and none is refused."""
VANISHING = 1000
MIB = 2**20


@dataclass(frozen=True)
class Round:
    capacity: float
    idle: Answer
    over: Answer

    @property
    def excess(self) -> float:
        """Milliseconds that the p99 of what was accepted lies above the idle one."""
        return (self.over.accepted.p99 - self.idle.accepted.p99) * 1e3

    @property
    def share_refused(self) -> float:
        return self.over.refused.count / (self.over.refused.count + self.over.accepted.count)


def run(run: Run) -> Outcome:
    with ExitStack() as stack:
        file = run.scratch / "mobilenet.onnx"
        file.write_bytes(mobile_net())
        closed = stack.enter_context(Lines("bench.load"))
        opened = stack.enter_context(Lines("bench.open_load"))
        node, port = stack.enter_context(feria_node(run.scratch))
        publish(port, file)
        [asked] = [one for one in ours(closed, node, port) if one.name == OURS]
        seconds = 0.5 if run.quick else SECONDS
        rounds = []
        for n in range(1 if run.quick else ROUNDS):
            run.tell(f"round {n + 1}: what it can take")
            capacity = asked.measure(CLOSED, 2 * run.seconds).rate
            run.tell(f"round {n + 1}: idle")
            idle = drive(opened, node, port, IDLE_SHARE * capacity, seconds / 2)
            run.tell(f"round {n + 1}: twice what it can take")
            rounds.append(Round(capacity, idle, drive(opened, node, port, OVERLOAD * capacity, seconds)))
        run.tell(f"{VANISHING} callers who leave")
        computed, next_answer = vanish(port, VANISHING)
    return Outcome(
        NAME,
        grids=[_grid(rounds)],
        promises=_promises(rounds, next_answer),
        notes=[
            f"Refused: {ranged(spread(100 * one.share_refused for one in rounds))} % at {OVERLOAD:g} ×, "
            "each with 503 and a Retry-After; no request failed otherwise.",
            f"{VANISHING:,} callers sent a picture and hung up at once: {computed} of their pictures were "
            f"computed, and the next caller had an answer after {number(next_answer * 1e3)} ms.",
        ],
    )


def drive(client: Lines, node: Process, port: int, rate: float, seconds: float) -> Answer:
    """Raises `Failed` when one request was neither answered nor refused in the promised form."""
    warm = min(1.0, seconds / 3)
    order = Order(
        port=port,
        path=PATH,
        headers={"content-type": "image/jpeg"},
        bodies=pictures(),
        rate=rate,
        seconds=seconds,
        warm_seconds=warm,
        server=node.pid,
    )
    answer: Answer = client.ask(order, Answer, warm + seconds + open_load.STUCK_SECONDS + 10)
    if answer.failed:
        raise node.failed(f"failed {answer.failed} times; the first: {answer.failure}")
    return answer


def vanish(port: int, callers: int) -> tuple[int, float]:
    """How many pictures of callers who hang up are computed, and seconds to the answer after them."""
    picture = pictures(1)[0]
    url = f"http://127.0.0.1:{port}"
    head = f"POST {PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(picture)}\r\n\r\n"
    with httpx.Client(base_url=url, trust_env=False) as http:
        before = _computed(http)
        for _ in range(callers):
            with socket.create_connection(("127.0.0.1", port)) as caller:
                caller.sendall(head.encode() + picture)
        began = time.perf_counter()
        while (reply := http.post(PATH, content=picture)).status_code == 503:
            continue  # refused is not answered
        reply.raise_for_status()
        seconds = time.perf_counter() - began
        return _computed(http) - before - 1, seconds


def _computed(http: httpx.Client) -> int:
    """Predictions that a model was called for, so far."""
    found = re.search(r"^feria_batch_size_sum (\S+)$", http.get("/metrics").text, re.M)
    assert found
    return int(float(found[1]))


def _grid(rounds: list[Round]) -> Grid:
    def row(name: str, rate: list[float], answers: list[Answer]) -> list[str]:
        over = name != "idle"
        times = [(one.accepted, one.refused) for one in answers]
        return [
            name,
            ranged(spread(rate)),
            ranged(
                spread(
                    accepted.count / one.seconds for one, (accepted, _) in zip(answers, times, strict=True)
                )
            ),
            ranged(spread(accepted.p50 * 1e3 for accepted, _ in times)),
            ranged(spread(accepted.p99 * 1e3 for accepted, _ in times)),
            ranged(spread(refused.p50 * 1e3 for _, refused in times)) if over else "–",
            ranged(spread(refused.p99 * 1e3 for _, refused in times)) if over else "–",
            f"{number(answers[0].rss_before / MIB)} → {number(answers[-1].rss_after / MIB)}",
            ranged(spread(one.late * 1e3 for one in answers)),
            f"{spread(one.client_cpu / one.seconds for one in answers).median:.0%}",
        ]

    columns = ["Load", "Asked/s", "Answered/s", "p50 ms", "p99 ms", "Refusal p50 ms", "Refusal p99 ms"]
    columns += ["RSS MiB, first → last", "Client late p99 ms", "Client's core"]
    capacity = [one.capacity for one in rounds]
    return Grid(
        "A 96×96 JPEG, in an open loop",
        columns,
        [
            row("idle", [IDLE_SHARE * one for one in capacity], [one.idle for one in rounds]),
            row(
                f"{OVERLOAD:g} × what it can take",
                [OVERLOAD * one for one in capacity],
                [one.over for one in rounds],
            ),
        ],
    )


def _promises(rounds: list[Round], next_answer: float) -> list[Promise]:
    def promise(ours: str, against: str, theirs: str, value: float, target: str) -> Promise:
        return Promise("overload", ours, against, theirs, value, target, is_ratio=False)

    p99 = spread(one.over.accepted.p99 * 1e3 for one in rounds).median
    idle = spread(one.idle.accepted.p99 * 1e3 for one in rounds).median
    refusal = spread(one.over.refused.p99 * 1e3 for one in rounds).median
    grown = max(one.over.rss_after - one.over.rss_before for one in rounds) / MIB
    return [
        promise(
            f"accepted p99 {number(p99)} ms at {OVERLOAD:g} × what it can take",
            "the same node, idle",
            f"{number(idle)} ms",
            spread(one.excess for one in rounds).median,
            "< 50 ms above it",
        ),
        promise(f"refusals' p99 {number(refusal)} ms", "–", "", refusal, "< 5 ms"),
        promise(
            f"{grown:+.1f} MiB in {SECONDS:g} s of it", "memory when the load began", "", grown, "< 10 MiB"
        ),
        promise(
            f"answered after {number(next_answer * 1e3)} ms",
            f"after {VANISHING:,} callers who vanished",
            "",
            next_answer * 1e3,
            "< 20 ms",
        ),
    ]
