"""Promise `row-predict`: one row over HTTP, beside a bare route and a FastAPI service."""

from contextlib import ExitStack
from pathlib import Path

import msgspec
from sklearn.datasets import load_wine

from bench.contenders import Lines, Served, feria_node, python_server
from bench.processes import Failed
from bench.report import Outcome, Promise, number, rates
from bench.rounds import take_turns
from bench.run import Run
from feria import Client
from feria.registry.wire import Model

NAME = "row_predict"
CONNECTIONS = (1, 10, 32, 100)
PROMISED = 32
OURS, BARE = "feria", "bare ASGI"
SERVICE, TUNED = "FastAPI + scikit-learn", "FastAPI + scikit-learn, tuned"


def run(run: Run) -> Outcome:
    rows = load_wine().data
    bodies = [msgspec.json.encode({"rows": [row.tolist()]}) for row in rows]
    with ExitStack() as stack:
        client = stack.enter_context(Lines("bench.load"))
        node, port = stack.enter_context(feria_node(run.scratch))
        model, file = published(f"http://127.0.0.1:{port}", run.scratch)
        described = run.scratch / "wine.json"
        described.write_text(model.model_dump_json())
        bare, bare_port = stack.enter_context(
            python_server(run.scratch, "bare-rows", "bench.bare_rows", str(file), str(described))
        )
        service, service_port = stack.enter_context(
            python_server(run.scratch, "service", "bench.fastapi_sklearn")
        )
        contenders = [
            Served(OURS, client, node, port, "/v1/models/wine/predict", bodies),
            Served(BARE, client, bare, bare_port, "/v1/models/wine/predict", bodies),
            Served(SERVICE, client, service, service_port, "/predict", bodies),
            Served(TUNED, client, service, service_port, "/predict-tuned", bodies),
        ]
        _agree(contenders)
        taken = take_turns(contenders, run.pick(CONNECTIONS, PROMISED), run.rounds, run.seconds, run.tell)

    ours = f"{number(taken.rate(OURS, PROMISED).median)} rows/s, {PROMISED} connections"
    return Outcome(
        NAME,
        grids=[rates("One row over HTTP, 13 numbers, logistic regression", taken, BARE)],
        promises=[
            Promise(
                "row-predict",
                ours,
                beside,
                f"{number(taken.rate(other, PROMISED).median)} rows/s",
                taken.ratio(OURS, other, PROMISED).median,
                target,
            )
            for other, beside, target in (
                (BARE, "the same route in bare ASGI", "≥ 0.8"),
                (SERVICE, "a FastAPI and scikit-learn service", "≥ 10"),
                (TUNED, "that service, tuned", "≥ 10"),
            )
        ],
    )


def published(url: str, scratch: Path) -> tuple[Model, Path]:
    """Trained and published through the product's own door; and its file, for the floor."""
    data = load_wine()
    labels = data.target_names[data.target]
    rows = [[*row, str(label)] for row, label in zip(data.data.tolist(), labels, strict=True)]
    with Client(url) as feria:
        model = feria.train(
            "wine", "logistic_regression", rows, "cultivar", columns=[*data.feature_names, "cultivar"]
        )
        return model, feria.download(model, scratch / "wine.onnx")


def _agree(contenders: list[Served]) -> None:
    """All say the same of the same row, or nothing was compared."""
    answers = [one.once() for one in contenders]
    if len({answer["predictions"][0] for answer in answers}) != 1:
        raise Failed(f"The contenders disagree: {answers}")
