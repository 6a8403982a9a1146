"""The mensaje contract: what one says, all hear, themselves included.

It passes a text on as it came and keeps nothing. Who is muted or banned, sends too much or too long a text is
refused, as everywhere in the chat: by the acknowledgement where one was asked for, and by the event `refused`
where not. `FERIA_CHAT__MENSAJE=false` closes it. Its page is at `/mensaje`, which the contract leaves open.
"""

from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse

from feria.chat.broadcast import event
from feria.chat.connections import Connection, Deed, Sockets
from feria.chat.protocol import Json
from feria.errors import Invalid, NotAllowed
from feria.settings import ChatSettings

router = APIRouter(tags=["compatibility: mensaje"])

FOLDER = Path(__file__).parent / "mensaje_page"
POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
SCRIPT = "text/javascript; charset=utf-8"


async def pass_on(sockets: Sockets, connection: Connection, text: Any) -> None:
    if not isinstance(text, str):
        raise Invalid("`mensaje` takes one text.")
    chat = sockets.chat
    chat.limit(connection.person, "", connection.address)
    chat.check(text)
    if connection.person.id in sockets.muted:
        raise NotAllowed("You may not write in the chat.")
    chat.feed.all(event("mensaje", Json.dumps(text)))


def deeds(settings: ChatSettings) -> dict[str, Deed]:
    """What clients of this contract may send."""
    return {"mensaje": Deed(None, pass_on, at_once=True)} if settings.mensaje else {}


@router.get("/mensaje", include_in_schema=False)
async def page() -> FileResponse:
    """A list of messages and a form."""
    return _file("index.html", {"Content-Security-Policy": POLICY})


@router.get("/mensaje/page.js", include_in_schema=False)
async def page_script() -> FileResponse:
    return _file("page.js", {"Content-Type": SCRIPT})


@router.get("/mensaje/page.css", include_in_schema=False)
async def page_style() -> FileResponse:
    return _file("page.css", {})


@router.get("/socket.io/socket.io.js", include_in_schema=False)
async def client_script() -> FileResponse:
    """socket.io-client 4.8.4, as it is published."""
    return _file("socket.io.min.js", {"Content-Type": SCRIPT})


def _file(name: str, headers: dict[str, str]) -> FileResponse:
    return FileResponse(FOLDER / name, headers=headers | {"Cache-Control": "no-cache"})
