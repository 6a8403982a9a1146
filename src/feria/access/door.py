"""Everybody comes in here: who asks is found out before anything else answers."""

from collections.abc import Collection
from urllib.parse import quote

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from feria.access.keeper import Keeper
from feria.access.needs import SIGN_IN
from feria.access.origins import SAFE, Headers, is_foreign, is_foreign_socket, names_this_machine
from feria.access.wire import LOCAL, Caller
from feria.errors import FeriaError, NotAllowed, NotSignedIn
from feria.web import replies
from feria.web.bare import BodyLimit, part, send_json

OPEN = frozenset({"/", "/livez", "/readyz", "/login", "/v1/session", "/openapi.json"})
"""What a locked node answers to anyone, beside the files of its pages."""
OPEN_FILES = "/assets/"
SHOP = (
    *("/shop", "/mood", "/chat"),  # pages, which hold no data
    *("/v1/products", "/v1/categories", "/v1/pictures", "/v1/search", "/v1/recommendations"),
    *("/search/text", "/tasks", "/health", "/mensaje", "/socket.io"),  # what older shops ask
)
"""What shoppers, who have no account, may read, with all below it; what there is not for them says so
itself, with `needs`."""
SHOPPERS_SEND = {
    **dict.fromkeys(("/v1/search/image", "/search/image", "/classify"), 8 * 2**20),
    "/v1/search/vector": 64 * 2**10,
    "/v1/events": 256 * 2**10,
}
"""What they may send, and how many bytes of it."""
CALLBACKS = "/v1/callbacks/"
"""Where trainings on a SuperLink report, which sign what they send: a piece of a file of 8 MiB, or events."""
CALLBACK_BYTES = 16 * 2**20
WORKERS = ("/v1/errands", "/webhook/task_completed")
"""Where workers ask for work and report, who sign too: a piece of a file, or a result."""
CHAT = "/socket.io/"
"""Where guests of the chat come in; what they may do there it says itself."""
STRANGERS_SEND = SHOPPERS_SEND | {"/v1/invitations/redeem": 512 * 2**10, CHAT: 128 * 2**10}
"""And what a store sends that has an invitation, and no account: the names of its columns, 2,000 at most."""
NAMELESS_BYTES = 16 * 2**10
"""Of a body, from anyone: enough to sign in with, too little to keep the node busy reading it."""

FOREIGN = "A page of another site sent this. `FERIA_WEB__ORIGINS` names the sites that may."
MISNAMED = "This node is open to its own machine only; call it 127.0.0.1 or localhost."


class Door:
    """ASGI middleware. What it refuses, nothing inside has seen, nor read the body of."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        locked: bool,
        origins: tuple[str, ...] = (),
        guest_sockets: Collection[str] = (CHAT,),
    ) -> None:
        """`guest_sockets` are the paths of WebSockets that say themselves what they are for nobody known."""
        self._app = app
        self._for_anyone = BodyLimit(app, body_bytes=NAMELESS_BYTES, upload_bytes=NAMELESS_BYTES)
        self._for_strangers = {
            path: BodyLimit(app, body_bytes=size, upload_bytes=size) for path, size in STRANGERS_SEND.items()
        }
        self._for_callbacks = BodyLimit(app, body_bytes=CALLBACK_BYTES, upload_bytes=CALLBACK_BYTES)
        self._locked = locked
        self._origins = frozenset(origins)
        self._guest_sockets = frozenset(guest_sockets)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = scope["state"]["headers"]
            if scope["scheme"] == "https" and not names_this_machine(headers.get(b"host", b"")):
                scope["state"]["strict_transport"] = True
            try:
                self._turn_away_foreigners(scope, headers)
                caller = await self._known(scope, headers) if self._locked else LOCAL
            except Exception as error:
                await _refuse(scope, send, replies.known(error))
                return
            if caller is None and not is_open(scope["method"], scope["path"]):
                await _ask_to_sign_in(scope, headers, send)
                return
            scope["state"]["caller"] = caller
            if caller is None:
                await self._for_nobody_known(scope["path"])(scope, receive, send)
                return
        elif scope["type"] == "websocket":
            try:
                headers = scope["state"]["headers"]
                self._turn_away_foreigners(scope, headers)
                caller = await self._known(scope, headers) if self._locked else LOCAL
                if caller is None and scope["path"] not in self._guest_sockets:
                    raise NotSignedIn(SIGN_IN)
            except Exception as error:
                await _refuse_socket(scope, receive, send, replies.known(error))
                return
            scope["state"]["caller"] = caller
        await self._app(scope, receive, send)

    def _for_nobody_known(self, path: str) -> ASGIApp:
        if path.startswith((CALLBACKS, *WORKERS)):
            return self._for_callbacks
        return self._for_strangers.get(path, self._for_anyone)

    def _turn_away_foreigners(self, scope: Scope, headers: Headers) -> None:
        if scope["type"] == "websocket":
            foreign = is_foreign_socket(headers, scope["scheme"], self._origins)
        else:
            foreign = scope["method"] not in SAFE and is_foreign(headers, scope["scheme"], self._origins)
        if foreign:
            raise NotAllowed(FOREIGN)
        if not self._locked and not names_this_machine(headers.get(b"host", b"")):
            raise NotAllowed(MISNAMED)

    async def _known(self, scope: Scope, headers: Headers) -> Caller | None:
        if scope["type"] == "http" and scope["path"].startswith(WORKERS) and b"authorization" not in headers:
            return None  # they show no token, ask often, and are known by what they sign
        keeper: Keeper = part(scope, Keeper)
        client = scope.get("client")
        return await keeper.admit(headers, scope["scheme"], client[0] if client else "")


def is_open(method: str, path: str) -> bool:
    """Whether a locked node answers this to anyone."""
    if path in OPEN or path.startswith(OPEN_FILES) or path.startswith(WORKERS):
        return True
    if method in {"GET", "HEAD"}:
        return any(path == room or path.startswith(f"{room}/") for room in SHOP)
    return method == "POST" and (path in STRANGERS_SEND or path.startswith(CALLBACKS))


async def _ask_to_sign_in(scope: Scope, headers: Headers, send: Send) -> None:
    """To a browser that wants a page, the way to the login page and back; to others, an error."""
    if scope["method"] == "GET" and headers.get(b"accept", b"").startswith(b"text/html"):
        back = scope["path"] + (
            "?" + scope["query_string"].decode("latin-1") if scope["query_string"] else ""
        )
        there = f"/login?next={quote(back, safe='/')}".encode()
        found = [(b"location", there), (b"content-length", b"0"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 302, "headers": found})
        await send({"type": "http.response.body", "body": b""})
        return
    await _refuse(scope, send, NotSignedIn(SIGN_IN))


async def _refuse(scope: Scope, send: Send, error: FeriaError) -> None:
    scope["state"]["error"] = error.code
    await send_json(
        scope,
        send,
        msgspec.json.encode(replies.body(error)),
        replies.STATUS[error.code],
        replies.headers(error),
    )


async def _refuse_socket(scope: Scope, receive: Receive, send: Send, error: FeriaError) -> None:
    """Before it is open: an answer in HTTP where the server can, else the close that means 403."""
    scope["state"]["error"] = error.code
    await receive()
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": 1008, "reason": error.message[:120]})
        return
    body = msgspec.json.encode(replies.body(error))
    headers = [(b"content-type", b"application/json")]  # how long it is the server says itself
    headers += [(name.lower().encode(), said.encode()) for name, said in replies.headers(error).items()]
    status = replies.STATUS[error.code]
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
