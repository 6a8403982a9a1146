"""Bring a database to the schema this version wants."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text

from feria.errors import Unavailable
from feria.storage.database import Database

HEAD = "0011"
"""The newest migration. Stated here so that a start need not load Alembic to see that all is well."""


async def prepare(database: Database, *, migrate: bool | None) -> None:
    """Migrate where allowed. Unset, that is on SQLite, whose file belongs to this node alone.

    Raises `Unavailable`, saying what to do, when the schema is old or from a newer feria.
    """
    found = await current_revision(database)
    if found == HEAD:
        return
    if migrate or (migrate is None and database.dialect == "sqlite"):
        await upgrade(database)
        return
    state = "has no tables yet" if found is None else f"is at schema {found}, not {HEAD}"
    raise Unavailable(f"The database {state}. Run `feria migrate`.")


async def current_revision(database: Database) -> str | None:
    def read(connection: Connection) -> str | None:
        if not inspect(connection).has_table("alembic_version"):
            return None
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return None if revision is None else str(revision)

    async with database.transaction(read_only=True) as session:
        return await (await session.connection()).run_sync(read)


async def upgrade(database: Database) -> str:
    """Apply what is missing and return the revision reached. Two at once do it one after the other."""

    def run(connection: Connection) -> None:
        from alembic import command
        from alembic.util.exc import CommandError

        with _alone(connection):
            try:
                command.upgrade(_config(connection), "head")
            except CommandError as error:
                raise Unavailable(
                    f"The database was made by a newer feria; update this one. ({error})"
                ) from error

    async with database.transaction(unhurried=True) as session:
        await (await session.connection()).run_sync(run)
    return HEAD


def _config(connection: Connection) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@contextlib.contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Nobody else migrates meanwhile. SQLite's BEGIN IMMEDIATE is a lock already."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(7315742)"))  # ends with the transaction
        yield
    elif connection.dialect.name in {"mysql", "mariadb"}:
        connection.execute(text("SELECT GET_LOCK('feria_migrations', 60)"))
        try:
            yield
        finally:
            # It belongs to the connection, which goes back to the pool and lives on.
            connection.execute(text("SELECT RELEASE_LOCK('feria_migrations')"))
    else:
        yield
