"""What is done to a cluster: to the wires between its machines, to its processes, and to its disks."""

import contextlib
import itertools
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from real_nodes.history import History, Restored
from real_nodes.nodes import Cluster, RealNode
from real_nodes.switch import Switch, Way, Ways, both_ways

CUT, LOSSY, SLOW = Way(cut=True), Way(loss=0.1), Way(delay_seconds=0.05, jitter_seconds=0.02)
ARRIVED_SECONDS = 1.0
"""After a cut: what was with another machine already, its node has taken by now."""


# ------------------------------------------------------------------------------- networks
def halves(machines: Sequence[int]) -> Ways:
    middle = len(machines) // 2
    return both_ways(itertools.product(machines[:middle], machines[middle:]), CUT)


def one_way(machines: Sequence[int]) -> Ways:
    """The first two hear the others, who do not hear them."""
    return dict.fromkeys(itertools.product(machines[:2], machines[2:]), CUT)


def bridge(machines: Sequence[int]) -> Ways:
    """Two halves, and one machine that both can reach."""
    middle = len(machines) // 2
    return both_ways(itertools.product(machines[:middle], machines[middle + 1 :]), CUT)


def ring(machines: Sequence[int]) -> Ways:
    """Each reaches two."""
    count = len(machines)
    apart = (
        (machines[a], machines[b])
        for a, b in itertools.combinations(range(count), 2)
        if (b - a) % count not in {1, count - 1}
    )
    return both_ways(apart, CUT)


def lossy(machines: Sequence[int]) -> Ways:
    return both_ways(itertools.combinations(machines, 2), LOSSY)


def slow(machines: Sequence[int]) -> Ways:
    """50 ± 20 ms in each direction, so that packets overtake each other."""
    return both_ways(itertools.combinations(machines, 2), SLOW)


def whole(_machines: Sequence[int]) -> Ways:
    return {}


NETWORKS: dict[str, Callable[[Sequence[int]], Ways]] = {
    "halves": halves,
    "one way": one_way,
    "bridge": bridge,
    "ring": ring,
    "loss of 10 %": lossy,
    "50 ± 20 ms": slow,
    "whole": whole,
}


# ---------------------------------------------------------------------------------- nodes
@dataclass
class Nemesis:
    cluster: Cluster
    switch: Switch
    history: History
    chance: random.Random
    folder: Path
    """For backups."""
    faults: int = 0
    _backups: dict[int, float] = field(default_factory=dict)
    _ways: Ways = field(default_factory=dict)

    @contextlib.contextmanager
    def network(self, name: str) -> Iterator[None]:
        """As named while the block lasts, with the machines in any order."""
        machines = list(self.cluster.nodes)
        self.chance.shuffle(machines)
        self.faults += name != "whole"
        self._put(f"network: {name}, {machines}", NETWORKS[name](machines))
        try:
            yield
        finally:
            self._put("network: whole", {})

    def pause(self, seconds: float) -> None:
        node = self._any()
        self._note(f"SIGSTOP n{node.number} for {seconds:.1f} s")
        node.pause()
        time.sleep(seconds)
        node.go_on()

    def kill(self) -> None:
        node = self._any()
        self._note(f"kill -9 n{node.number}")
        node.kill()
        self._keep(node)
        node.start()

    def fill_disk(self, seconds: float) -> None:
        node = self._any(small_disk=True)
        self._note(f"disk of n{node.number} full for {seconds:.1f} s")
        node.fill_disk()
        time.sleep(seconds)
        node.free_disk()

    def keep(self) -> None:
        """Stop a node in an orderly way, back its disk up, and start it."""
        node = self._any()
        self._note(f"backup of n{node.number}")
        node.stop()
        self._keep(node)
        node.start()

    def restore(self, *, after_a_kill: bool) -> None:
        """Set a disk back to its newest backup. What nobody else has by then is lost, so first the node is
        cut off, that it may be known who has what."""
        if not self._backups:
            self.keep()
        node = self.cluster.nodes[self.chance.choice(sorted(self._backups))]
        others = [one for one in self.cluster.nodes.values() if one is not node]
        self._note(f"disk of n{node.number} set back")
        before = self._ways
        alone = both_ways([(node.number, one.number) for one in others], CUT)
        self._put(f"n{node.number} is cut off", {**before, **alone})
        time.sleep(ARRIVED_SECONDS)
        if after_a_kill:
            node.kill()
        else:
            node.stop()
        ended = time.monotonic()
        held: dict[str, list[int]] = {}
        for one in others:
            for key, version in one.keys("").items():
                held.setdefault(key, []).append(version)
        node.put_back(self._backup(node))
        self._put("as before", before)
        begun = time.monotonic()
        self.history.add(Restored(node.number, self._backups[node.number], ended, begun, held))
        node.start()

    def forget_backups(self) -> None:
        """What was checked is not to be taken away any more."""
        self._backups.clear()

    def _any(self, *, small_disk: bool = False) -> RealNode:
        nodes = self.cluster.nodes.values()
        return self.chance.choice([node for node in nodes if node.has_small_disk or not small_disk])

    def _keep(self, node: RealNode) -> None:
        node.keep(self._backup(node))
        self._backups[node.number] = time.monotonic()

    def _backup(self, node: RealNode) -> Path:
        return self.folder / f"backup-{node.name}"

    def _put(self, said: str, ways: Ways) -> None:
        self.history.fault(said)
        self._ways = ways
        self.switch.put(ways)

    def _note(self, said: str) -> None:
        self.faults += 1
        self.history.fault(said)
