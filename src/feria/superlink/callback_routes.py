"""Callbacks over HTTP: what the training of a job on a SuperLink says to its hub."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Request, Response

from feria.access.signatures import check_body, check_head
from feria.clock import Clock
from feria.superlink.attempts import Attempts, read
from feria.superlink.callbacks import PATH
from feria.web.parts import Part

router = APIRouter(tags=["federation"])


@router.post(PATH + "{attempt}", responses={200: {"content": {"application/msgpack": {}}}})
async def call_back(
    attempt: Annotated[str, Path(max_length=32)],
    request: Request,
    attempts: Part[Attempts],
    clock: Part[Clock],
) -> Response:
    """What the training of a job on a SuperLink tells this node, in MessagePack. Open to whoever signs with
    the attempt's key, which only the SuperLink and this node can make."""
    found = attempts.find(attempt)
    check_head(found.key, clock.now(), attempt, request.headers)
    body = await request.body()
    check_body(request.headers, body)
    answer = await found.hear(read(body))
    return Response(msgspec.msgpack.encode(answer), media_type="application/msgpack")
