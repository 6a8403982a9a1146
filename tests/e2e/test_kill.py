"""A real node, killed without a word: what it had acknowledged is still there."""

import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

import nets
from cli.running import Feria, RunningNode

LINE = {"X": [[1], [2], [3], [4]], "y": [2, 4, 6, 8]}


def post(node: RunningNode, path: str, **what: Any) -> httpx.Response:
    return httpx.post(f"{node.url}{path}", timeout=300, **what)


def digest(node: RunningNode, name: str) -> str:
    reply = httpx.get(f"{node.url}/v1/models/{name}", timeout=300)
    found: str = reply.json()["models"][0]["digest"]
    return found


def kill(node: RunningNode) -> None:
    node.process.send_signal(signal.SIGKILL)
    node.process.wait()


def test_a_trained_model_is_served_with_the_same_digest_after_a_kill(feria: Feria) -> None:
    with feria.node() as node:
        assert post(node, "/train_model/linear_regression", json=LINE).status_code == 200
        before = digest(node, "linear_regression")
        kill(node)
    with feria.node() as node:
        assert digest(node, "linear_regression") == before
        reply = post(node, "/v1/models/linear_regression/predict", json={"rows": [[5]]})
        assert (reply.json()["digest"], reply.json()["predictions"]) == (before, pytest.approx([10.0]))


def test_a_kill_in_the_middle_of_training_leaves_a_node_that_trains(feria: Feria) -> None:
    with feria.node() as node:
        order = {
            "kind": "mlp",
            "target": "y",
            "settings": {"max_iter": 100000, "hidden_layer_sizes": [512, 512]},
        }
        rows = [{"x": i, "y": (i * 7919) % 1000 / 10} for i in range(5000)]
        with httpx.stream(
            "POST",
            f"{node.url}/v1/models/slow/train",
            json=order | {"rows": rows},
            headers={"Accept": "text/event-stream"},
            timeout=300,
        ) as progress:
            heard = next(line for line in progress.iter_lines() if "fitting" in line)
            assert heard
            workers = children(node.process.pid)
            kill(node)
    wait_until(lambda: not any(alive(pid) for pid in workers), "a worker outlives its node")
    with feria.node() as node:
        assert httpx.get(f"{node.url}/v1/models", timeout=300).json() == {"models": []}
        assert post(node, "/train_model/linear_regression", json=LINE).status_code == 200
    assert list((feria.home / "scratch").iterdir()) == []


def test_kills_at_any_moment_of_publishing_lose_nothing_that_was_acknowledged(feria: Feria) -> None:
    """Publishes as fast as it can and is killed, again and again: each acknowledged version is whole."""
    acknowledged: dict[int, str] = {}
    for round in range(4):
        with feria.node() as node:
            post(node, "/v1/models/first", files={"file": nets.linear([1.0])})  # the workers are there now
            killer = threading.Timer(0.3 + 0.13 * round, kill, [node])
            killer.start()
            try:
                for weight in range(1000):
                    net = nets.linear([float(weight), float(round)])
                    reply = post(node, "/v1/models/many", files={"file": net})
                    acknowledged[reply.json()["version"]] = reply.json()["digest"]
            except httpx.TransportError:
                killer.join()
    assert len(acknowledged) > 4
    with feria.node() as node:
        rows = httpx.get(f"{node.url}/v1/models/many", timeout=300).json()["models"]
        found = {row["version"]: row["digest"] for row in rows}
        assert acknowledged.items() <= found.items()
        # At most the one under way when each kill came was stored and not acknowledged.
        assert len(found) <= len(acknowledged) + 4
        for version in found:
            reply = post(node, f"/v1/models/many/predict?version={version}", json={"rows": [[1, 0]]})
            assert reply.status_code == 200, reply.text


def test_a_worker_that_is_killed_is_an_error_of_that_request(feria: Feria) -> None:
    with feria.node() as node:
        post(node, "/train_model/linear_regression", json=LINE)
        replies: list[httpx.Response] = []
        rows = [[i % 97, (i * 7919) % 1000 / 10] for i in range(20000)]
        body = {"kind": "svm", "target": "y", "task": "regression", "columns": ["x", "y"], "rows": rows}
        before = children(node.process.pid)
        caller = threading.Thread(
            target=lambda: replies.append(post(node, "/v1/models/slow/train", json=body))
        )
        caller.start()
        wait_until(lambda: children(node.process.pid) - before, "no worker began")
        for pid in children(node.process.pid) - before:
            os.kill(pid, signal.SIGSEGV)
        caller.join()
        assert (replies[0].status_code, replies[0].json()["error"]) == (503, "crashed"), replies[0].text
        assert post(node, "/predict_model/linear_regression", json={"X": [[5]]}).status_code == 200


def test_a_disk_that_fills_while_publishing_leaves_the_node_well(feria: Feria) -> None:
    """A real full disk: the home is a file system of 24 MiB, mounted in a name space of its own."""
    feria.home.mkdir()
    node_on_small_disk = (
        f'mount -t tmpfs -o size=24m tmpfs {feria.home} && exec "$0" serve --home {feria.home} --port 0'
    )
    from cli.running import FERIA, environment

    process = subprocess.Popen(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", node_on_small_disk, FERIA],
        cwd=feria.folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        try:
            node = RunningNode(process, "Ctrl-C")
        except AssertionError as error:
            if "ermission" in str(error) or "not permitted" in str(error):
                pytest.skip(f"this machine lets no one mount a file system: {error}")
            raise
        assert post(node, "/v1/models/small", files={"file": nets.linear([1.0])}).status_code == 201
        large = nets.linear([1.0]) + large_comment(30_000_000)
        refused = post(node, "/v1/models/large", files={"file": large})
        assert (refused.status_code, refused.json()["error"]) == (507, "disk_full")
        models = httpx.get(f"{node.url}/v1/models", timeout=300).json()["models"]
        assert [model["name"] for model in models] == ["small"]
        assert post(node, "/v1/models/small/predict", json={"rows": [[2]]}).json()["predictions"] == [2.0]
        assert post(node, "/v1/models/small", files={"file": nets.linear([3.0])}).status_code == 201
    finally:
        process.kill()
        process.communicate()


def large_comment(size: int) -> bytes:
    """A `doc_string` field to append to a serialised model: valid ONNX, and large."""
    length = size
    varint = bytearray()
    while length > 127:
        varint.append(length & 127 | 128)
        length >>= 7
    return b"\x32" + bytes(varint) + bytes([length]) + b"x" * size


def children(pid: int) -> set[int]:
    """All processes below that one."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
    below = {pid}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
    return below - {pid}


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until(true: Any, otherwise: str, seconds: float = 300.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.01)
