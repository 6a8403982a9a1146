"""What is set on a federated kind is checked before anything heavy is imported, and its learner has it."""

import subprocess
import sys
from typing import Any

import pytest

from federation.stores import agreed, order, stores
from feria.errors import Invalid
from feria.federation.models import FEDERATED, check_settings, learner_for
from feria.federation.models.learners import LEARNERS
from feria.learning.wire import KindName

HEAVY = ("flwr", "sklearn", "scipy", "numpy", "polars", "onnx", "xgboost")
SET: dict[KindName, dict[str, Any]] = {
    "logistic_regression": {"C": 0.5, "steps": 3, "rate": 0.25},
    "linear_regression": {"alpha": 2.0, "steps": 4},
    "svm": {"C": 10.0},
    "mlp": {"hidden_layer_sizes": (4, 3), "epochs": 2, "batch_size": 16, "alpha": 0.0},
    "gradient_boosting": {"max_depth": 2, "reg_lambda": 0.5, "subsample": 1.0},
    "random_forest": {"trees": 1, "max_depth": 3, "min_samples_leaf": 1},
}


@pytest.mark.parametrize("kind", FEDERATED)
def test_a_learner_has_what_was_set_and_the_declared_defaults_of_the_rest(kind: KindName) -> None:
    price = FEDERATED[kind].tasks == ("regression",)
    agreement, _ = agreed(stores("price" if price else "two"), order(kind, "price" if price else "label"))
    learner: Any = learner_for(agreement, SET[kind])
    declared = {name: field.default for name, field in FEDERATED[kind].settings.model_fields.items()}
    assert learner.settings.model_dump() == declared | SET[kind]
    assert learner.settings == check_settings(kind, SET[kind])


def test_there_is_one_list_of_federated_kinds() -> None:
    assert LEARNERS.keys() == FEDERATED.keys()


@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [
        ("mlp", {"depth": 3}, "'depth'; it has hidden_layer_sizes, alpha, epochs, batch_size, learning_rate"),
        ("random_forest", {"trees": "many"}, "'trees' of a federated random_forest: .* valid integer"),
        (
            "random_forest",
            {"trees": 0},
            "'trees' of a federated random_forest: .* greater than or equal to 1",
        ),
        ("svm", {"C": 1e5}, "'C' of a federated svm: .* less than or equal to 10000"),
        ("svm", {"rate": float("nan")}, "'rate' of a federated svm: .* finite"),
        ("mlp", {"hidden_layer_sizes": [8, 0]}, "'hidden_layer_sizes' of a federated mlp"),
        ("gradient_boosting", {"max_depth": None}, "'max_depth' of a federated gradient_boosting"),
        ("decision_tree", {}, "decision_tree cannot be federated; logistic_regression, .* can"),
    ],
)
def test_what_a_kind_cannot_take_is_refused_in_a_sentence(
    kind: str, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(Invalid, match=said):
        check_settings(kind, settings)


def test_checking_imports_nothing_that_learns() -> None:
    code = (
        "import sys; from feria.federation.models import check_settings; check_settings('mlp', {}); "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"
