"""A server whose answers end anywhere: each is an answer, or the sentence that it is away."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.engine import make_url

from feria.errors import Unavailable
from feria.settings import StorageSettings
from feria.storage.database import open_database
from servers import SERVERS


@contextlib.asynccontextmanager
async def hanging_up_after(host: str, port: int, count: int) -> AsyncGenerator[int]:
    """The port of a way to that server on which every connection ends after so many bytes from it."""

    connections: set[asyncio.Task[None] | None] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(asyncio.current_task())
        there_reader, there_writer = await asyncio.open_connection(host, port)

        async def ask() -> None:
            while data := await reader.read(65536):
                there_writer.write(data)

        async def answer() -> None:
            left = count
            while left and (data := await there_reader.read(left)):
                writer.write(data)
                left -= len(data)
            for end in (writer, there_writer):
                end.close()

        with contextlib.suppress(OSError):
            await asyncio.gather(ask(), answer())

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        while ongoing := [one for one in connections if one and not one.done()]:
            await asyncio.wait(ongoing)


@pytest.mark.parametrize("kind", sorted(SERVERS))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(0, 3000))
async def test_wherever_its_answer_ends_a_server_answers_or_is_unavailable(
    kind: str, tmp_path: Path, count: int
) -> None:
    url = make_url(SERVERS[kind])
    assert url.port is not None
    async with asyncio.timeout(300), hanging_up_after(url.host or "127.0.0.1", url.port, count) as port:
        through = url.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
        async with open_database(StorageSettings(url=through), tmp_path) as database:
            try:
                async with database.transaction() as session:
                    assert await session.scalar(text("SELECT 7")) == 7
            except Unavailable as error:
                said = error.message
            else:
                said = "It answers."
    assert said.endswith(".")
