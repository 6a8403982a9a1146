from collections.abc import Generator

import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Generator[None]:
    """Small matrices on a busy machine: threads would wait for one another longer than they work."""
    with threadpool_limits(1):
        yield
