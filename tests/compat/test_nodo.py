"""Contract 3, replayed: `POST /train_model/{name}` and `POST /predict_model/{name}`."""

from typing import Any

import httpx
import pytest

LINE = {"X": [[1], [2], [3], [4]], "y": [2, 4, 6, 8]}
GROUPS = {"X": [[1, 1], [2, 2], [3, 3], [7, 7], [8, 8], [9, 9]], "y": [0, 0, 0, 1, 1, 1]}


@pytest.mark.parametrize(
    ("name", "trained_on", "asked", "answers", "within"),
    [
        ("linear_regression", LINE, [[5], [6]], [10.0, 12.0], 1e-4),
        ("mlp", LINE, [[5], [6]], [10.0, 12.0], 0.1),
        ("svm", GROUPS, [[4, 4], [10, 10]], [0.0, 1.0], 0),
        ("decision_tree", GROUPS, [[4, 4], [10, 10]], [0.0, 1.0], 0),
        ("logistic_regression", GROUPS, [[4, 4], [10, 10]], [0.0, 1.0], 0),
    ],
)
async def test_the_published_requests_are_answered_as_printed(
    http: httpx.AsyncClient, name: str, trained_on: Any, asked: Any, answers: list[float], within: float
) -> None:
    trained = await http.post(f"/train_model/{name}", json=trained_on)
    assert (trained.status_code, trained.json()) == (200, {"status": "trained", "model": name})
    reply = await http.post(f"/predict_model/{name}", json={"X": asked})
    assert reply.status_code == 200
    assert list(reply.json()) == ["predictions"]
    predictions = reply.json()["predictions"]
    assert all(type(value) is float for value in predictions)
    assert predictions == pytest.approx(answers, abs=within)


async def test_training_again_replaces_what_answers(http: httpx.AsyncClient) -> None:
    for factor in (2, 3):
        body = {"X": [[1], [2], [3]], "y": [factor, 2 * factor, 3 * factor]}
        assert (await http.post("/train_model/linear_regression", json=body)).status_code == 200
        reply = await http.post("/predict_model/linear_regression", json={"X": [[10]]})
        assert reply.json()["predictions"] == pytest.approx([10 * factor], abs=1e-4)


async def test_any_labels_come_back_as_they_were_given(http: httpx.AsyncClient) -> None:
    body = {"X": GROUPS["X"], "y": [-1, -1, -1, 5, 5, 5]}
    for name in ("svm", "decision_tree", "logistic_regression"):
        assert (await http.post(f"/train_model/{name}", json=body)).status_code == 200
        reply = await http.post(f"/predict_model/{name}", json={"X": [[1, 1], [9, 9]]})
        assert reply.json()["predictions"] == [-1.0, 5.0]


async def test_the_contracts_models_stand_on_the_shelf_with_all_others(http: httpx.AsyncClient) -> None:
    await http.post("/train_model/linear_regression", json=LINE)
    reply = await http.post("/v1/models/linear_regression/predict", json={"rows": [[5]]})
    assert reply.json()["predictions"] == pytest.approx([10.0], abs=1e-4)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ('{"X": [], "y": []}', 422, "X"),
        ('{"X": [[]], "y": [1]}', 422, "no column to learn from"),
        ('{"X": [[1], [2, 3]], "y": [1, 2]}', 422, "Row 1 of X has 2 values"),
        ('{"X": [[1], [2]], "y": [1]}', 422, "X has 2 rows and y has 1 values"),
        ('{"X": [["a"], ["b"]], "y": [1, 2]}', 422, "X.0.0"),
        ('{"X": [["1"], ["2"]], "y": [1, 2]}', 422, "X.0.0"),
        ('{"X": [[null]], "y": [1]}', 422, "X.0.0"),
        ('{"X": [[NaN], [1]], "y": [1, 2]}', 422, "no number a model can take"),
        ('{"X": [[1e999], [1]], "y": [1, 2]}', 422, "no number a model can take"),
        ('{"X": [[1], [2]], "y": [1, NaN]}', 422, "no number a model can take"),
        ('{"X": [[1e300], [2]], "y": [1, 2]}', 422, "no number a model can take"),
        ('{"X": 5, "y": [1]}', 422, "X"),
        ('{"y": [1]}', 422, "X"),
        ("not json", 422, "JSON"),
        ('{"X": [[1], [2], [3]], "y": [1, 1, 1]}', 422, "class"),
    ],
)
async def test_bad_numbers_are_told_what_is_wrong(
    http: httpx.AsyncClient, body: str, status: int, said: str
) -> None:
    reply = await http.post(
        "/train_model/logistic_regression", content=body, headers={"Content-Type": "application/json"}
    )
    assert reply.status_code == status, reply.text
    assert reply.json()["error"] == "invalid"
    assert said in reply.json()["detail"]
    assert (await http.get("/v1/models")).json() == {"models": []}


async def test_questions_are_checked_too(http: httpx.AsyncClient) -> None:
    unknown = await http.post("/predict_model/linear_regression", json={"X": [[1]]})
    assert (unknown.status_code, unknown.json()["error"]) == (404, "not_found")
    assert (await http.post("/predict_model/perceptron", json={"X": [[1]]})).status_code == 422
    await http.post("/train_model/linear_regression", json=LINE)
    for asked in ([[1, 2]], [], [["x"]], [[None]]):
        reply = await http.post("/predict_model/linear_regression", json={"X": asked})
        assert (reply.status_code, reply.json()["error"]) == (422, "invalid")
