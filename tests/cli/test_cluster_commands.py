"""Nodes of a cluster as people start them: three processes, kills, and what the commands say."""

import contextlib
import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from cli.running import Feria, RunningNode


def until(condition: Callable[[], bool], seconds: float = 180.0) -> None:
    """What comes by itself; the limit is for the slowest machine."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


class Fair:
    """Nodes by name, each with a home of its own. They find each other through the first that was started."""

    def __init__(self, folder: Path, *words: str, **environment: str) -> None:
        self.folder = folder
        self.nodes: dict[str, RunningNode] = {}
        self._words = words
        self._environment = environment
        self._ports: dict[str, str] = {}
        self._stack = contextlib.ExitStack()

    def command(self, name: str) -> Feria:
        return Feria(self.folder / name, self.folder)

    def start(self, name: str, *words: str, **more: str) -> RunningNode:
        seeds = [word for port in list(self._ports.values())[:1] for word in ("--join", f"127.0.0.1:{port}")]
        port = self._ports.get(name, "0")
        node = self._stack.enter_context(
            self.command(name).node(
                "--gossip-port", port, *seeds, *self._words, *words, **(self._environment | more)
            )
        )
        self.nodes[name] = node
        self._ports[name] = self.cluster(name)["address"].rpartition(":")[2]
        return node

    def kill(self, name: str) -> None:
        node = self.nodes.pop(name)
        node.stop(signal.SIGKILL)

    def cluster(self, name: str) -> dict[str, object]:
        found: dict[str, object] = httpx.get(f"{self.nodes[name].url}/v1/cluster").raise_for_status().json()
        return found

    def states(self, name: str) -> dict[str, str]:
        return {one["id"]: one["state"] for one in self.cluster(name)["members"]}  # type: ignore[attr-defined]

    def put(self, name: str, key: str, value: str) -> None:
        httpx.put(f"{self.nodes[name].url}/v1/kv/{key}", content=value).raise_for_status()

    def get(self, name: str, key: str) -> str | None:
        answer = httpx.get(f"{self.nodes[name].url}/v1/kv/{key}")
        return answer.text if answer.status_code == 200 else None

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def fair(tmp_path: Path) -> Iterator[Fair]:
    fair = Fair(tmp_path)
    yield fair
    fair.close()


def test_three_nodes_hold_the_same_keys_whichever_is_killed(fair: Fair) -> None:
    names = ("a", "b", "c")
    for name in names:
        fair.start(name, FERIA_CLUSTER__NAME=name)
    until(lambda: all(sorted(fair.states(name).values()) == ["alive", "alive"] for name in names))
    acknowledged: dict[str, str] = {}

    def write(count: int) -> None:
        for number in range(count):
            at = list(fair.nodes)[number % len(fair.nodes)]
            key = f"key-{len(acknowledged)}"
            fair.put(at, key, f"of {at}")
            acknowledged[key] = f"of {at}"

    def all_have_all() -> bool:
        return all(fair.get(name, key) == value for name in fair.nodes for key, value in acknowledged.items())

    write(9)
    until(all_have_all)
    for victim in names:
        write(6)  # and nobody waits for them to spread
        fair.kill(victim)
        write(4)
        fair.start(victim, FERIA_CLUSTER__NAME=victim)
        until(lambda: all(sorted(fair.states(name).values()) == ["alive", "alive"] for name in names))
        until(all_have_all)
    behind = [one["behind"] for name in names for one in fair.cluster(name)["members"]]  # type: ignore[attr-defined]
    assert set(behind) <= {0, None}


def test_a_killed_member_is_seen_dead_and_taken_back(fair: Fair) -> None:
    for name in ("a", "b"):
        fair.start(name, FERIA_CLUSTER__NAME=name)
    until(lambda: fair.states("a") == {"b": "alive"})
    fair.kill("b")
    until(lambda: fair.states("a") == {"b": "dead"})
    shown = fair.command("a")("cluster", "members").out
    assert "dead" in shown
    fair.start("b", FERIA_CLUSTER__NAME="b")
    until(lambda: fair.states("a") == {"b": "alive"})


def test_a_second_node_of_one_name_is_refused_and_the_first_goes_on(fair: Fair) -> None:
    for name in ("a", "b"):
        fair.start(name, FERIA_CLUSTER__NAME=name)
    until(lambda: fair.states("a") == {"b": "alive"})
    seed = fair.cluster("a")["address"]
    said = fair.command("copy").refused(
        *("serve", "--port", "0", "--gossip-port", "0", "--join", str(seed)),
        FERIA_CLUSTER__NAME="b",
        FERIA_TELEMETRY__LOG_LEVEL="error",
    )
    assert said.startswith("conflict: ")
    assert "is b already" in said
    fair.put("a", "still", "here")
    until(lambda: fair.get("b", "still") == "here")


def test_a_node_that_is_replaced_stops_and_says_why(fair: Fair) -> None:
    for name in ("a", "b"):
        fair.start(name, FERIA_CLUSTER__NAME=name)
    until(lambda: fair.states("a") == {"b": "alive"})
    earlier = fair.nodes["b"]
    heir = Fair(fair.folder / "heir")
    heir.folder.mkdir()
    try:
        seed = str(fair.cluster("a")["address"])
        heir.start("b", "--join", seed, "--replace", FERIA_CLUSTER__NAME="b")
        code = earlier.process.wait(120)
        _, err = earlier.process.communicate()
        assert code == 1
        assert "took the place of this one" in err.splitlines()[-1]
        assert "Traceback" not in err
    finally:
        heir.close()


def test_nodes_with_a_key_refuse_those_without_it(tmp_path: Path) -> None:
    command = Feria(tmp_path / "home", tmp_path)
    assert "Copy it to every node" in command("cluster", "key", "new", "cluster.key").out
    command("cluster", "key", "new", "other.key")
    fair = Fair(tmp_path, "--cluster-key", "cluster.key")
    stranger = Fair(tmp_path / "elsewhere", "--cluster-key", str(tmp_path / "other.key"))
    stranger.folder.mkdir()
    try:
        for name in ("a", "b"):
            fair.start(name, FERIA_CLUSTER__NAME=name)
        until(lambda: fair.states("a") == {"b": "alive"})
        stranger.start("c", "--join", str(fair.cluster("a")["address"]), FERIA_CLUSTER__NAME="c")
        stranger.put("c", "bad", "news")
        until(lambda: bool(fair.cluster("a")["refusals"]))
        assert fair.cluster("a")["refusals"].keys() == {"key"}  # type: ignore[attr-defined]
        assert fair.states("a") == {"b": "alive"}
        assert fair.get("a", "bad") is None
        assert "key" in fair.command("a")("cluster", "status").out
    finally:
        stranger.close()
        fair.close()


def test_nodes_with_certificates_speak_tls(tmp_path: Path) -> None:
    command = Feria(tmp_path / "home", tmp_path)
    command("cluster", "key", "new", "cluster.key")
    fair = Fair(tmp_path, "--cluster-key", "cluster.key")
    try:
        for name in ("a", "b"):
            said = command("cluster", "certificates", name, "127.0.0.1").out
            told = dict(line.split("=", 1) for line in said.splitlines())
            fair.start(name, FERIA_CLUSTER__NAME=name, **told)
        until(lambda: fair.states("a") == {"b": "alive"})
        fair.put("a", "greeting", "hello")
        until(lambda: fair.get("b", "greeting") == "hello")
        assert fair.cluster("b")["secured"] == "key and tls"
    finally:
        fair.close()


def test_a_node_that_leaves_is_waited_for_by_nobody(fair: Fair) -> None:
    for name in ("a", "b"):
        fair.start(name, FERIA_CLUSTER__NAME=name)
    until(lambda: fair.states("a") == {"b": "alive"})
    fair.put("b", "last", "words")
    said = fair.command("b")("cluster", "leave").out
    assert said == "b has left; what it had is with a.\n"
    assert fair.get("a", "last") == "words"
    until(lambda: fair.states("a") == {"b": "left"})
    refused = fair.command("b").refused("cluster", "leave")
    assert refused.startswith("conflict: ")


def test_a_node_alone_says_so(feria: Feria) -> None:
    with feria.node():
        assert "alone" in feria("cluster", "status").out
        told = json.loads(feria("cluster", "status", "--json").out)
        assert told["members"] == []
        assert json.loads(feria("cluster", "members", "--json").out) == {"members": []}
        assert "There are no others" in feria("cluster", "members").err
        assert "in no cluster" in feria.refused("cluster", "leave")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--join", "127.0.0.1:7001"], "--gossip-port"),
        (["--gossip-port", "0", "--join", "nowhere"], "HOST:PORT"),
        (["--gossip-port", "0", "--cluster-key", "none.key"], "none.key cannot be read"),
        (["--gossip-port", "0", "--advertise", "me"], "HOST:PORT"),
    ],
)
def test_what_cannot_be_meant_is_said_before_the_node_starts(
    feria: Feria, words: list[str], said: str
) -> None:
    line = feria.refused("serve", "--port", "0", *words)
    assert line.startswith("invalid: ")
    assert said in line


def test_a_cluster_that_others_reach_takes_a_key_and_certificates(feria: Feria) -> None:
    far = {"FERIA_CLUSTER__HOST": "0.0.0.0"}
    line = feria.refused("serve", "--port", "0", "--gossip-port", "0", **far)
    assert "feria cluster key new" in line
    assert "feria cluster certificates" in line
    feria("cluster", "key", "new", "cluster.key")
    line = feria.refused("serve", "--port", "0", "--gossip-port", "0", "--cluster-key", "cluster.key", **far)
    assert "key new" not in line
    assert "feria cluster certificates" in line
    with feria.node("--gossip-port", "0", "--insecure", **far) as node:
        assert httpx.get(f"{node.url}/v1/cluster").json()["secured"] == "no"


def test_the_key_is_changed_in_two_steps(feria: Feria) -> None:
    file = feria.folder / "cluster.key"
    feria("cluster", "key", "new", file)
    assert "there already" in feria.refused("cluster", "key", "new", file)
    assert "retire" in feria("cluster", "key", "rotate", file).out
    assert "under way" in feria.refused("cluster", "key", "rotate", file)
    assert "alone" in feria("cluster", "key", "retire", file).out
    assert "one key" in feria.refused("cluster", "key", "retire", file)
