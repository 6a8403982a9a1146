"""Predictions over HTTP, on a bare route: the framework would cost more than the prediction."""

import asyncio
from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from feria.errors import Invalid
from feria.inference.engine import Engine
from feria.inference.wire import PicturePredictions, RowPredictions
from feria.registry.wire import ImageInput
from feria.settings import Settings
from feria.web.bare import BareRoute, Gone, header, part, read_body, send_json

encode = msgspec.json.encode


async def predict(scope: Scope, receive: Receive, send: Send, name: str) -> None:
    """`POST /v1/models/{name}/predict`: JSON rows, JSON with Base64, multipart pictures, or one picture."""
    engine: Engine = part(scope, Engine)
    query = scope["query_string"]
    predictor = await engine.predictor(name, _version(query) if query else None)
    body = await read_body(receive, part(scope, Settings).web.max_body_mib * 2**20)
    payload: Any = body
    if header(scope, b"content-type").startswith(b"multipart/form-data"):
        payload = await _uploaded(scope, body)
    elif isinstance(predictor.model.input, ImageInput) and body.lstrip()[:1] != b"{":
        payload = [body]
    else:
        answer = engine.answer_now(predictor, body)
        if answer is not None:
            await send_json(send, encode(answer))
            return
    await send_json(send, await _unless_gone(engine.submit(predictor, payload, encode), receive))


def _version(query: bytes) -> int | None:
    given = parse_qs(query.decode("latin-1")).get("version")
    if given is None or given == ["latest"]:
        return None
    if not given[0].isascii() or not given[0].isdigit() or len(given[0]) > 9:
        raise Invalid("`version` is a number, or `latest`.")
    return int(given[0])


async def _uploaded(scope: Scope, body: bytes) -> list[bytes]:
    async def replay() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        async with Request(scope, replay).form() as form:
            return [await file.read() for file in form.getlist("image") if isinstance(file, UploadFile)]
    except MultiPartException as error:
        raise Invalid(f"The form cannot be read: {error.message}") from None


async def _unless_gone(answer: "asyncio.Future[bytes]", receive: Receive) -> bytes:
    """Wait for the answer, but drop the work when the caller hangs up."""

    def hung_up(_: "asyncio.Future[Any]") -> None:
        answer.cancel()

    gone = asyncio.ensure_future(receive())
    gone.add_done_callback(hung_up)
    try:
        return await answer
    except asyncio.CancelledError:
        if gone.done() and not gone.cancelled():
            raise Gone from None
        raise
    finally:
        gone.remove_done_callback(hung_up)
        gone.cancel()


ROUTE = BareRoute("POST", "/v1/models/", "/predict", predict)

OPENAPI: dict[str, Any] = {
    "/v1/models/{name}/predict": {
        "post": {
            "tags": ["predictions"],
            "summary": "Predict",
            "operationId": "predict",
            "description": "Rows for a tabular model, pictures for an image model, `inputs` for any other. "
            "The answer says which version gave it.",
            "parameters": [
                {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}},
                {
                    "name": "version",
                    "in": "query",
                    "required": False,
                    "description": "A version's number; the latest when left out.",
                    "schema": {"type": "integer", "minimum": 1},
                },
            ],
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": {"type": "object"},
                        "examples": {
                            "rows in column order": {"value": {"rows": [[63, 1, 145], [41, 0, None]]}},
                            "rows by name": {"value": {"rows": [{"age": 63, "sex": 1, "chol": 233}]}},
                            "a picture": {"value": {"image": "/9j/4AAQSkZJRgABAQ…"}},
                        },
                    },
                    "multipart/form-data": {
                        "schema": {
                            "type": "object",
                            "properties": {
                                "image": {"type": "array", "items": {"type": "string", "format": "binary"}}
                            },
                        }
                    },
                    "image/*": {"schema": {"type": "string", "format": "binary"}},
                },
            },
            "responses": {
                "200": {
                    "description": "One prediction a row or picture, in the order they were sent.",
                    "content": {
                        "application/json": {
                            "schema": {
                                "anyOf": [
                                    {"$ref": "#/components/schemas/RowPredictions"},
                                    {"$ref": "#/components/schemas/PicturePredictions"},
                                ]
                            }
                        }
                    },
                },
                **{
                    status: {
                        "description": "Refused; `error` says why.",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
                    }
                    for status in ("4XX", "5XX")
                },
            },
        }
    }
}
DESCRIBED = (RowPredictions, PicturePredictions)
