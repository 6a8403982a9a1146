"""The wire between the namespaces: a switch that loses, delays and cuts as it is told, for each direction
between two machines.

It does in a process of its own what `tc qdisc netem` does in the kernel, which not every kernel has and
which takes a tree of classes and filters to treat one direction of one pair. What it moves are IP packets:
connections, retransmissions and time-outs are those of the kernel's TCP on both sides.
"""

import heapq
import json
import os
import random
import select
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

import msgspec

from real_nodes.namespaces import Namespace

LONGEST_PACKET = 65_536
AT_ONCE = 64
"""Packets of one machine that are moved before the others' turn."""


class Way(msgspec.Struct, frozen=True):
    """What becomes of a packet from one machine to another. Delays that differ reorder."""

    cut: bool = False
    loss: float = 0.0
    delay_seconds: float = 0.0
    jitter_seconds: float = 0.0


OPEN = Way()
Ways = Mapping[tuple[int, int], Way]
"""By the numbers of who sends and who is sent to; those not named are open."""


class Switch:
    """Ours: it begins the process, and tells it what to do."""

    def __init__(self, machines: Sequence[Namespace], seed: int) -> None:
        wires = [f"{machine.number}={machine.packets}" for machine in machines]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "real_nodes.switch", str(seed), *wires],
            cwd=Path(__file__).parents[1],
            pass_fds=[machine.packets for machine in machines],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.put({})

    def put(self, ways: Ways) -> Counter[str]:
        """In force when this returns. What was on its way and would not be let in any more is lost.

        Returns how many packets were `moved`, `lost` and `cut` so far.
        """
        told = [[*pair, msgspec.to_builtins(way)] for pair, way in ways.items()]
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        return Counter(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Moving:
    """The process."""

    def __init__(self, wires: Mapping[int, int], seed: int) -> None:
        self._wires = wires
        self._chance = random.Random(seed)
        self._ways: dict[tuple[int, int], Way] = {}
        self._later: list[tuple[float, int, int, int, bytes]] = []
        self._count = 0
        self._seen: Counter[str] = Counter(moved=0, lost=0, cut=0)
        self._poll = select.epoll()
        for wire in (0, *wires.values()):
            self._poll.register(wire, select.EPOLLIN)

    def go_on(self) -> None:
        """Until its input ends."""
        machines = {wire: number for number, wire in self._wires.items()}
        while True:
            wait = max(self._later[0][0] - time.monotonic(), 0.0) if self._later else -1
            for wire, _ in self._poll.poll(wait):
                if wire == 0:
                    if not self._hear():
                        return
                else:
                    self._take(machines[wire], wire)
            while self._later and self._later[0][0] <= time.monotonic():
                _, _, sender, to, packet = heapq.heappop(self._later)
                self._move(sender, to, packet)

    def _hear(self) -> bool:
        line = sys.stdin.readline()
        if not line:
            return False
        self._ways = {(a, b): msgspec.convert(way, Way) for a, b, way in json.loads(line)}
        print(json.dumps(self._seen), flush=True)
        return True

    def _take(self, sender: int, wire: int) -> None:
        for _ in range(AT_ONCE):
            try:
                packet = os.read(wire, LONGEST_PACKET)
            except BlockingIOError:
                return
            if packet[0] >> 4 != 4 or packet[19] not in self._wires:  # not for anybody here
                continue
            way = self._ways.get((sender, packet[19]), OPEN)
            if self._chance.random() < way.loss:
                self._seen["lost"] += 1
            elif way.delay_seconds:
                self._count += 1
                wait = way.delay_seconds + self._chance.uniform(-1, 1) * way.jitter_seconds
                due = time.monotonic() + max(wait, 0.0)
                heapq.heappush(self._later, (due, self._count, sender, packet[19], packet))
            else:
                self._move(sender, packet[19], packet)

    def _move(self, sender: int, to: int, packet: bytes) -> None:
        if self._ways.get((sender, to), OPEN).cut:
            self._seen["cut"] += 1
            return
        try:
            os.write(self._wires[to], packet)
            self._seen["moved"] += 1
        except BlockingIOError:
            self._seen["lost"] += 1


def both_ways(pairs: Iterable[tuple[int, int]], way: Way) -> dict[tuple[int, int], Way]:
    return {each: way for a, b in pairs for each in ((a, b), (b, a))}


if __name__ == "__main__":
    said = [word.split("=") for word in sys.argv[2:]]
    _Moving({int(number): int(wire) for number, wire in said}, int(sys.argv[1])).go_on()
