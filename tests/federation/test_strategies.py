"""Strategies by name, what they bear, and which clients they are shown."""

from pathlib import Path

import numpy as np
import pytest

from clients import TRUTH, Fair, accuracy, rows
from feria.errors import Invalid, Unavailable
from feria.federation.strategies import STRATEGIES, StrategyKind

TEN = tuple(f"Tienda {n}" for n in range(10))
POISONED = TEN[4]


@pytest.mark.parametrize("kind", STRATEGIES.values(), ids=list(STRATEGIES))
def test_each_is_explained_in_one_sentence_and_so_is_each_setting(kind: StrategyKind) -> None:
    assert kind.explains.endswith(".")
    assert kind.explains.count(". ") == 0
    assert all(field.description for field in kind.settings.model_fields.values())


def test_a_setting_it_does_not_have_is_refused_in_words() -> None:
    with pytest.raises(Invalid, match="krum has no setting 'beta'; it has num_malicious_nodes"):
        STRATEGIES["krum"].choose({"beta": 0.2})
    with pytest.raises(Invalid, match="The setting 'beta' of trimmed_mean"):
        STRATEGIES["trimmed_mean"].choose({"beta": 0.5})


@pytest.mark.parametrize("strategy", [name for name, kind in STRATEGIES.items() if not kind.trees])
def test_each_learns_what_the_clients_have_in_common(tmp_path: Path, strategy: str) -> None:
    arrays = Fair(tmp_path, TEN, strategy=strategy).run(20).arrays
    x = np.random.default_rng(3).normal(size=(2000, len(TRUTH)))
    assert accuracy(arrays, x, (x @ TRUTH > 0).astype(float)) > 0.93


@pytest.mark.parametrize(("strategy", "least"), [("krum", 5), ("bulyan", 7)])
def test_one_that_needs_many_replies_is_not_asked_with_fewer(
    tmp_path: Path, strategy: str, least: int
) -> None:
    with pytest.raises(Invalid, match=f"needs {least} good replies, and only {least - 1} clients"):
        Fair(tmp_path, TEN[: least - 1], strategy=strategy)
    with pytest.raises(Invalid, match=f"needs {least} good replies, and only 3 clients"):
        Fair(tmp_path, TEN, strategy=strategy, per_round=3)
    fair = Fair(tmp_path, TEN[: least - 1], clients=(), strategy=strategy, wait_seconds=0)
    with pytest.raises(Unavailable, match="waits for 1 more"):
        fair.run(1)


def _accuracy(path: Path, strategy: str, poisoned: bool) -> float:
    """On the rows of all ten, those of the poisoned one as they truly are."""
    path.mkdir()
    there = {name: {"fault": "poison"} if poisoned and name == POISONED else {} for name in TEN}
    arrays = Fair(path, there, strategy=strategy).run(10).arrays
    x, y = (np.concatenate(parts) for parts in zip(*map(rows, TEN), strict=True))
    return accuracy(arrays, x, y)


def test_one_poisoned_client_in_ten_spoils_the_mean_and_not_krum(tmp_path: Path) -> None:
    """It has all its labels turned round and sends twenty times its step."""
    clean = _accuracy(tmp_path / "clean", "fedavg", poisoned=False)
    fedavg = _accuracy(tmp_path / "fedavg", "fedavg", poisoned=True)
    krum = _accuracy(tmp_path / "krum", "krum", poisoned=True)
    print(f"clean {clean:.3f}, poisoned: fedavg {fedavg:.3f}, krum {krum:.3f}")
    assert krum > clean - 0.03
    assert fedavg < clean - 0.2


@pytest.mark.parametrize("strategy", ["median", "trimmed_mean", "bulyan"])
def test_the_other_robust_ones_bear_it_too(tmp_path: Path, strategy: str) -> None:
    clean = _accuracy(tmp_path / "clean", "fedavg", poisoned=False)
    robust = _accuracy(tmp_path / "robust", strategy, poisoned=True)
    print(f"clean {clean:.3f}, {strategy} {robust:.3f}")
    assert robust > clean - 0.03
