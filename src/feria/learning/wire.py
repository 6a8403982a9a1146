"""What one says to have a model made."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, WithJsonSchema

KindName = Literal[
    "linear_regression",
    "logistic_regression",
    "svm",
    "decision_tree",
    "random_forest",
    "gradient_boosting",
    "mlp",
]
Task = Literal["classification", "regression"]

MISSING = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "?")
"""What stands for a missing value in a CSV file. In JSON that is null, in Parquet null or NaN."""

_HEART: dict[str, JsonValue] = {"kind": "logistic_regression", "target": "num>0"}
_SCALAR = {"anyOf": [{"type": kind} for kind in ("number", "string", "boolean", "null")]}
_ROW = {
    "anyOf": [
        {"type": "object", "additionalProperties": _SCALAR},
        {"type": "array", "items": _SCALAR},
    ]
}


class TrainingOrder(BaseModel):
    """Which kind of model to make, what it shall predict, and how."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [_HEART]})

    kind: KindName
    target: str = Field(
        min_length=1,
        max_length=1000,
        description="What to predict: a column, or `COLUMN>NUMBER` (also `>=`, `<`, `<=`), `COLUMN==VALUE` "
        "or `COLUMN!=VALUE`, which makes the classes false and true. An exact column name goes first.",
    )
    task: Literal["auto", "classification", "regression"] = Field(
        default="auto", description="auto: words, yes-or-no and a few whole numbers are classes."
    )
    features: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="Columns to learn from; all but the target when left out."
    )
    holdout: float = Field(
        default=0.2, ge=0, lt=0.9, description="Share of the rows kept aside to measure on. 0: none."
    )
    seed: int = Field(default=0, ge=0, lt=2**32, description="Of the split and of all chance in training.")
    settings: dict[str, JsonValue] = Field(
        default_factory=dict, description='The estimator\'s own, such as `{"max_depth": 3}`.'
    )
    card: str = Field(
        default="", max_length=65536, description="Model card, Markdown; written for you when empty."
    )


class InlineTraining(TrainingOrder):
    """An order with its rows: objects by column name, or lists with `columns` naming their places."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kind": "linear_regression",
                    "target": "y",
                    "rows": [{"x": 1, "y": 2}, {"x": 2, "y": 4}, {"x": 3, "y": 6}, {"x": 4, "y": 8}],
                },
                {**_HEART, "columns": ["age", "thal", "num"], "rows": [[63, "fixed", 0], [67, None, 2]]},
            ]
        }
    )

    rows: Annotated[list[Any], WithJsonSchema({"type": "array", "items": _ROW})]
    columns: list[str] | None = None
