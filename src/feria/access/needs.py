"""How a route says what it takes to be let in."""

from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import HTTPConnection
from starlette.types import Scope

from feria.access.wire import Caller, Permission
from feria.errors import NotAllowed, NotSignedIn


def permit(scope: Scope, permission: Permission) -> Caller:
    """The caller, if they may. Raises `NotSignedIn` or `NotAllowed`."""
    caller: Caller | None = scope["state"].get("caller")
    if caller is None:
        raise NotSignedIn("This node asks who you are: send `Authorization: Bearer TOKEN`, or sign in.")
    if permission not in caller.permissions:
        raise NotAllowed(f"Your token does not allow `{permission}`.")
    return caller


def needs(permission: Permission) -> Any:
    """For `dependencies=[…]` of a route."""

    def check(connection: HTTPConnection) -> None:
        permit(connection.scope, permission)

    check.permission = permission  # type: ignore[attr-defined]
    return Depends(check)


def _caller(connection: HTTPConnection) -> Caller:
    caller: Caller = connection.scope["state"]["caller"]
    return caller


Asking = Annotated[Caller, Depends(_caller)]
"""The caller, for a route that `needs` a permission."""
