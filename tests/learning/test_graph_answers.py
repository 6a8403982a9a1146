"""The file answers like the estimator it came from.

For every kind and task, on tables of numbers of any size and texts in any alphabet, with missing values,
on the training rows and on rows it never saw: a probability differs by at most 1e-4, and a number by at
most 1e-4 of the target's spread plus 1e-6 of the number itself. What a tree answers is the same but for
float32: it asks the same questions of the same bits.
"""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feria.errors import FeriaError
from feria.learning import estimators, export
from feria.learning.dataset import Dataset
from feria.learning.estimators import Fitted, fit
from feria.learning.export import Graph, verify
from feria.learning.kinds import KINDS, Kind
from feria.learning.preprocessing import Preprocessing
from feria.learning.target import Target
from feria.learning.wire import Task
from feria.registry.wire import Column

EVERY = [(kind, task) for kind in KINDS.values() for task in kind.tasks]
quick = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)


@st.composite
def tables(draw: st.DrawFn, task: Task) -> tuple[Dataset, pl.DataFrame]:
    """A training set of 6 to 40 rows, and rows of the same columns that are not in it."""
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, m = draw(st.integers(6, 40)), 20
    columns: dict[str, Any] = {}
    numbers = draw(st.integers(0, 4))
    for i in range(numbers):
        middle = draw(st.sampled_from([0.0, 1.0, -1e6, 1.6e9]))
        size = 10.0 ** draw(st.integers(-8, 8))
        values = chance.normal(middle, size, n + m)
        values[chance.random(n + m) < draw(st.sampled_from([0.0, 0.3]))] = np.nan
        values[chance.random(n + m) < 0.3] = middle
        columns[f"n{i}"] = values.astype(np.float32)
    for i in range(draw(st.integers(0 if numbers else 1, 2))):
        words = draw(st.lists(texts, min_size=1, max_size=8))
        columns[f"t{i}"] = [words[k] for k in chance.integers(len(words), size=n)] + ["", "unseen"] * (m // 2)
    frame = pl.DataFrame(columns)
    described = tuple(Column(name=name, kind="number" if name[0] == "n" else "text") for name in columns)
    data = Dataset(frame[:n], described, _target(draw, task, chance, n), [], 0)
    return data, frame[n:]


def _target(draw: st.DrawFn, task: Task, chance: np.random.Generator, n: int) -> Target:
    if task == "regression":
        values = chance.normal(draw(st.sampled_from([0, 100])), 1, n) * 10.0 ** draw(st.integers(-6, 6))
        return Target(task, values)
    labels = draw(st.sampled_from([("false", "true"), (-3, 0, 7), (0.1, 0.25), ("ñ", "中", "🛒", "")]))
    classes = np.concatenate([np.arange(len(labels)), chance.integers(len(labels), size=n - len(labels))])
    return Target(task, classes, labels)


@pytest.mark.parametrize(("kind", "task"), EVERY, ids=[f"{kind.name}-{task}" for kind, task in EVERY])
@quick
@given(data=st.data())
def test_the_exported_graph_answers_like_the_estimator(kind: Kind, task: Task, data: st.DataObject) -> None:
    table, unseen = data.draw(tables(task))
    preprocessing, fitted, graph = _made(kind, table)
    both = table.frame.vstack(unseen)
    verify(graph, preprocessing, fitted, table, seed=0)

    matrix = preprocessing.apply(both)
    if task == "regression":
        theirs = fitted.answer(matrix)
        ours = graph.run("value", both, table.numbers).ravel()
        spread = np.std(table.target.values)
        assert np.all(np.abs(ours - theirs) <= 1e-4 * spread + 1e-6 * np.abs(theirs))
        return
    theirs = fitted.answer(matrix)
    ours = graph.run("probabilities", both, table.numbers)
    assert np.abs(ours - theirs).max() <= 1e-4
    labels = graph.run("label", both, table.numbers)
    assert table.target.labels is not None
    assert labels.tolist() == [table.target.labels[k] for k in ours.argmax(axis=1)]
    if "tree" in kind.name or "boosting" in kind.name:
        assert np.abs(ours - theirs).max() <= 1e-6


def _made(kind: Kind, table: Dataset) -> tuple[Preprocessing, Fitted, Graph]:
    preprocessing = Preprocessing(kind, table.frame, table.numbers)
    small = {"random_forest": {"n_estimators": 5}, "gradient_boosting": {"max_iter": 10}}
    chosen = kind.choose(small.get(kind.name, {}))
    fitted = fit(chosen, preprocessing.apply(table.frame), table.target, 0, lambda _: None)
    return preprocessing, fitted, Graph(export.export(kind, preprocessing, fitted, table))


def test_the_same_order_gives_the_same_file_byte_for_byte() -> None:
    table = _line()
    for kind in KINDS.values():
        if "regression" in kind.tasks:
            preprocessing, fitted, _ = _made(kind, table)
            files = {export.export(kind, preprocessing, fitted, table) for _ in range(2)}
            again = _made(kind, table)
            files.add(export.export(kind, *again[:2], table))
            assert len(files) == 1, kind.name


def test_a_model_that_answers_otherwise_than_its_estimator_is_refused() -> None:
    table = _line()
    preprocessing, fitted, graph = _made(KINDS["linear_regression"], table)
    fitted.estimator.intercept_ += 0.01
    with pytest.raises(FeriaError, match="Nothing was published"):
        verify(graph, preprocessing, fitted, table, seed=0)


@pytest.mark.parametrize("kind", ["random_forest", "decision_tree", "svm", "mlp"])
def test_a_large_number_keeps_its_digits(kind: str) -> None:
    """Years, prices, seconds since 1970: little spread, far from zero."""
    x = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
    described = tuple(Column(name=name, kind="number") for name in "ab")
    for middle in (1e4, 1e6, -3e8):
        target = Target("regression", middle + 5.0 * x[:, 0])
        table = Dataset(pl.DataFrame(x, schema=["a", "b"]), described, target, [], 0)
        preprocessing, fitted, graph = _made(KINDS[kind], table)
        assert verify(graph, preprocessing, fitted, table, seed=0) < 0.2


def test_a_vote_that_is_a_tie_is_no_cliff() -> None:
    """Rows of few different kinds make ties between classes, and rounding must not decide them."""
    frame = pl.DataFrame({"t": ["a", "b", "a", "c", "b", "a", "c", "c"] * 2})
    target = Target("classification", np.array([0, 1, 2, 3, 2, 1, 0, 3] * 2), ("w", "x", "y", "z"))
    table = Dataset(frame, (Column(name="t", kind="text"),), target, [], 0)
    preprocessing, fitted, graph = _made(KINDS["svm"], table)
    assert verify(graph, preprocessing, fitted, table, seed=0) < 0.2


def test_a_boundary_between_two_neighbouring_floats_stays_between_them() -> None:
    """In float32 there is no number between the two: rounded up, the tree would see no difference."""
    one = np.float32(1024)
    after = np.nextafter(one, np.float32(2048))
    frame = pl.DataFrame({"x": np.array([one, after] * 20, np.float32)})
    target = Target("classification", np.array([0, 1] * 20), ("low", "high"))
    table = Dataset(frame, (Column(name="x", kind="number"),), target, [], 0)
    for name in ("decision_tree", "random_forest", "gradient_boosting"):
        _, _, graph = _made(KINDS[name], table)
        assert graph.run("label", frame, 1).tolist() == ["low", "high"] * 20


def test_thresholds_are_rounded_down() -> None:
    exact = np.array([0.1, -0.1, 0.5, 1e-46, np.inf, 3.0])
    down = estimators.down_to_float32(exact)
    assert (down <= exact).all()
    assert (down.astype(np.float32) == down).all()
    assert down[[2, 4, 5]].tolist() == [0.5, np.inf, 3.0]


def _line() -> Dataset:
    x = np.arange(40, dtype=np.float32)
    return Dataset(
        pl.DataFrame({"x": x}),
        (Column(name="x", kind="number"),),
        Target("regression", 2.0 * x + 1),
        [],
        0,
    )
