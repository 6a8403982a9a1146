"""The visionai contract: expressions over a WebSocket at the root of the node.

It is the stream of `/v1/emotions/stream`, with the contract's answers and no more, unless more is asked for.
The contract is silent on wrong input; it gets the house's errors, with the sentence under `message` too. It
wants every prediction stored, and knows no consent: labels are stored of who allows it, or of everybody
where the operator answers for that (`FERIA_EMOTIONS__ALLOW`).
"""

from fastapi import APIRouter, WebSocket

from feria.access.exposure import is_locked
from feria.access.keeper import Keeper
from feria.emotions.emotions import Emotions
from feria.emotions.socket import converse, may_stream
from feria.settings import Settings
from feria.web.draining import Draining
from feria.web.parts import Part

router = APIRouter()


@router.websocket("/", dependencies=[may_stream])
async def stream(
    socket: WebSocket,
    emotions: Part[Emotions],
    draining: Part[Draining],
    keeper: Part[Keeper],
    settings: Part[Settings],
) -> None:
    """The same as `/v1/emotions/stream`, in the words of the visionai contract."""
    await converse(socket, emotions, draining, keeper if is_locked(settings) else None, verbatim=True)
