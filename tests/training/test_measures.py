"""Each measure against scikit-learn where that has it, and against what one can work out by hand."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, recall_score
from sklearn.neighbors import NearestNeighbors

from training import measures

CLASSES = 4
pairs = st.lists(st.tuples(st.integers(0, CLASSES - 1), st.integers(0, CLASSES - 1)), min_size=1, max_size=40)


def labels(*values: int) -> Any:
    return np.array(values, np.int64)


@given(pairs)
def test_accuracy_recall_and_confusion_are_those_of_scikit_learn(judged: list[tuple[int, int]]) -> None:
    predicted, truth = (labels(*column) for column in zip(*judged, strict=True))
    counts = measures.confusion(predicted, truth, CLASSES)
    present = np.unique(truth)
    assert measures.accuracy(predicted, truth) == pytest.approx(accuracy_score(truth, predicted))
    np.testing.assert_array_equal(counts, confusion_matrix(truth, predicted, labels=range(CLASSES)))
    assert measures.macro_recall(counts) == pytest.approx(
        recall_score(truth, predicted, labels=present, average="macro")
    )


def test_a_class_that_does_not_occur_has_no_recall_and_no_say_in_the_mean() -> None:
    counts = measures.confusion(labels(0, 2, 1, 1), labels(0, 0, 1, 1), 3)
    np.testing.assert_array_equal(measures.recalls(counts), [0.5, 1.0, np.nan])
    assert measures.macro_recall(counts) == 0.75


def test_who_is_right_as_often_as_sure_is_calibrated() -> None:
    sure = np.array([[0.75, 0.25]] * 4)
    assert measures.calibration_error(sure, labels(0, 0, 0, 1)) == 0
    assert measures.calibration_error(sure, labels(0, 1, 1, 1)) == pytest.approx(0.5)
    assert measures.calibration_error(np.array([[1.0, 0.0], [0.0, 1.0]]), labels(0, 1)) == 0


def test_each_bin_weighs_by_what_is_in_it() -> None:
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
    # 0.9: two of three are right, 0.2333 too sure; 0.6: right, 0.4 not sure enough.
    expected = 0.75 * (0.9 - 2 / 3) + 0.25 * 0.4
    assert measures.calibration_error(probabilities, labels(0, 0, 1, 1)) == pytest.approx(expected)


@given(st.lists(st.tuples(st.floats(0.5, 1), st.booleans()), min_size=1, max_size=60))
def test_calibration_is_that_of_the_paper(judged: list[tuple[float, bool]]) -> None:
    probabilities = np.array([[p, 1 - p] for p, _ in judged])
    truth = labels(*(int(not right) for _, right in judged))
    right = probabilities.argmax(axis=1) == truth
    expected = 0.0
    edges = np.linspace(0, 1, 16)
    for low, high in pairwise(edges):
        inside = (probabilities.max(axis=1) > low) & (probabilities.max(axis=1) <= high)
        if inside.any():
            gap = abs(right[inside].mean() - probabilities.max(axis=1)[inside].mean())
            expected += inside.mean() * gap
    assert measures.calibration_error(probabilities, truth) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("block_values", [1, 130, 2**22])
def test_neighbours_are_those_of_scikit_learn_whatever_the_block(
    block_values: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measures, "BLOCK_VALUES", block_values)
    random = np.random.default_rng(0)
    queries, gallery = random.normal(size=(30, 8)), random.normal(size=(50, 8)) * 7
    peer = NearestNeighbors(n_neighbors=10, metric="cosine").fit(gallery)
    np.testing.assert_array_equal(
        measures.nearest(queries, gallery, 10), peer.kneighbors(queries, return_distance=False)
    )
    itself = np.arange(50)
    ours = measures.nearest(gallery, gallery, 10, itself)
    np.testing.assert_array_equal(ours, peer.kneighbors(return_distance=False))


def test_length_does_not_count_and_nothing_is_near_to_nothing() -> None:
    gallery = np.array([[0.0, 9.0], [0.1, 0.0], [-5.0, 0.0]])
    assert measures.nearest(np.array([[3.0, 0.1]]), gallery, 3).tolist() == [[1, 0, 2]]
    assert np.isin(measures.nearest(np.zeros((1, 2)), gallery, 1), [0, 1, 2]).all()


def test_precision_is_the_share_of_the_nearest_that_are_alike() -> None:
    found = np.array([[0, 1, 2], [2, 0, 1]])
    gallery, truth = labels(5, 5, 6), labels(5, 6)
    assert measures.precision_at(1, found, gallery, truth) == 1
    assert measures.precision_at(2, found, gallery, truth) == 0.75
    assert measures.precision_at(3, found, gallery, truth) == pytest.approx(0.5)


def test_a_picture_is_not_its_own_neighbour() -> None:
    two = np.array([[1.0, 0.0], [1.0, 0.01], [0.0, 1.0]])
    assert measures.nearest(two, two, 1)[:, 0].tolist() == [0, 1, 2]
    assert measures.nearest(two, two, 1, labels(0, 1, 2))[:, 0].tolist() == [1, 0, 1]
    assert measures.nearest(two[1:], two, 1, labels(1, 2))[:, 0].tolist() == [0, 1]


def test_there_must_be_something_to_judge() -> None:
    with pytest.raises(ValueError, match="nothing to judge"):
        measures.accuracy(labels(), labels())
    with pytest.raises(ValueError, match="nothing to judge"):
        measures.macro_recall(np.zeros((2, 2), np.int64))
    with pytest.raises(ValueError, match="gallery of 2 has no 3 nearest"):
        measures.nearest(np.ones((3, 2)), np.ones((3, 2)), 3, labels(0, 1, 2))
    with pytest.raises(ValueError, match="2 nearest were looked for, not 3"):
        measures.precision_at(3, np.zeros((1, 2), np.int64), labels(0), labels(0))
