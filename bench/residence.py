"""What processes hold of the memory, and take of the processors, while something goes on."""

import bisect
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.processes import PROC, Tree

EVERY = 2.0
"""Seconds between two looks; one goes through the pages of all processes."""
OTHERS = "others"


@dataclass(frozen=True, slots=True)
class Held:
    """MiB."""

    rss: float
    pss: float
    """Where processes share a page, each has its part of it."""


@dataclass
class Residence:
    roots: Mapping[str, int]
    names: Sequence[str]
    most: dict[tuple[str, str], Held] = field(default_factory=dict)
    """By root and name: the most that its processes of that name held at once."""
    total: float = 0.0
    """The most that all held at once, MiB of PSS."""
    _times: list[float] = field(default_factory=list)
    _cpu: list[float] = field(default_factory=list)

    def look(self) -> None:
        now: dict[tuple[str, str], Held] = {}
        cpu = 0.0
        for root, pid in self.roots.items():
            tree = Tree(pid)
            cpu += tree.cpu()
            for each in tree.pids:
                if (held := _held(each)) is not None:
                    key = root, self._name(each)
                    before = now.get(key, Held(0, 0))
                    now[key] = Held(before.rss + held.rss, before.pss + held.pss)
        for key, held in now.items():
            if key not in self.most or held.pss > self.most[key].pss:
                self.most[key] = held
        self.total = max(self.total, sum(held.pss for held in now.values()))
        self._times.append(time.time())
        self._cpu.append(cpu)

    def cpu(self, since: float, until: float) -> float:
        """Processor seconds of all of them between these Unix times."""
        return self._at(until) - self._at(since)

    def of(self, name: str) -> list[Held]:
        return [held for (_, found), held in self.most.items() if found == name]

    def _at(self, moment: float) -> float:
        """In a straight line between two looks."""
        after = min(max(bisect.bisect(self._times, moment), 1), len(self._times) - 1)
        span = self._times[after] - self._times[after - 1]
        share = min(max((moment - self._times[after - 1]) / span, 0.0), 1.0)
        return self._cpu[after - 1] + share * (self._cpu[after] - self._cpu[after - 1])

    def _name(self, pid: int) -> str:
        """Which of them its command line says it is."""
        try:
            words = (PROC / str(pid) / "cmdline").read_text().split("\0")
        except (FileNotFoundError, ProcessLookupError):
            return OTHERS
        called = [word.rpartition("/")[2] for word in words]
        return next((word for word in called if word in self.names), OTHERS)


@contextmanager
def watched(roots: Mapping[str, int], names: Sequence[str]) -> Iterator[Residence]:
    """The processes that these have started as well, every two seconds as long as the block takes."""
    residence, over = Residence(roots, names), threading.Event()

    def watch() -> None:
        while True:
            residence.look()
            if over.wait(EVERY):
                residence.look()
                return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield residence
    finally:
        over.set()
        thread.join()


def _held(pid: int) -> Held | None:
    """None of one that has gone."""
    try:
        told = (PROC / str(pid) / "smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    found = {name: int(kib) / 1024 for name, kib in re.findall(r"^(Rss|Pss):\s+(\d+) kB", told, re.M)}
    return Held(found["Rss"], found["Pss"]) if found else None
