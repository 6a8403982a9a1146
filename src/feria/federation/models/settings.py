"""What may be set on each federated kind of model: its name, default and range, and what it does."""

from typing import Annotated

from pydantic import Field

from feria.learning.kinds import Chosen

Steps = Annotated[
    int, Field(ge=1, le=1000, description="Steps down the gradient that each client takes in a round.")
]
Rate = Annotated[
    float, Field(gt=0, le=100, description="Longest step; a client whose rows are steep takes shorter ones.")
]


class LogisticSettings(Chosen):
    C: float = Field(default=1.0, gt=0, le=1e6, description="Trust in the data: smaller is smoother.")
    steps: Steps = 10
    rate: Rate = 1.0


class LinearSettings(Chosen):
    alpha: float = Field(
        default=1.0, ge=0, le=1e9, description="Penalty on large weights, as in ridge regression."
    )
    steps: Steps = 20
    rate: Rate = 0.2


class VectorSettings(Chosen):
    C: float = Field(default=1.0, gt=0, le=1e4, description="Trust in the data: smaller is smoother.")
    steps: Steps = 10
    rate: Rate = 0.1


class NetworkSettings(Chosen):
    hidden_layer_sizes: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = Field(
        default=(32,),
        min_length=1,
        max_length=8,
        description="Neurons of each hidden layer, 1 to 4,096 in 1 to 8 layers.",
    )
    alpha: float = Field(default=0.01, ge=0, le=1, description="Penalty on large weights.")
    epochs: int = Field(
        default=1, ge=1, le=1000, description="Times that each client goes over its rows in a round."
    )
    batch_size: int = Field(default=32, ge=1, le=65_536, description="Rows of one step.")
    learning_rate: float = Field(default=0.003, gt=0, le=1, description="Length of Adam's steps.")


class BoostingSettings(Chosen):
    """In XGBoost's words."""

    learning_rate: float = Field(
        default=0.3, gt=0, le=1, description="How much of what is wrong the trees of one round make good."
    )
    max_depth: int = Field(
        default=4, ge=1, le=16, description="Questions from a tree's root to a leaf, at most."
    )
    min_child_weight: float = Field(
        default=1.25,
        ge=0,
        description="Least sum of the loss's second derivative in a leaf; of two classes, 1.25 is 5 rows.",
    )
    reg_lambda: float = Field(default=1.0, ge=0, description="Penalty on large leaves.")
    subsample: float = Field(default=0.8, gt=0, le=1, description="Share of the rows for each tree.")


class ForestSettings(Chosen):
    trees: int = Field(default=10, ge=1, le=1000, description="Trees that each client grows in a round.")
    max_depth: int | None = Field(
        default=None, ge=1, le=64, description="Questions from a tree's root to a leaf, at most."
    )
    min_samples_leaf: int = Field(default=5, ge=1, description="Least rows in a leaf, which tells of them.")
