"""From columns to one matrix: filling gaps, scaling, telling texts apart. It becomes part of the graph.

Estimator and graph must see the same bits, or a tree asks its question of another number than it was
grown on. So medians and means are float32 and scales are powers of two: then neither of
both rounds where the other does not.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import polars as pl
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from feria.learning.dataset import MAX_CATEGORIES
from feria.learning.kinds import Kind

Matrix = np.ndarray[Any, np.dtype[np.float32]]


class Preprocessing:
    """Learned from the training rows alone. Missing numbers become the median, a missing text is a
    category of its own, and a text that was not there in training is none of the known ones."""

    def __init__(self, kind: Kind, frame: pl.DataFrame, numbers: int) -> None:
        """`frame` has `numbers` columns of Float32, then the texts."""
        categories = [_categories(frame[:, at]) for at in range(numbers, frame.width)]
        self.transformer = _transformer(kind, numbers, categories)
        self.transformer.fit(frame)
        if numbers and not kind.takes_missing:
            _round(self.transformer.named_transformers_["numbers"])

    @classmethod
    def agreed(
        cls, kind: Kind, numbers: Mapping[str, tuple[float, float]], texts: Mapping[str, Sequence[str]]
    ) -> Self:
        """From what is known of rows that nobody here has seen: mean and deviation of each column of
        numbers, categories of each of texts. Missing numbers become the mean."""
        made = cls.__new__(cls)
        categories = [np.array(known, dtype=object) for known in texts.values()]
        made.transformer = _transformer(kind, len(numbers), categories)
        means = [pl.Series(name, [mean], pl.Float32) for name, (mean, _) in numbers.items()]
        # One row gives it its shape, and the means.
        made.transformer.fit(pl.DataFrame([*means, *(pl.Series(name, [""]) for name in texts)]))
        if numbers and not kind.takes_missing:
            steps = made.transformer.named_transformers_["numbers"]
            if kind.scaled:
                steps[1].scale_ = np.array([deviation for _, deviation in numbers.values()])
            _round(steps)
        return made

    def apply(self, frame: pl.DataFrame) -> Matrix:
        """float32 `[rows, width]`."""
        matrix: Matrix = np.ascontiguousarray(self.transformer.transform(frame), np.float32)
        return matrix


def _transformer(kind: Kind, numbers: int, categories: list[Any]) -> ColumnTransformer:
    steps: list[tuple[str, Any, list[int]]] = []
    if numbers:
        steps.append(("numbers", _for_numbers(kind), list(range(numbers))))
    if categories:
        places = list(range(numbers, numbers + len(categories)))
        steps.append(("texts", _one_hot(categories), places))
    return ColumnTransformer(steps, sparse_threshold=0)


def _for_numbers(kind: Kind) -> Pipeline | str:
    if kind.takes_missing:
        return "passthrough"
    steps = [SimpleImputer(strategy="median", keep_empty_features=True)]
    return make_pipeline(*steps, StandardScaler()) if kind.scaled else make_pipeline(*steps)


def _one_hot(categories: list[Any]) -> OneHotEncoder:
    return OneHotEncoder(
        categories=categories, handle_unknown="ignore", sparse_output=False, dtype=np.float32
    )


def _categories(column: pl.Series) -> Any:
    counts = column.value_counts().sort(["count", column.name], descending=[True, False])
    return np.array(sorted(counts[column.name].head(MAX_CATEGORIES)), dtype=object)


def _round(numbers: Pipeline) -> None:
    imputer = numbers[0]
    imputer.statistics_ = imputer.statistics_.astype(np.float32).astype(np.float64)
    if len(numbers) > 1:
        scaler = numbers[1]
        scaler.mean_ = scaler.mean_.astype(np.float32).astype(np.float64)
        exponent = np.clip(np.round(np.log2(scaler.scale_)), -100, 100)
        scaler.scale_ = np.exp2(exponent)
        scaler.var_ = scaler.scale_**2
