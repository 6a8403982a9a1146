"""`POST /v1/models/{name}/train`: rows in the body, a file in a form, or a stream of progress."""

import io
import json
from typing import Any

import httpx
import polars as pl
import pytest

ORDER = {"kind": "logistic_regression", "target": "buys"}
ROWS = [{"visits": i % 10, "city": ["Vigo", "Lugo"][i % 2], "buys": i % 10 > 4} for i in range(60)]
FRAME = pl.DataFrame(ROWS)


def events(text: str) -> list[tuple[str, Any]]:
    found = []
    for event in text.strip().split("\n\n"):
        name, data = event.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


async def test_inline_rows_become_a_model_that_answers(http: httpx.AsyncClient) -> None:
    reply = await http.post("/v1/models/buyers/train", json={**ORDER, "rows": ROWS})
    assert reply.status_code == 200
    model = reply.json()
    assert (model["name"], model["version"], model["output"]["labels"]) == ("buyers", 1, ["false", "true"])
    assert model["metrics"]["accuracy"] == 1.0
    rows = [{"visits": 9, "city": "Vigo"}, {"visits": 0, "city": "Lugo"}]
    answer = (await http.post("/v1/models/buyers/predict", json={"rows": rows})).json()
    assert answer["predictions"] == ["true", "false"]
    assert answer["digest"] == model["digest"]


@pytest.mark.parametrize("format", ["csv", "parquet"])
async def test_an_uploaded_file_becomes_the_same_model(http: httpx.AsyncClient, format: str) -> None:
    file = io.BytesIO()
    FRAME.write_csv(file) if format == "csv" else FRAME.write_parquet(file)
    inline = await http.post("/v1/models/a/train", json={**ORDER, "rows": ROWS})
    reply = await http.post(
        "/v1/models/b/train", data={"order": json.dumps(ORDER)}, files={"file": ("any name", file.getvalue())}
    )
    assert reply.status_code == 200
    assert reply.json()["digest"] == inline.json()["digest"]
    assert reply.json()["trained_from"]["format"] == format


async def test_progress_is_streamed_to_who_asks_for_it(http: httpx.AsyncClient) -> None:
    reply = await http.post(
        "/v1/models/buyers/train", json={**ORDER, "rows": ROWS}, headers={"Accept": "text/event-stream"}
    )
    assert reply.headers["content-type"].startswith("text/event-stream")
    *progress, (name, model) = events(reply.text)
    assert {event for event, _ in progress} == {"progress"}
    assert [data["done"] for _, data in progress] == sorted(data["done"] for _, data in progress)
    assert (name, model["version"]) == ("trained", 1)
    assert (await http.get("/v1/models/buyers")).json()["models"] == [model | {"here": 1.0}]


async def test_an_error_ends_the_stream_as_its_last_event(http: httpx.AsyncClient) -> None:
    reply = await http.post(
        "/v1/models/buyers/train",
        json={**ORDER, "target": "sells", "rows": ROWS},
        headers={"Accept": "text/event-stream"},
    )
    name, said = events(reply.text)[-1]
    assert (name, said["error"], said["column"]) == ("error", "invalid", "sells")


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"content": b""}, "Invalid JSON"),
        ({"content": b"[]"}, "Input should be an object"),
        ({"content": b'{"kind": "svm", "rows": []}'}, "target: Field required."),
        ({"json": {**ORDER, "rows": []}}, "There are no rows."),
        ({"json": {**ORDER, "rows": ROWS, "kind": "magic"}}, "kind: Input should be 'linear_regression'"),
        ({"json": {**ORDER, "rows": ROWS, "tarjet": "x"}}, "tarjet: Extra inputs are not permitted."),
        ({"json": {**ORDER, "rows": ROWS, "holdout": 0.9}}, "holdout: Input should be less than 0.9."),
        ({"json": {**ORDER, "rows": ROWS, "task": "regression"}}, "logistic_regression predicts classes;"),
        (
            {"content": b'{"kind": "mlp", "target": "y", "rows": [{"x": NaN, "y": 1}]}'},
            "Row 0, column 'x': nan",
        ),
        ({"content": b'{"kind": "mlp", "target": "y", "rows": [{"x": Infinity}]}'}, "Row 0, column 'x': inf"),
        ({"data": {"order": "{}"}, "files": {"other": b"x"}}, "The form has no `file`"),
        ({"files": {"file": b"a,b\n1,2\n"}}, "The form has no `order`"),
        ({"data": {"order": "{}"}, "files": {"file": b"a"}}, "kind: Field required; target: Field required."),
        ({"data": {"order": json.dumps(ORDER)}, "files": {"file": b""}}, "The file is empty."),
        (
            {"data": {"order": json.dumps(ORDER)}, "files": {"file": b"x,buys\n1,no\n-inf,yes\n"}},
            "Row 2, column 'x': -inf is not a number a model can take.",
        ),
        ({"data": {"order": json.dumps(ORDER)}, "files": [("file", b"a"), ("file", b"b")]}, "Too many files"),
        (
            {"content": b"--x", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
            "The form has no `file`",
        ),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, "The form cannot be read"),
    ],
)
async def test_a_request_that_will_not_do_is_answered_with_a_sentence(
    http: httpx.AsyncClient, request_: dict[str, Any], said: str
) -> None:
    reply = await http.post("/v1/models/buyers/train", **request_)
    assert reply.status_code == 422
    assert reply.json()["error"] == "invalid"
    assert said in reply.json()["detail"]
    assert (await http.get("/v1/models")).json() == {"models": []}


async def test_a_name_that_is_none_is_refused_before_the_rows_are_read(http: httpx.AsyncClient) -> None:
    reply = await http.post("/v1/models/-buyers/train", content=b"?")
    assert (reply.status_code, "is no model name" in reply.json()["detail"]) == (422, True)


async def test_the_description_shows_both_ways_to_send_rows(http: httpx.AsyncClient) -> None:
    document = (await http.get("/openapi.json")).json()
    body = document["paths"]["/v1/models/{name}/train"]["post"]["requestBody"]["content"]
    examples = document["components"]["schemas"]["InlineTraining"]["examples"]
    assert len(examples) == 2
    for example in examples:
        reply = await http.post("/v1/models/example/train", json=example)
        assert reply.status_code == 200, reply.text
    assert set(body["multipart/form-data"]["schema"]["properties"]) == {"file", "order"}
