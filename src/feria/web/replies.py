"""One error, said three ways: HTTP, WebSocket, Socket.IO."""

import errno
import functools
import logging
import math
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from typing import Any, Concatenate, ParamSpec

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from feria.errors import Busy, DiskFull, FeriaError, Invalid, NotSignedIn
from feria.telemetry.context import request_id

log = logging.getLogger(__name__)
P = ParamSpec("P")

STATUS = {
    "internal": 500,
    "invalid": 422,
    "not_an_image": 415,
    "no_face": 422,
    "not_a_model": 422,
    "too_large": 413,
    "over_limit": 422,
    "not_found": 404,
    "not_signed_in": 401,
    "not_allowed": 403,
    "conflict": 409,
    "busy": 503,
    "rate_limited": 429,
    "bootstrapping": 503,
    "cancelled": 410,
    "expired": 504,
    "unavailable": 503,
    "disk_full": 507,
    "corrupt": 503,
    "crashed": 503,
}


class Problem(BaseModel):
    """What every refusal says; some say more, such as the row or the column it is about."""

    model_config = ConfigDict(extra="allow")

    error: str = Field(description="A stable code for programs.", examples=["not_found"])
    detail: str = Field(description="A sentence for people.", examples=["No model heart."])


DOCUMENTED: dict[int | str, dict[str, Any]] = {
    422: {"model": Problem, "description": "Malformed: the request makes no sense as it stands."},
    "4XX": {"model": Problem, "description": "Refused; `error` says why."},
    "5XX": {"model": Problem, "description": "Not now (503, 504, 507), or a bug of ours (500)."},
}
"""For the description of the API: what any route may answer beside its own."""


def body(error: FeriaError) -> dict[str, Any]:
    return {"error": error.code, "detail": error.message, **error.details}


def headers(error: FeriaError) -> dict[str, str]:
    if isinstance(error, Busy):
        return {"Retry-After": str(math.ceil(error.retry_after))}
    if isinstance(error, NotSignedIn):
        return {"WWW-Authenticate": "Bearer"}
    return {}


def frame(error: FeriaError) -> dict[str, Any]:
    """A stream stays open after an error; only its answer changes."""
    return {"type": "error", "status": "error", **body(error)}


def acknowledged(
    handler: Callable[Concatenate[str, P], Awaitable[None]],
) -> Callable[Concatenate[str, P], Awaitable[dict[str, Any]]]:
    """Turn a Socket.IO handler's errors into its acknowledgement."""

    @functools.wraps(handler)
    async def answer(sid: str, /, *args: P.args, **kwargs: P.kwargs) -> dict[str, Any]:
        try:
            await handler(sid, *args, **kwargs)
        except FeriaError as error:
            return frame(error)
        return {"status": "success"}

    return answer


def known(error: Exception) -> FeriaError:
    """Any exception as one of ours. What nobody foresaw is logged and told as `internal`."""
    match error:
        case FeriaError():
            return error
        case RequestValidationError():
            return Invalid(sentence(error.errors()))
        case OSError(errno=errno.ENOSPC):
            return DiskFull("The disk is full; nothing was stored.")
    log.error("A bug of ours.", exc_info=error)
    return FeriaError("Something went wrong inside the node. It was logged.", request_id=request_id.get())


def sentence(faults: Iterable[dict[str, Any]]) -> str:
    """Pydantic's list of faults as one sentence; never the input, which may be large or private."""
    said = []
    for fault in list(faults)[:3]:
        place = ".".join(str(step) for step in fault["loc"] if step != "body")
        said.append(f"{place}: {fault['msg']}" if place else str(fault["msg"]))
    return "; ".join(said).replace("Value error, ", "") + "."


def add_error_replies(app: FastAPI) -> None:
    async def reply(request: Request, error: Exception) -> JSONResponse:
        ours = known(error)
        request.state.error = ours.code
        return JSONResponse(body(ours), STATUS[ours.code], headers(ours))

    async def framework(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        phrase = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
        request.state.error = phrase
        said = {"error": phrase, "detail": str(error.detail)}
        return JSONResponse(said, error.status_code, error.headers)

    async def nobody(request: Request, error: Exception) -> Response:
        return Response(status_code=400)  # the caller hung up, or was refused already

    app.add_exception_handler(HTTPException, framework)
    app.add_exception_handler(ClientDisconnect, nobody)
    for kind in (FeriaError, RequestValidationError, OSError, Exception):
        app.add_exception_handler(kind, reply)
