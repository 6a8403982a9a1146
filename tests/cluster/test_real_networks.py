"""Five nodes as people run them, each with a network of its own, and callers who write down what they see.

`make soak-net` does the same at random, for as long as it is asked to.
"""

import socket
import time
from pathlib import Path

import pytest

from real_nodes import trial
from real_nodes.namespaces import Namespace, why_not
from real_nodes.nemeses import Nemesis
from real_nodes.nodes import Cluster, running
from real_nodes.switch import Switch, Way, Ways

SEED = 20261122
SECONDS = 2.0
"""Each fault of the network: callers do a few hundred requests meanwhile."""


def test_five_real_nodes_lose_nothing_to_networks_kills_and_disks(tmp_path: Path) -> None:
    """One test, for the nodes take longest to start."""
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    *machines, spare = [Namespace(number) for number in range(1, 7)]
    with (
        Switch([*machines, spare], SEED) as switch,
        running(tmp_path, machines, small_disks=[5]) as cluster,
    ):
        _nothing_is_lost_to_the_network(cluster, switch, tmp_path)
        _nothing_is_lost_to_pauses_kills_and_disks(cluster, switch, tmp_path)
        _a_second_node_of_a_name_is_turned_away(cluster, spare)
    for machine in (*machines, spare):
        machine.close()


def test_the_switch_between_them_cuts_loses_and_reorders_one_way() -> None:
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    here, there = machines = [Namespace(1), Namespace(2)]
    with Switch(machines, SEED) as switch, _socket(here) as a, _socket(there) as b:

        def arriving(ways: Ways) -> list[int]:
            """Which of 200 numbered packets come from here to there; one over an open wire ends them."""
            before = switch.put(ways)
            for number in range(200):
                a.sendto(b"%d" % number, b.getsockname())
            while (switch.put(ways) - before).total() < 200:
                pass
            switch.put({})
            a.sendto(b"", b.getsockname())
            found = []
            while said := b.recv(100):
                found.append(int(said))
            return found

        every = list(range(200))
        assert arriving({}) == every
        assert arriving({(2, 1): Way(cut=True)}) == every
        assert arriving({(1, 2): Way(cut=True)}) == []
        lossy = arriving({(1, 2): Way(loss=0.5)})
        assert 50 < len(lossy) < 150
        assert lossy == sorted(lossy)
        late = arriving({(1, 2): Way(delay_seconds=0.05, jitter_seconds=0.02)})
        assert late != every
        assert sorted(late) == every
    for machine in machines:
        machine.close()


def _socket(machine: Namespace) -> socket.socket:
    """For packets that may be lost; it waits for one as long as the slowest machine takes."""

    def bound() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((machine.address, 7001))
        made.settimeout(300)
        return made

    return machine.run(bound)


def _nothing_is_lost_to_the_network(cluster: Cluster, switch: Switch, folder: Path) -> None:
    def faults(nemesis: Nemesis) -> None:
        for network in ("halves", "one way", "bridge", "ring", "loss of 10 %", "50 ± 20 ms"):
            with nemesis.network(network):
                time.sleep(SECONDS)

    told = trial.run(cluster, switch, folder / "networks.jsonl", SEED, faults, prefix="1/")
    assert told.violations == []
    assert told.faults == 6
    assert told.answered > 100
    assert told.packets["cut"] > 0
    assert told.packets["lost"] > 0


def _nothing_is_lost_to_pauses_kills_and_disks(cluster: Cluster, switch: Switch, folder: Path) -> None:
    epochs = max(node.status()["origins"] for node in cluster.nodes.values())

    def faults(nemesis: Nemesis) -> None:
        nemesis.pause(SECONDS)
        nemesis.fill_disk(SECONDS)
        with nemesis.network("bridge"):
            nemesis.kill()
        nemesis.restore(after_a_kill=False)

    told = trial.run(cluster, switch, folder / "nodes.jsonl", SEED, faults, prefix="2/")
    assert told.violations == []
    assert told.faults == 5
    assert told.answered > 100
    # Neither who was killed nor who was set back can prove that its disk is as it was left.
    assert [node.status()["origins"] for node in cluster.nodes.values()] == [epochs + 2] * 5


def _a_second_node_of_a_name_is_turned_away(cluster: Cluster, spare: Namespace) -> None:
    code, said = cluster.twin(cluster.nodes[1], spare)
    assert code == 1
    assert "n1" in said
    assert cluster.nodes[1].ask("GET", "/v1/kv?limit=1")[0] == 200
