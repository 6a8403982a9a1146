"""The peer of `row_predict`: a scikit-learn model behind FastAPI, as one writes it in an afternoon.

    python -m bench.fastapi_sklearn PORT

It has the route that one writes first, and the same tuned as far as it goes without leaving FastAPI and
scikit-learn: one call of the model instead of two, on the event loop instead of in a thread. Kind to both: no
access log, and the event loop and parser that `feria serve` uses.
"""

import sys

import numpy as np
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler


class Rows(BaseModel):
    rows: list[list[float]]


class Predictions(BaseModel):
    predictions: list[str]
    labels: list[str]
    probabilities: list[list[float]]


def fitted() -> Pipeline:
    data = load_wine()
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(
        data.data, data.target_names[data.target]
    )


def create_app() -> FastAPI:
    app, model = FastAPI(), fitted()

    @app.post("/predict")
    def predict(rows: Rows) -> Predictions:
        values = np.array(rows.rows)
        return Predictions(
            predictions=model.predict(values).tolist(),
            labels=model.classes_.tolist(),
            probabilities=model.predict_proba(values).tolist(),
        )

    @app.post("/predict-tuned")
    async def predict_tuned(rows: Rows) -> Predictions:
        probabilities = model.predict_proba(np.array(rows.rows))
        return Predictions(
            predictions=model.classes_[probabilities.argmax(axis=1)].tolist(),
            labels=model.classes_.tolist(),
            probabilities=probabilities.tolist(),
        )

    @app.get("/readyz")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    return app


if __name__ == "__main__":
    uvicorn.run(create_app(), port=int(sys.argv[1]), access_log=False)
