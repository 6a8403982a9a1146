"""Fresh databases on real servers, one a test."""

import os
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from feria.settings import StorageSettings
from feria.storage.database import database_url

SERVERS = {
    "postgresql": os.environ.get("FERIA_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/postgres"),
    "mariadb": os.environ.get("FERIA_TEST_MARIADB", "mariadb://root@127.0.0.1:3306/test"),
}
DATABASES = ("sqlite", *SERVERS)


@asynccontextmanager
async def fresh_database(kind: str) -> AsyncGenerator[StorageSettings]:
    """Settings that name an empty database of that kind; gone afterwards. Skips without a server."""
    if kind == "sqlite":
        yield StorageSettings(migrate_on_start=True)
        return
    server = make_url(SERVERS[kind])
    name = f"feria_test_{secrets.token_hex(6)}"
    engine = create_async_engine(
        database_url(StorageSettings(url=SERVERS[kind]), home=None),  # type: ignore[arg-type]
        isolation_level="AUTOCOMMIT",
    )
    try:
        try:
            async with engine.connect() as connection:
                await connection.execute(text(f"CREATE DATABASE {name}"))
        except (OSError, DBAPIError) as error:
            pytest.skip(f"no {kind} server at {server.host}:{server.port}: {error}")
        yield StorageSettings(
            url=server.set(database=name).render_as_string(hide_password=False), migrate_on_start=True
        )
        async with engine.connect() as connection:
            force = " WITH (FORCE)" if kind == "postgresql" else ""
            await connection.execute(text(f"DROP DATABASE {name}{force}"))
    finally:
        await engine.dispose()
