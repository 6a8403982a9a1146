"""The graph's file: whole, or built anew."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from feria.search import graph as files
from feria.search.graph import HnswGraph

MODEL, OTHER = "a" * 64, "b" * 64
KEYS = np.arange(300, dtype=np.int64) * 256


def vectors(seed: int = 0) -> Any:
    found = np.random.default_rng(seed).normal(size=(len(KEYS), 16)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    graph = HnswGraph(16)
    graph.put(KEYS, vectors())
    files.save(graph.as_bytes(), tmp_path, MODEL)
    (file,) = tmp_path.iterdir()
    return file


def test_what_was_kept_is_what_was_built(kept: Path) -> None:
    graph = files.load(kept.parent, MODEL, 16)
    assert graph is not None
    assert len(graph) == len(KEYS)
    assert len(graph.differing(KEYS, vectors())) == 0
    assert graph.search(vectors()[7], 1).tolist() == [KEYS[7]]


def test_vectors_that_changed_meanwhile_are_told(kept: Path) -> None:
    graph = files.load(kept.parent, MODEL, 16)
    assert graph is not None
    now = vectors()
    now[[3, 5]] = vectors(1)[[3, 5]]
    keys = np.append(KEYS, 999_999)
    assert graph.differing(keys, np.vstack([now, now[:1]])).tolist() == [KEYS[3], KEYS[5], 999_999]


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "grown"])
def test_a_damaged_file_is_not_used(kept: Path, damage: str) -> None:
    held = bytearray(kept.read_bytes())
    match damage:
        case "cut":
            del held[len(held) // 2 :]
        case "flipped":
            held[len(held) // 2] ^= 1
        case "emptied":
            held.clear()
        case "grown":
            held += b"x"
    kept.write_bytes(held)
    assert files.load(kept.parent, MODEL, 16) is None


def test_a_file_of_another_network_or_of_other_vectors_is_not_used(kept: Path) -> None:
    assert files.load(kept.parent, OTHER, 16) is None
    assert files.load(kept.parent, MODEL, 8) is None


def test_a_new_file_takes_the_place_of_the_one_before(kept: Path) -> None:
    (kept.parent / "left-by-a-crash.part").write_bytes(b"half")
    graph = HnswGraph(16)
    graph.put(KEYS, vectors(2))
    files.save(graph.as_bytes(), kept.parent, OTHER)
    (file,) = kept.parent.iterdir()
    assert file.name.startswith(OTHER[:16])


def test_keys_can_be_removed_put_again_and_asked_for_when_none_is_left() -> None:
    graph = HnswGraph(16)
    graph.put(KEYS, vectors())
    graph.put(KEYS[:1], vectors()[1:2])
    assert set(graph.search(vectors()[1], 2).tolist()) == {KEYS[0], KEYS[1]}
    graph.remove(KEYS)
    graph.remove(KEYS)
    assert len(graph) == 0
    assert graph.search(vectors()[1], 3).tolist() == []
    graph.put(KEYS[:5], vectors()[:5])
    assert graph.search(vectors()[1], 1).tolist() == [KEYS[1]]
