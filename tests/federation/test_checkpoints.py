"""Where a job stands is kept whole or not at all, and comes back as it was."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flwr.serverapp.strategy import FedAdam, FedAvg
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra import numpy as arrays_of

from feria.errors import Corrupt
from feria.federation.checkpoints import Checkpoint, load, restore, save, state_of

ARRAYS = arrays_of.arrays(
    some.sampled_from([np.float32, np.float64, np.int64]), arrays_of.array_shapes(min_dims=0, min_side=0)
)
WORDS = some.text(max_size=5)
PLAIN = some.none() | some.booleans() | some.integers(-(2**53), 2**53) | some.floats(allow_nan=False) | WORDS
STATES = some.recursive(
    PLAIN.filter(lambda value: value not in (float("inf"), float("-inf"))) | ARRAYS,
    lambda deeper: (
        some.lists(deeper, max_size=3)
        | some.dictionaries(WORDS, deeper, max_size=3)
        | some.lists(deeper, max_size=3).map(tuple)
    ),
    max_leaves=6,
)


def _as_bytes(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, value.tobytes())
    if isinstance(value, dict):
        return {key: _as_bytes(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return (type(value), [_as_bytes(each) for each in value])
    return (type(value), value)


@given(
    arrays=some.dictionaries(WORDS, ARRAYS, max_size=4),
    state=some.dictionaries(WORDS, STATES, max_size=3),
    memories=some.dictionaries(WORDS, some.binary(max_size=20), max_size=3),
)
def test_a_checkpoint_comes_back_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, arrays: Any, state: Any, memories: Any
) -> None:
    path = tmp_path_factory.getbasetemp() / "job.npz"
    save(path, Checkpoint(7, arrays, state, memories, {"replies": 3}))
    found = load(path)
    assert found is not None
    assert list(found.arrays) == list(arrays)
    assert _as_bytes(dict(found.arrays)) == _as_bytes(arrays)
    assert _as_bytes(dict(found.strategy)) == _as_bytes(state)
    assert (found.round, found.memories, found.told) == (7, memories, {"replies": 3})


def test_there_is_none_before_the_first(tmp_path: Path) -> None:
    assert load(tmp_path / "job.npz") is None


def test_one_that_cannot_be_written_leaves_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "job.npz"
    save(path, Checkpoint(1, {"w": np.ones(3)}, {}))

    def full(_: int) -> None:
        raise OSError("no space left on the device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        save(path, Checkpoint(2, {"w": np.zeros(3)}, {}))
    found = load(path)
    assert found is not None
    assert (found.round, found.arrays["w"].tolist()) == (1, [1, 1, 1])


@pytest.mark.parametrize("spoil", [lambda data: data[:-40], lambda data: b"junk", lambda data: b""])
def test_a_damaged_one_is_refused_in_words(tmp_path: Path, spoil: Any) -> None:
    path = tmp_path / "job.npz"
    save(path, Checkpoint(1, {"w": np.ones(300)}, {}))
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(Corrupt, match="checkpoint cannot be read"):
        load(path)


def test_a_changed_byte_of_the_arrays_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "job.npz"
    save(path, Checkpoint(1, {"w": np.full(300, 0.5)}, {}))
    data = bytearray(path.read_bytes())
    place = data.index(np.full(20, 0.5).tobytes())
    data[place + 3] ^= 1
    path.write_bytes(data)
    with pytest.raises(Corrupt):
        load(path)


def test_a_strategy_gets_its_momenta_back_and_keeps_what_it_is() -> None:
    old = FedAdam()
    old.m_t, old.v_t = {"0": np.ones(2)}, {"0": np.full(2, 3.0)}
    new = FedAdam()
    restore(new, state_of(old))
    assert new.m_t is not None
    assert new.m_t["0"].tolist() == [1, 1]
    assert new.v_t is not None
    assert new.v_t["0"].tolist() == [3, 3]
    assert callable(new.train_metrics_aggr_fn)


def test_a_strategy_of_the_users_own_gets_its_counts_back() -> None:
    class Counting(FedAvg):
        def __init__(self) -> None:
            super().__init__()
            self.seen: dict[str, int] = {}

    old, new = Counting(), Counting()
    old.seen = {"Ana": 3}
    restore(new, state_of(old))
    assert new.seen == {"Ana": 3}
