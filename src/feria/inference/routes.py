"""Predictions over HTTP, on a bare route: the framework would cost more than the prediction."""

import asyncio
import re
from typing import Any
from urllib.parse import parse_qs

import msgspec
from python_multipart.exceptions import FormParserError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from feria.access.needs import permit
from feria.access.wire import Permission
from feria.errors import Invalid
from feria.inference import tasks
from feria.inference.engine import Engine
from feria.inference.wire import PicturePredictions, RowPredictions
from feria.registry.wire import ImageInput
from feria.settings import Settings
from feria.tasks.queue import TaskQueue
from feria.tasks.routes import accepted_headers, wants_task
from feria.web.bare import BareRoute, Gone, part, read_body, send_json

encode = msgspec.json.encode


async def predict(scope: Scope, receive: Receive, send: Send, name: str) -> None:
    """`POST /v1/models/{name}/predict`: JSON rows, JSON with Base64, multipart pictures, or one picture."""
    caller = permit(scope, Permission.predict)
    engine: Engine = part(scope, Engine)
    headers = scope["state"]["headers"]
    query = parse_qs(scope["query_string"].decode("latin-1")) if scope["query_string"] else {}
    version = _version(query) if query else None
    predictor = (engine.latest(name) if version is None else None) or await engine.predictor(name, version)
    scope["state"]["model"] = name
    as_task = b"prefer" in headers and wants_task(headers[b"prefer"].decode("latin-1"))
    if not as_task:
        engine.check(predictor)
    body = await read_body(receive, part(scope, Settings).web.max_body_mib * 2**20)
    payload: Any = body
    if headers.get(b"content-type", b"").startswith(b"multipart/form-data"):
        payload = await _uploaded(scope, body)
    elif isinstance(predictor.model.input, ImageInput) and body.lstrip()[:1] != b"{":
        payload = [body]
    if as_task:
        order = tasks.order(
            name,
            version,
            payload,
            owner=caller.subject,
            priority=_priority(query),
            idempotency_key=headers.get(b"idempotency-key", b"").decode("latin-1") or None,
        )
        task = await part(scope, TaskQueue).submit(order)
        await send_json(scope, send, task.model_dump_json().encode(), 202, accepted_headers(task))
        return
    if payload is body:
        answer = engine.answer_now(predictor, body)
        if answer is not None:
            await send_json(scope, send, encode(answer))
            return
    await send_json(scope, send, await _unless_gone(engine.submit(predictor, payload, encode), receive))


def _version(query: dict[str, list[str]]) -> int | None:
    given = query.get("version")
    if given is None or given == ["latest"]:
        return None
    if not given[0].isascii() or not given[0].isdigit() or len(given[0]) > 9:
        raise Invalid("`version` is a number, or `latest`.")
    return int(given[0])


def _priority(query: dict[str, list[str]]) -> int:
    given = query.get("priority", ["0"])[0]
    if not re.fullmatch(r"-?[0-9]{1,3}", given, re.ASCII):
        raise Invalid("`priority` is a number.")
    return int(given)


async def _uploaded(scope: Scope, body: bytes) -> list[bytes]:
    async def replay() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        async with Request(scope, replay).form() as form:
            return [await file.read() for file in form.getlist("image") if isinstance(file, UploadFile)]
    except MultiPartException as error:
        raise Invalid(f"The form cannot be read: {error.message}") from None
    except FormParserError as error:
        raise Invalid(f"The form cannot be read: {error}.") from None
    except UnicodeError:
        raise Invalid("The form cannot be read: it is not in the charset it names.") from None


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
                {
                    "name": "Prefer",
                    "in": "header",
                    "required": False,
                    "description": "`respond-async` (RFC 7240) answers with a task at once.",
                    "schema": {"type": "string"},
                },
                {
                    "name": "Idempotency-Key",
                    "in": "header",
                    "required": False,
                    "description": "With `respond-async`: of orders with the same key only the first "
                    "becomes a task.",
                    "schema": {"type": "string", "minLength": 1, "maxLength": 128},
                },
                {
                    "name": "priority",
                    "in": "query",
                    "required": False,
                    "description": "With `respond-async`: the task with the greatest goes first.",
                    "schema": {"type": "integer", "minimum": -10, "maximum": 10, "default": 0},
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
                "202": {
                    "description": "Queued; `Location` says where to ask for the result.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Task"}}},
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
