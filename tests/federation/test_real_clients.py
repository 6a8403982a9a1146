"""Rows of real owners stay apart, and the model is as good as one of all of them; `bench/` has the rest."""

from pathlib import Path

import pytest
from bench.fed_accuracy import Found, Set, measure

from feria.federation import partitions
from feria.learning.wire import KindName

SEEDS = range(3)


@pytest.mark.parametrize("kind", ["logistic_regression", "svm"])
def test_four_hospitals_whose_patients_differ(shared_data: Path, kind: KindName) -> None:
    hospitals = Set("hospitals", lambda _: partitions.hospitals(shared_data / "tabular"), "num>0")
    found = Found()
    for seed in SEEDS:
        measure(hospitals, kind, seed, found)
    assert found.behind("federated", "pooled") <= 0.02
    assert found.mean("federated", "accuracy") > found.mean("alone", "accuracy") + 0.03
    assert found.mean("federated", "auc") > found.mean("alone", "auc") + 0.02


def test_a_shop_by_month(shared_data: Path) -> None:
    shoppers = Set("shoppers", lambda _: partitions.shoppers(shared_data / "tabular"), "Revenue")
    found = Found()
    measure(shoppers, "logistic_regression", 0, found)
    assert found.behind("federated", "pooled") <= 0.02
    assert found.mean("federated", "accuracy") > found.mean("alone", "accuracy")
    assert found.mean("federated", "auc") > found.mean("alone", "auc") + 0.03


def test_the_demonstration_is_near_the_pooled_model() -> None:
    tumours = Set("tumours", lambda seed: partitions.tumours(seed=seed), "malignant")
    found = Found()
    for seed in SEEDS:
        measure(tumours, "logistic_regression", seed, found)
    assert found.behind("federated", "pooled") <= 0.02
