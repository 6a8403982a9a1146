"""How a route asks for a part of the running node: by its type.

async def search(q: str, catalog: Part[Catalog]) -> list[Product]: ...
"""

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from fastapi import Depends
from starlette.requests import HTTPConnection

from feria.storage.database import Database

T = TypeVar("T")

if TYPE_CHECKING:
    Part = Annotated[T, "part of the node"]
else:

    class Part:
        def __class_getitem__(cls, kind: type) -> Any:
            async def find(connection: HTTPConnection) -> Any:  # a plain function would change thread
                return connection.state.parts[kind]

            return Annotated[kind, Depends(find)]


async def _transaction(connection: HTTPConnection) -> AsyncGenerator[None]:
    database: Database = connection.state.parts[Database]
    async with database.transaction():
        yield


one_transaction = Depends(_transaction, scope="function")
"""For `dependencies=[…]` of a route that writes more than one thing: all of it or nothing, committed
before the answer leaves. Not for a route that waits long, since a writer on SQLite holds the lock."""
