"""What befalls a model on its way between three real nodes: the only one that has its file is killed while it
gives it, or has it damaged; and both sides of a cluster that is apart publish under one name.
"""

import contextlib
import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from onnx import helper

import nets
from e2e.three_nodes import GONE, NAMES, Cluster
from programs import wait

NUMBERS = 25_000_000
"""In the large model, 4 bytes each: a second or so on its way, so that there is a middle."""


def large(seed: int) -> bytes:
    """`x` times 2, with numbers beside that nobody asks for and nothing packs."""
    weights = np.random.default_rng(seed).random(NUMBERS, np.float32)
    nodes = [
        helper.make_node("ReduceMax", ["w"], ["most"], axes=[0], keepdims=1),
        helper.make_node("Div", ["most", "most"], ["one"]),
        helper.make_node("Mul", ["one", "two"], ["factor"]),
        helper.make_node("Mul", ["x", "factor"], ["value"]),
    ]
    inputs, outputs = {"x": (nets.FLOAT, ["N", 1])}, {"value": (nets.FLOAT, ["N", 1])}
    made = nets.model(nodes, inputs, outputs, {"w": weights, "two": np.float32([2.0])})
    return bytes(made.SerializeToString())


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Files are fetched when they are first asked for."""
    made = Cluster(tmp_path, FERIA_CLUSTER__KEEP_MODELS="on_demand")
    with contextlib.ExitStack() as stack:
        for name in NAMES:
            stack.enter_context(made.nodes[name])
        wait(made.all_met)
        yield made


def shelf(cluster: Cluster, name: str, model: str) -> list[dict[str, Any]]:
    return list(cluster.ask(name, f"/v1/models/{model}").json()["models"])


def knows(cluster: Cluster, name: str, model: str, versions: int = 1) -> bool:
    try:
        return len(shelf(cluster, name, model)) == versions
    except GONE:
        return False


def refusal(cluster: Cluster, name: str, model: str) -> str:
    """The error's code; nothing where there is an answer."""
    url = cluster.url(name, f"/v1/models/{model}/predict")
    answer = httpx.post(url, json={"rows": [[10.0]]}, timeout=120)
    return "" if answer.status_code == 200 else str(answer.json()["error"])


def test_the_only_holder_is_killed_while_it_gives_a_file_and_the_rest_comes_when_it_is_back(
    cluster: Cluster,
) -> None:
    content = large(1)
    cluster.publish("a", "large", content)
    wait(lambda: knows(cluster, "b", "large"))
    asking = threading.Thread(target=refusal, args=(cluster, "b", "large"))
    asking.start()
    wait(lambda: shelf(cluster, "b", "large")[0]["here"] > 0)
    come = shelf(cluster, "b", "large")[0]["here"]
    cluster.nodes["a"].kill()
    assert come < 1, "it came in one go; nothing was tried"
    asking.join()
    assert refusal(cluster, "b", "large") in {"unavailable", "busy"}
    assert refusal(cluster, "c", "large") in {"unavailable", "busy"}
    cluster.nodes["a"].start()
    for name in NAMES:
        wait(lambda name=name: cluster.predicts(name, "large") == 20.0)  # type: ignore[misc]
        (held,) = shelf(cluster, name, "large")
        blob = httpx.get(cluster.url(name, f"/v1/blobs/{held['digest']}"), timeout=120).content
        assert hashlib.sha256(blob).hexdigest() == held["digest"] == hashlib.sha256(content).hexdigest()


def test_a_damaged_file_is_given_to_nobody_and_is_whole_again_once_it_is_published_again(
    cluster: Cluster,
) -> None:
    content = nets.linear([2.0])
    digest = cluster.publish("a", "line", content)["digest"]
    (file,) = [path for path in (cluster.folder / "a" / "blobs").rglob("*") if path.name.endswith(digest[2:])]
    file.chmod(0o600)
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    wait(lambda: knows(cluster, "b", "line"))
    assert refusal(cluster, "b", "line") == "unavailable"
    assert refusal(cluster, "c", "line") == "unavailable"
    cluster.publish("a", "line", content)
    for name in NAMES:
        wait(lambda name=name: cluster.predicts(name, "line") == 20.0)  # type: ignore[misc]


def test_a_name_that_two_sides_gave_to_two_files_has_both_and_one_latest(cluster: Cluster) -> None:
    cluster.nodes["b"].kill()
    cluster.nodes["c"].kill()
    first = cluster.publish("a", "twin", nets.linear([2.0]))["digest"]
    cluster.nodes["a"].kill()
    cluster.nodes["b"].start()
    cluster.nodes["c"].start()
    wait(lambda: cluster.answers("b", "/readyz"))
    second = cluster.publish("b", "twin", nets.linear([3.0]))["digest"]
    cluster.nodes["a"].start()
    wait(cluster.all_met)
    for name in NAMES:
        wait(lambda name=name: knows(cluster, name, "twin", 2))  # type: ignore[misc]
        assert {row["digest"] for row in shelf(cluster, name, "twin")} == {first, second}
    assert {shelf(cluster, name, "twin")[0]["digest"] for name in NAMES} == {second}
    for name in NAMES:
        wait(lambda name=name: cluster.predicts(name, "twin") == 30.0)  # type: ignore[misc]
