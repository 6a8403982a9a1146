"""Bytes that a database might take for something else, or for too much."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feria.errors import FeriaError
from feria.storage.database import Database
from feria.tasks.queue import RESULT_BYTES, Work
from feria.tasks.wire import TaskState
from queues import Deeds, order, queue_on

PATIENCE = 300.0
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)  # lone surrogates are no JSON
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(payload=ANY_JSON, details=st.dictionaries(TEXT.map("d".__add__), ANY_JSON, max_size=3), said=TEXT)
async def test_what_is_ordered_and_what_comes_of_it_go_through_the_journal_unchanged(
    database: Database, tmp_path: Path, payload: Any, details: dict[str, Any], said: str
) -> None:
    async def refuse(work: Work) -> Any:
        raise FeriaError(said, **details)

    owner = said[:8].replace("\0", "")  # which text columns of PostgreSQL do not keep
    async with queue_on(database, tmp_path, Deeds()) as queue:
        queue.handle("refuse", refuse)
        answered = await queue.submit(order("echo", payload, owner=owner))
        refused = await queue.submit(order("refuse"))
        for task in (answered, refused):
            await queue.wait(task.id, PATIENCE)
    async with queue_on(database, tmp_path, Deeds()) as queue:  # which remembers nothing
        assert msgspec.json.decode(await queue.result(answered.id)) == payload
        with pytest.raises(FeriaError) as error:
            await queue.result(refused.id)
        assert (error.value.message, error.value.details) == (said, details)
        assert (await queue.find(answered.id)).owner == owner


async def test_a_result_that_the_database_will_not_take_is_that_tasks_error_and_no_other(
    database: Database, tmp_path: Path
) -> None:
    """As long as may be, and of characters that MariaDB takes twice as many bytes to hear of."""

    async def quote(work: Work) -> Any:
        return '"' * (RESULT_BYTES // 2 - 1)

    async with queue_on(database, tmp_path, Deeds()) as queue, asyncio.timeout(PATIENCE):
        queue.handle("quote", quote)
        large = await queue.submit(order("quote"))
        small = await queue.submit(order("echo", 1))
        assert (await queue.wait(large.id, PATIENCE)).state.final
        assert (await queue.wait(small.id, PATIENCE)).state is TaskState.done
        assert msgspec.json.decode(await queue.result(small.id)) == 1
