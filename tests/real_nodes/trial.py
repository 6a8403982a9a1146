"""One trial: callers at work while faults happen; then all is made whole, and what must be so is checked."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from real_nodes.checker import check
from real_nodes.clients import calling
from real_nodes.history import History, Operation
from real_nodes.nemeses import Nemesis
from real_nodes.nodes import LIMIT_SECONDS, Broken, Cluster
from real_nodes.switch import Switch


@dataclass(frozen=True)
class Told:
    """What came of a trial."""

    writes: int
    answered: int
    unknown: int
    reads: int
    faults: int
    excused: int
    seconds_to_converge: float
    keys: int
    packets: dict[str, int]
    violations: list[str]


def run(
    cluster: Cluster,
    switch: Switch,
    file: Path,
    seed: int,
    faults: Callable[[Nemesis], None],
    *,
    prefix: str = "",
    pause_seconds: float = 0.1,
) -> Told:
    """Callers write keys that begin with `prefix` until `faults` is done. The history is left in `file`."""
    history = History(file)
    nemesis = Nemesis(cluster, switch, history, random.Random(seed), file.parent)
    try:
        with calling(cluster, history, seed, prefix=prefix, pause_seconds=pause_seconds):
            faults(nemesis)
        whole = time.monotonic()
        history.fault("all is whole, and nobody calls")
        seconds = _converge(cluster, prefix) - whole
    finally:
        history.close()
    final = {number: node.values(prefix) for number, node in cluster.nodes.items()}
    found = check(history.events, final)
    operations = [one for one in history.events if isinstance(one, Operation)]
    writes = [one for one in operations if one.kind != "get"]
    return Told(
        writes=len(writes),
        answered=sum(one.outcome == "done" for one in writes),
        unknown=sum(one.outcome == "unknown" for one in writes),
        reads=len(operations) - len(writes),
        faults=nemesis.faults,
        excused=found.excused,
        seconds_to_converge=seconds,
        keys=len(final[min(final)]),
        packets=dict(switch.put({})),
        violations=found.violations,
    )


def _is_even(member: dict[str, Any]) -> bool:
    return (member["state"], member["behind"], member["ahead"]) == ("alive", 0, 0)


def _converge(cluster: Cluster, prefix: str) -> float:
    """When all nodes had shown the same keys and versions, and said that nobody is behind."""
    deadline = time.monotonic() + LIMIT_SECONDS
    others = len(cluster.nodes) - 1
    while True:
        first, *rest = [node.keys(prefix) for node in cluster.nodes.values()]
        if all(shown == first for shown in rest):
            heard = [member for node in cluster.nodes.values() for member in node.status()["members"]]
            if len(heard) == others * len(cluster.nodes) and all(map(_is_even, heard)):
                return time.monotonic()
        if time.monotonic() > deadline:
            differ = [sorted(set(first.items()) ^ set(shown.items()))[:5] for shown in rest]
            raise Broken(f"C2: the nodes do not agree after {LIMIT_SECONDS:.0f} s; they differ in {differ}")
        time.sleep(0.05)
