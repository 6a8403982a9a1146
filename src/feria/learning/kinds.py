"""The kinds of model one may ask for, and what may be set on each."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from feria.errors import Invalid
from feria.learning.wire import KindName, Task


class Chosen(BaseModel):
    """A kind's settings, in scikit-learn's words. None leaves the choice to us; it then fits the data."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def choose(name: str, settings: type[Chosen], given: Mapping[str, Any]) -> Chosen:
    """Settings of the thing of that name. Raises `Invalid` for one it does not have or cannot take."""
    try:
        return settings.model_validate(given)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        setting = str(fault["loc"][0])
        if fault["type"] == "extra_forbidden":
            known = ", ".join(settings.model_fields) or "none"
            near = difflib.get_close_matches(setting, settings.model_fields, n=1)
            perhaps = f"; perhaps you mean '{near[0]}'" if near else ""
            said = f"{name} has no setting '{setting}'; it has {known}{perhaps}."
            raise Invalid(said, setting=setting) from None
        raise Invalid(f"The setting '{setting}' of {name}: {fault['msg']}.", setting=setting) from None


class NothingToSet(Chosen):
    pass


class LogisticSettings(Chosen):
    C: float = Field(default=1.0, gt=0, le=1e6, description="Trust in the data: smaller is smoother.")
    max_iter: int = Field(default=1000, ge=1, le=100_000)
    class_weight: Literal["balanced"] | None = None


class VectorSettings(Chosen):
    C: float = Field(default=1.0, gt=0, le=1e4, description="Trust in the data: smaller is smoother.")
    kernel: Literal["rbf", "linear"] = "rbf"
    gamma: Literal["scale", "auto"] | Annotated[float, Field(gt=0, le=1e6)] = Field(
        default="scale", description="Reach of an example."
    )


class TreeSettings(Chosen):
    max_depth: int | None = Field(default=None, ge=1, le=64)
    min_samples_leaf: int | None = Field(default=None, ge=1, description="Least rows in a leaf.")


class ForestSettings(TreeSettings):
    n_estimators: int = Field(default=100, ge=1, le=2000, description="Trees.")


class BoostingSettings(TreeSettings):
    max_iter: int = Field(default=100, ge=1, le=5000, description="Most trees, for each class.")
    learning_rate: float = Field(default=0.05, gt=0, le=1)
    max_leaf_nodes: int = Field(default=31, ge=2, le=1024)
    l2_regularization: float = Field(default=0.0, ge=0)


class NetworkSettings(Chosen):
    hidden_layer_sizes: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = Field(
        default=(32,), min_length=1, max_length=8, description="Neurons of each hidden layer."
    )
    alpha: float | None = Field(default=None, ge=0, description="Penalty on large weights.")
    max_iter: int = Field(default=2000, ge=1, le=100_000)
    learning_rate_init: float = Field(default=0.001, gt=0, le=1)


@dataclass(frozen=True, slots=True)
class Kind:
    """`scaled` kinds want numbers of about one size; `takes_missing` kinds have an answer to NaN."""

    name: KindName
    explains: str
    settings: type[Chosen]
    tasks: tuple[Task, ...] = ("classification", "regression")
    scaled: bool = True
    takes_missing: bool = False
    max_rows: int | None = None

    def choose(self, given: Mapping[str, Any]) -> Chosen:
        """Raises `Invalid` for a setting this kind does not have, or a value it cannot take."""
        return choose(self.name, self.settings, given)


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "linear_regression",
            "A number as a weighted sum of the columns; the first thing to try, and easy to explain.",
            NothingToSet,
            tasks=("regression",),
        ),
        Kind(
            "logistic_regression",
            "The odds of each class as a weighted sum of the columns; hard to beat on small, clean tables.",
            LogisticSettings,
            tasks=("classification",),
        ),
        Kind(
            "svm",
            "Compares with the training rows that matter; for small tables with bent borders.",
            VectorSettings,
            max_rows=50_000,
        ),
        Kind(
            "decision_tree",
            "A short list of questions with yes and no; people can read it.",
            TreeSettings,
            scaled=False,
        ),
        Kind(
            "random_forest",
            "The mean of a hundred trees, each grown on a sample of the rows; good without tuning.",
            ForestSettings,
            scaled=False,
        ),
        Kind(
            "gradient_boosting",
            "Trees that correct one another; mostly the best on tables, and at ease with missing values.",
            BoostingSettings,
            scaled=False,
            takes_missing=True,
        ),
        Kind(
            "mlp",
            "A small neural network; for smooth relations that are neither straight nor steps.",
            NetworkSettings,
        ),
    )
}
