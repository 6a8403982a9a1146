"""What comes of a federation is a file like any other: named columns in, labels and probabilities out."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from federation.stores import stores
from federation.test_learners import EVERY, each, opened, rounds
from feria.errors import FeriaError
from feria.federation.publishing import drawn, publish
from feria.learning.export import Graph
from feria.learning.wire import KindName
from feria.registry.inspection import inspect
from feria.registry.wire import Description, FileMetadata, TabularInput


@each
def test_the_file_answers_rows_as_the_arrays_do(kind: KindName, target: str, tmp_path: Path) -> None:
    learner, read = opened(kind, target)
    arrays = rounds(learner, read, 3)
    file = publish(learner, arrays)
    agreement = learner.agreement
    store = stores(target)["Cusco"].frame
    frame = pl.DataFrame(
        [store[name].cast(pl.Float32).fill_null(float("nan")) for name in ("a", "b")]
        + [store["colour"].fill_null("")]
    )
    ours = learner.answer(arrays, read["Cusco"].x)
    if target == "price":
        given = Graph(file).run("value", frame, 2).ravel()
        np.testing.assert_allclose(given, ours * agreement.size + agreement.middle, atol=0.05)
    else:
        given = Graph(file).run("probabilities", frame, 2)
        np.testing.assert_allclose(given, ours, atol=1e-4)
        labels = Graph(file).run("label", frame, 2)
        assert labels.tolist() == [(agreement.labels or ())[k] for k in given.argmax(axis=1)]

    path = tmp_path / "model.onnx"
    path.write_bytes(file)
    said = inspect(str(path), Description().model_dump(mode="json"), lambda *_: None)
    metadata = FileMetadata.model_validate(said)
    assert metadata.kind == kind
    assert isinstance(metadata.input, TabularInput)
    assert [column.name for column in metadata.input.columns] == ["a", "b", "colour"]
    assert metadata.output.labels == agreement.labels


@pytest.mark.parametrize(("kind", "target"), EVERY[:3] + EVERY[-1:])
def test_the_same_arrays_give_the_same_file(kind: KindName, target: str) -> None:
    learner, read = opened(kind, target)
    arrays = rounds(learner, read, 2)
    assert publish(learner, arrays) == publish(learner, arrays)


def test_a_file_that_would_answer_otherwise_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    learner, read = opened("logistic_regression", "two")
    arrays = rounds(learner, read, 2)
    right = Graph.run
    monkeypatch.setattr(Graph, "run", lambda *asked: right(*asked) + 0.01)
    with pytest.raises(FeriaError, match="Nothing was published"):
        publish(learner, arrays)


def test_rows_that_nobody_has_know_gaps_and_texts_that_nobody_said() -> None:
    learner, _ = opened("logistic_regression", "two")
    frame = drawn(learner.agreement, 0).frame
    assert frame["a"].is_nan().any()
    assert set(frame["colour"]) > {"", "blue", "green", "red", "white"}
    assert frame["b"].drop_nans().mean() == pytest.approx(100, abs=2)
