"""How a route says what it takes to be let in."""

from typing import Annotated, Any

from fastapi import Depends
from starlette.exceptions import WebSocketException
from starlette.requests import HTTPConnection
from starlette.types import Scope

from feria.access.wire import Caller, Permission
from feria.errors import NotAllowed, NotSignedIn

SIGN_IN = (
    "This node asks who you are: show a token (FERIA_TOKEN; over HTTP, `Authorization: Bearer TOKEN`), or "
    "sign in at /login."
)


def permit(scope: Scope, permission: Permission) -> Caller:
    """The caller, if they may. Raises `NotSignedIn` or `NotAllowed`."""
    caller: Caller | None = scope["state"].get("caller")
    if caller is None:
        raise NotSignedIn(SIGN_IN)
    if permission not in caller.permissions:
        raise NotAllowed(f"Your token does not allow `{permission}`.")
    return caller


def needs(permission: Permission) -> Any:
    """For `dependencies=[…]` of a route; of a WebSocket too, which is then refused before it opens."""

    async def check(connection: HTTPConnection) -> None:
        try:
            permit(connection.scope, permission)
        except (NotSignedIn, NotAllowed) as refused:
            if connection.scope["type"] == "websocket":
                raise WebSocketException(1008, refused.message) from None
            raise

    check.permission = permission  # type: ignore[attr-defined]
    return Depends(check)


async def _caller(connection: HTTPConnection) -> Caller:
    caller: Caller = connection.scope["state"]["caller"]
    return caller


Asking = Annotated[Caller, Depends(_caller)]
"""The caller, for a route that `needs` a permission."""
