from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

import feria.access.tables
import feria.catalog.tables
import feria.chat.tables
import feria.cluster.tables
import feria.emotions.tables
import feria.federation.tables
import feria.migrations
import feria.recommendations.tables
import feria.superlink.tables
import feria.tasks.tables
from feria.errors import Unavailable
from feria.migrations import schema
from feria.settings import StorageSettings
from feria.storage.database import Database, open_database
from feria.storage.rows import Row

assert feria.access.tables  # their tables are part of the schema
assert feria.catalog.tables
assert feria.chat.tables
assert feria.cluster.tables
assert feria.emotions.tables
assert feria.federation.tables
assert feria.recommendations.tables
assert feria.superlink.tables
assert feria.tasks.tables


def differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), Row.metadata))


async def test_migrations_make_what_the_code_declares(database: Database) -> None:
    async with database.transaction() as session:
        assert await (await session.connection()).run_sync(differences) == []


async def test_migrating_twice_changes_nothing(database: Database) -> None:
    assert await schema.upgrade(database) == schema.HEAD
    assert await schema.current_revision(database) == schema.HEAD


def test_the_stated_head_is_the_newest_migration() -> None:
    scripts = ScriptDirectory(str(Path(feria.migrations.__file__).parent))
    assert scripts.get_current_head() == schema.HEAD


async def test_an_empty_server_asks_to_be_migrated(storage_settings: StorageSettings, tmp_path: Path) -> None:
    async with open_database(storage_settings, tmp_path) as database:
        with pytest.raises(Unavailable, match="feria migrate"):
            await schema.prepare(database, migrate=False)


async def test_a_schema_from_the_future_is_refused(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Unavailable, match="newer"):
        await schema.prepare(database, migrate=True)


async def test_a_migration_that_is_done_holds_up_no_other(
    database: Database, storage_settings: StorageSettings, tmp_path: Path
) -> None:
    async with database.transaction(read_only=True) as session:
        if database.dialect == "mariadb":
            assert await session.scalar(text("SELECT IS_FREE_LOCK('feria_migrations')")) == 1
    async with open_database(storage_settings, tmp_path) as another:
        assert await schema.upgrade(another) == schema.HEAD
