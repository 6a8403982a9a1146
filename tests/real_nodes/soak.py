"""`PYTHONPATH=tests python -m real_nodes.soak --minutes 60 [--seed N]`: five nodes, callers, and whatever
befalls them, for as long as is asked. When a promise is broken the history stays, and says what happened."""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from real_nodes import trial
from real_nodes.namespaces import Namespace, NotAllowedHere, why_not
from real_nodes.nemeses import NETWORKS, Nemesis
from real_nodes.nodes import LIMIT_SECONDS, Broken, Cluster, running
from real_nodes.switch import Switch

NODES = 5
ROUNDS = 4
"""In a trial: each has a network fault and some of a node's."""
HEADS = "trial  writes answered unknown  reads  keys faults excused  moved    lost     cut  converged"


def nodes_faults(nemesis: Nemesis) -> dict[str, Callable[[], None]]:
    chance = nemesis.chance
    return {
        "pause": lambda: nemesis.pause(chance.uniform(1, 10)),
        "kill": nemesis.kill,
        "disk": lambda: nemesis.fill_disk(chance.uniform(0.5, 5)),
        "backup": nemesis.keep,
        "restore": lambda: nemesis.restore(after_a_kill=chance.random() < 0.5),
        "nothing": lambda: time.sleep(chance.uniform(0, 3)),
    }


def befall(nemesis: Nemesis) -> None:
    chance = nemesis.chance
    deeds = nodes_faults(nemesis)
    for _ in range(ROUNDS):
        with nemesis.network(chance.choice(sorted(NETWORKS))):
            time.sleep(chance.uniform(0.5, 3))
            for _ in range(chance.randint(1, 3)):
                deeds[chance.choice(sorted(deeds))]()
                time.sleep(chance.uniform(0, 1))
        time.sleep(chance.uniform(0, 2))


def soak(minutes: float, seed: int, folder: Path) -> bool:
    """Whether all promises were kept."""
    machines = [Namespace(number) for number in range(1, NODES + 1)]
    began, count, faults, answered = time.monotonic(), 0, 0, 0
    with Switch(machines, seed) as switch, running(folder, machines, small_disks=[NODES]) as cluster:
        _say(f"{NODES} nodes after {time.monotonic() - began:.0f} s. Seed {seed}, history in {folder}.")
        _say(HEADS)
        ends = time.monotonic() + minutes * 60
        while time.monotonic() < ends:
            count += 1
            file = folder / f"history-{count}.jsonl"
            told = trial.run(cluster, switch, file, seed + count, befall, prefix=f"{count}/")
            _say(_row(count, told))
            if told.violations:
                _say("\n".join([f"Broken, see {file}:", *told.violations[:50]]))
                return False
            file.unlink()
            faults += told.faults
            answered += told.answered
        forgotten = _deletions_forgotten(cluster)
        origins = max(node.status()["origins"] for node in cluster.nodes.values())
    hours = (time.monotonic() - began) / 3600
    _say(
        f"{count} trials, {answered:,} writes answered, {faults} faults ({faults / hours:.0f} an hour): no "
        f"promise was broken. {origins} epochs. The last deletions were forgotten after {forgotten:.0f} s."
    )
    return True


def _deletions_forgotten(cluster: Cluster) -> float:
    """The seconds until no node remembered any; all members are there, so nothing holds them."""
    began = time.monotonic()
    while (left := [node.status()["tombstones"] for node in cluster.nodes.values()]) != [0] * NODES:
        if time.monotonic() - began > LIMIT_SECONDS:
            raise Broken(f"Deletions are not forgotten after {LIMIT_SECONDS:.0f} s: {left}")
        time.sleep(0.5)
    return time.monotonic() - began


def _row(count: int, told: trial.Told) -> str:
    moved, lost, cut = (told.packets[name] for name in ("moved", "lost", "cut"))
    return (
        f"{count:5} {told.writes:7} {told.answered:8} {told.unknown:7} {told.reads:6} {told.keys:5} "
        f"{told.faults:6} {told.excused:7} {moved:6} {lost:7} {cut:7} {told.seconds_to_converge:8.1f} s"
    )


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m real_nodes.soak")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    asked = parser.parse_args()
    if (reason := why_not()) is not None:
        _say(reason)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder = Path(tempfile.mkdtemp(prefix="feria-soak-"))
    try:
        kept = soak(asked.minutes, asked.seed, folder)
    except (Broken, NotAllowedHere) as broken:
        _say(f"{broken}\nHistory and logs are in {folder}; the seed was {asked.seed}.")
        return 1
    if kept:
        shutil.rmtree(folder)
    return 0 if kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
