"""What every test may ask for."""

import logging
import os
from collections.abc import AsyncGenerator, Generator
from multiprocessing import forkserver
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from feria.migrations import schema
from feria.settings import Settings, StorageSettings
from feria.storage.database import Database, open_database
from servers import DATABASES, fresh_database

ROOT = Path(__file__).parent.parent
if TYPE_CHECKING:
    import httpx

    from feria.node import Node

# Tests begin with an empty shelf; those of what comes with feria say so. Processes that tests start are
# told by `environment` in cli/running.py.
os.environ["FERIA_REGISTRY__SHIPPED"] = "false"

# What the work of nodes in this process imports: a fork server that has it makes a process in milliseconds
# that otherwise takes seconds.
FORKED = (
    "feria.tasks.processes",
    "feria.registry.inspection",
    "feria.learning.training",
    "onnxruntime",
    "feria.drawings.files",
    "feria.federation.job_process",
)
# What takes longest comes first, so that at the end nobody waits for one test.
LONG = (
    "superlink/test_engine.py",
    "superlink/test_three_hospitals.py",
    "contracts/test_federation_engine.py",
    "contracts/test_flower",
    "store/test_supernode.py",
    "superlink/",
    "house/test_readme.py",
    "e2e/",
    "pages/",
    "cli/",
)
NO_DATA = "FERIA_TEST_DATA=none says that the real data are not here"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def fork_server() -> None:
    """There is one in a process, with what was named before its start: not just what the first test needs."""
    forkserver.set_forkserver_preload(list(FORKED))
    forkserver.ensure_running()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data: `$FERIA_TEST_DATA`, or `shared/data` beside the checkout.

    Skips where there is none.
    """
    named = os.environ.get("FERIA_TEST_DATA")
    if named == "none":
        pytest.skip(NO_DATA)
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; name their folder in FERIA_TEST_DATA")
    return folder


@pytest.fixture(autouse=True)
def log_as_it_was() -> Generator[None]:
    """Whoever changes what this process logs, puts it back: the test that misses a line because of another
    is not the one to look at."""
    before = _logging()
    yield
    assert _logging() == before, "this test has left the log otherwise than it was"


def _logging() -> tuple[object, ...]:
    """What decides whether a line of ours is heard."""
    mute = {
        name
        for name, each in logging.root.manager.loggerDict.items()
        if name.startswith("feria")
        if isinstance(each, logging.Logger) and (each.disabled or not each.propagate)
    }
    return logging.root.manager.disable, logging.root.level, logging.getLogger("feria").level, mute


@pytest.fixture(params=DATABASES)
async def storage_settings(request: pytest.FixtureRequest) -> AsyncGenerator[StorageSettings]:
    """An empty database on SQLite, PostgreSQL and MariaDB in turn."""
    async with fresh_database(request.param) as settings:
        yield settings


@pytest.fixture
async def database(storage_settings: StorageSettings, tmp_path: Path) -> AsyncGenerator[Database]:
    """A migrated database, on all three in turn."""
    async with open_database(storage_settings, tmp_path) as database:
        await schema.upgrade(database)
        yield database


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", _env_file=None)


@pytest.fixture
async def node(settings: Settings) -> "AsyncGenerator[Node]":
    from feria.node import open_node

    async with open_node(settings) as node:
        yield node


@pytest.fixture
async def http(settings: Settings) -> "AsyncGenerator[httpx.AsyncClient]":
    """Speaks to a whole application in this process."""
    import httpx

    from feria.app import open_app

    async with (
        open_app(settings) as (app, _),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http,
    ):
        yield http


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        file = item.path.relative_to(ROOT / "tests").as_posix()
        return next((n for n, start in enumerate(LONG) if file.startswith(start)), len(LONG))

    items.sort(key=place)


# --------------------------------------------------- FERIA_TESTS_NO_SKIPS=1: a skip is a failure
@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _unskipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _unskipped((yield))


def _unskipped(report: Any) -> Any:
    if not report.skipped or hasattr(report, "wasxfail"):
        return report
    if os.environ.get("FERIA_TESTS_NO_SKIPS") != "1" or NO_DATA in str(report.longrepr):
        return report
    report.outcome = "failed"
    report.longrepr = f"Skipped, where nothing may be skipped: {report.longrepr[-1]}"
    return report
