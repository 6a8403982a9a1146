"""The nodo contract: five models by fixed names, trained and asked with bare numbers.

The contract is silent on wrong input; it gets the house's errors. Models stand on the same shelf as all
others, under the contract's names.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from feria.access.needs import Asking, needs
from feria.access.wire import Permission
from feria.errors import Invalid
from feria.inference.engine import Engine
from feria.learning.trainer import Trainer
from feria.learning.wire import InlineTraining
from feria.registry.shelf import Registry
from feria.web.parts import Part

router = APIRouter(tags=["compatibility: nodo"])

NodoModel = Literal["linear_regression", "mlp", "svm", "decision_tree", "logistic_regression"]
# The contract's neural network answers with numbers; its three others with classes.
REGRESSIONS = {"linear_regression", "mlp"}
Matrix = Annotated[list[list[float]], Field(min_length=1, examples=[[[1], [2], [3], [4]]])]


class TrainRequest(BaseModel):
    model_config = ConfigDict(strict=True)

    X: Matrix
    y: list[float] = Field(examples=[[2, 4, 6, 8]])


class Trained(BaseModel):
    status: Literal["trained"] = "trained"
    model: str


class PredictRequest(BaseModel):
    model_config = ConfigDict(strict=True)

    X: Matrix


class Predictions(BaseModel):
    predictions: list[float]


@router.post("/train_model/{name}", dependencies=[needs(Permission.train)])
async def train_model(
    name: NodoModel, request: TrainRequest, trainer: Part[Trainer], registry: Part[Registry], caller: Asking
) -> Trained:
    """Train one of five models on all of these numbers and serve it under that name."""
    owner = await registry.check_owner(name, caller)
    if len(request.y) != len(request.X):
        raise Invalid(f"X has {len(request.X)} rows and y has {len(request.y)} values.")
    columns = [f"x{i}" for i in range(1, len(request.X[0]) + 1)]
    for at, row in enumerate(request.X):
        if len(row) != len(columns):
            raise Invalid(f"Row {at} of X has {len(row)} values, row 0 has {len(columns)}.", row=at)
    order = InlineTraining(
        kind=name,
        target="y",
        task=_task(name, request.y),
        holdout=0,
        columns=[*columns, "y"],
        rows=[[*row, y] for row, y in zip(request.X, request.y, strict=True)],
    )
    await trainer.train(name, order, order, owner=owner)
    return Trained(model=name)


def _task(name: str, y: list[float]) -> Any:
    if name in REGRESSIONS:
        return "regression"
    # A tree or a vector machine given measurements instead of classes learns the measurements.
    if name != "logistic_regression" and not all(value.is_integer() for value in y):
        return "regression"
    return "classification"


@router.post("/predict_model/{name}", dependencies=[needs(Permission.predict)])
async def predict_model(name: NodoModel, request: PredictRequest, engine: Part[Engine]) -> Predictions:
    """Ask it: one number a row; a class comes back as the float it was given as."""
    answer = await engine.predict(name, request.X)
    return Predictions(predictions=[float(value) for value in answer["predictions"]])
