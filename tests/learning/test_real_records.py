"""Real records reach the figures that were measured on them with scikit-learn, five-fold, beforehand."""

from pathlib import Path

import numpy as np
import pytest

from learning.ordering import Made, train

NEAR = 0.02
"""Five hold-outs of a fifth each scatter by about a point around the five-fold mean."""


def means(made: list[Made], measure: str) -> float:
    return float(np.mean([one.result["metrics"][measure] for one in made]))


@pytest.mark.parametrize(
    ("kind", "accuracy", "auc"),
    [
        ("logistic_regression", 0.814, 0.882),
        ("gradient_boosting", 0.821, 0.878),
        ("random_forest", 0.814, 0.882),
        ("svm", 0.814, 0.882),
        ("mlp", 0.814, 0.882),
    ],
)
def test_hearts_of_four_hospitals(shared_data: Path, kind: str, accuracy: float, auc: float) -> None:
    """920 people; a third of the cells of some columns are missing, and at some hospitals all."""
    source = {"file": str(shared_data / "tabular" / "heart_disease_4hospitals.csv")}
    made = [train(kind, "num>0", source, seed=seed) for seed in range(5)]
    assert means(made, "accuracy") > accuracy - NEAR
    assert means(made, "auc") > auc - NEAR
    assert means(made, "baseline") == pytest.approx(0.553, abs=0.01)


@pytest.mark.parametrize(
    ("kind", "accuracy", "auc"),
    [
        ("logistic_regression", 0.884, 0.893),
        ("gradient_boosting", 0.904, 0.933),
        ("random_forest", 0.904, 0.933),
        ("decision_tree", 0.884, 0.893),
        ("mlp", 0.884, 0.893),
    ],
)
def test_shoppers_who_buy_and_who_do_not(shared_data: Path, kind: str, accuracy: float, auc: float) -> None:
    """12,330 visits; Month and VisitorType are words, Weekend and Revenue are TRUE or FALSE."""
    source = {"file": str(shared_data / "tabular" / "online_shoppers_intention.csv")}
    made = [train(kind, "Revenue", source, seed=seed) for seed in range(2)]
    assert means(made, "accuracy") > accuracy - NEAR
    assert means(made, "auc") > auc - NEAR
    assert made[0].result["metrics"]["rows_holdout"] == 2466


def test_words_that_mean_missing_are_no_category(shared_data: Path) -> None:
    """The census writes `?` where somebody did not answer; the file is gzipped."""
    source = {"file": str(shared_data / "tabular" / "adult.csv.gz")}
    made = train("gradient_boosting", "income-per-year", source, settings={"max_iter": 40})
    assert made.result["metrics"]["accuracy"] > 0.86
    assert made.result["metrics"]["auc"] > 0.91


def test_a_number_is_predicted_better_than_by_its_mean(shared_data: Path) -> None:
    source = {"file": str(shared_data / "tabular" / "heart_disease_4hospitals.csv")}
    made = train("gradient_boosting", "thalach", source, task="regression")
    metrics = made.result["metrics"]
    assert metrics["rmse"] < 0.9 * metrics["baseline_rmse"]
    assert made.result["trained_from"]["rows_without_target"] == 55
