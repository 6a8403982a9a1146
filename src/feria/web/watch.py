"""Each request gets an id that its work carries wherever it goes; each answer is counted."""

import itertools
import logging
import re
import secrets
from collections.abc import Awaitable
from http import HTTPStatus
from time import perf_counter
from typing import Any
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from feria.telemetry.context import request_id
from feria.telemetry.metrics import Metrics
from feria.web import replies
from feria.web.draining import Draining
from feria.web.headers import dressed

log = logging.getLogger(__name__)

REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
STARTS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})
EXPECTED = frozenset({"busy", "bootstrapping", "expired", "warming", "draining"})
"""Refusals of a node under load, of which there may be thousands a second, and what `/readyz` says each
time it is asked: these are only counted."""
CLOSE = (b"connection", b"close")


class Watch:
    """ASGI middleware, outside all others.

    The id is the caller's `X-Request-Id` where that is well formed, and goes back in the answer. What
    answers with an error says which one under `error` in the state of the scope; what predicts, with which
    `model`; what found that TLS was spoken to a name of ours, `strict_transport`.
    """

    def __init__(self, app: ASGIApp, *, log_requests: bool) -> None:
        self._app = app
        self._log_requests = log_requests
        self._run = f"{secrets.token_hex(4)}-".encode()
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        state = scope["state"]
        parts = state["parts"]
        headers = state["headers"] = dict(scope["headers"])
        identifier = headers.get(b"x-request-id", b"")
        if not identifier or not REQUEST_ID.fullmatch(identifier):
            identifier = self._run + b"%d" % next(self._numbers)
        draining = parts[Draining]
        status = size = 0

        def tagged(message: Message) -> Awaitable[None]:
            nonlocal status, size
            if message["type"] in STARTS:
                status = message.get("status", 101)
                said = message["headers"] = dressed(message, strict_transport="strict_transport" in state)
                said.append((b"x-request-id", identifier))
                if draining.begun:
                    said.append(CLOSE)
            size += len(message.get("body", b""))
            return send(message)

        began = perf_counter()
        request_id.set(identifier.decode())
        try:
            await self._app(scope, receive, tagged)
        except Exception:
            if status != 500:  # or else it has been answered and logged as what it is
                raise
        finally:
            seconds = perf_counter() - began
            self._count(parts[Metrics], state, status, seconds)
            if self._log_requests or (status >= 500 and state.get("error") not in EXPECTED):
                _write(scope, status, size, seconds)

    def _count(self, metrics: Metrics, state: Any, status: int, seconds: float) -> None:
        if status == 200:
            if "model" in state:
                metrics.predictions.observe(seconds, state["model"])
        elif status >= 400:
            metrics.refusals.add(state.get("error") or _reason(status))
        if status:  # or else nobody was there any more to answer
            metrics.answers.add(status)


def _reason(status: int) -> str:
    """For an answer that did not say: the error of that status where there is but one."""
    codes = [code for code, its_status in replies.STATUS.items() if its_status == status]
    if len(codes) == 1:
        return codes[0]
    try:
        return HTTPStatus(status).phrase.lower().replace(" ", "_").replace("'", "")
    except ValueError:
        return "other"


def _write(scope: Scope, status: int, size: int, seconds: float) -> None:
    """One line; never the query, nor any header, which may hold secrets."""
    caller: Any = scope["state"].get("caller")
    log.log(
        logging.ERROR if status == 500 else logging.WARNING if status > 500 else logging.INFO,
        "request",
        extra={
            "method": scope.get("method", "WEBSOCKET"),
            "path": quote(scope["path"])[:200],
            "status": status or None,
            "milliseconds": round(seconds * 1000, 2),
            "bytes": size,
            "caller": caller.subject if caller is not None else None,
        },
    )
