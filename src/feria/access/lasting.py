"""Connections that last: whether their callers would still be let in."""

import asyncio

from starlette.requests import HTTPConnection

from feria.access.keeper import Keeper
from feria.errors import FeriaError, NotSignedIn

ASK_AGAIN_SECONDS = 5.0


async def until_revoked(connection: HTTPConnection, keeper: Keeper) -> None:
    """Returns once the door, which let the caller in, would not do so any more."""
    headers, scheme = dict(connection.scope["headers"]), connection.scope["scheme"]
    while True:
        await asyncio.sleep(ASK_AGAIN_SECONDS)
        try:
            if (
                await keeper.admit(headers, scheme, connection.client.host if connection.client else "")
                is None
            ):
                return
        except NotSignedIn:
            return
        except FeriaError:
            continue  # it could not be found out
