"""Data owners, and their rows that nobody is given."""

import gzip
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from feria.errors import Conflict, Invalid, NotFound
from feria.federation.clients import Clients
from feria.settings import WorkerSettings
from feria.storage.database import Database
from feria.tasks.processes import open_processes
from loops import MODULES, clients_on

ROWS = "age,town,bought\n31,Lima,yes\n,Cusco,no\n45,,yes\n"


@pytest.fixture
async def clients(database: Database, tmp_path: Path) -> AsyncGenerator[Clients]:
    async with open_processes(WorkerSettings(), MODULES) as processes:
        clients = clients_on(database, tmp_path, processes)
        await clients.open()
        yield clients


async def register(
    clients: Clients, tmp_path: Path, name: str, rows: str | bytes = ROWS, owner: str = "ana"
) -> None:
    file = tmp_path / "sent"
    file.write_bytes(rows.encode() if isinstance(rows, str) else rows)
    try:
        await clients.register(name, "ventas", file, owner=owner, host="10.0.0.7", port=4711)
    finally:
        file.unlink()


def kept(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "federation" / "clients").iterdir())


async def test_a_client_is_known_by_its_name_and_its_columns(clients: Clients, tmp_path: Path) -> None:
    await register(clients, tmp_path, "Tienda Lima")
    await register(clients, tmp_path, "Tienda Cusco", gzip.compress(ROWS.encode()))
    await register(clients, tmp_path, "Tienda Puno", "age,bought\n3,1\n")
    cusco, lima, puno = await clients.clients("ana")
    assert (lima.name, lima.dataset, lima.rows, lima.owner) == ("Tienda Lima", "ventas", 3, "ana")
    assert (lima.host, lima.port) == ("10.0.0.7", 4711)
    assert [(column.name, column.kind) for column in lima.columns] == [
        ("age", "number"),
        ("town", "text"),
        ("bought", "text"),
    ]
    assert cusco.schema_digest == lima.schema_digest != puno.schema_digest
    (participant,) = await clients.participants("ana", ["Tienda Lima"])
    assert (participant.samples, participant.rows.read_text()) == (3, ROWS)


async def test_an_owner_has_one_client_of_a_name_and_others_have_theirs(
    clients: Clients, tmp_path: Path
) -> None:
    await register(clients, tmp_path, "Tienda Lima")
    with pytest.raises(Conflict, match="You have a client 'Tienda Lima'"):
        await register(clients, tmp_path, "Tienda Lima")
    await register(clients, tmp_path, "Tienda Lima", owner="berta")
    assert len(kept(tmp_path)) == 2
    assert [client.owner for client in await clients.clients()] == ["ana", "berta"]


async def test_what_is_no_table_is_refused_and_leaves_nothing(clients: Clients, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="Line 3 has 1 values"):
        await register(clients, tmp_path, "Tienda Lima", "a,b\n1,2\n3\n")
    assert kept(tmp_path) == []
    assert await clients.clients() == []


async def test_a_client_that_is_removed_is_gone_with_its_rows(clients: Clients, tmp_path: Path) -> None:
    await register(clients, tmp_path, "Tienda Lima")
    with pytest.raises(NotFound):
        await clients.remove("berta", "Tienda Lima")
    await clients.remove("ana", "Tienda Lima")
    assert kept(tmp_path) == []
    with pytest.raises(NotFound, match="You have no client 'Tienda Lima'"):
        await clients.find("ana", "Tienda Lima")


async def test_nobody_can_be_chosen_twice(clients: Clients, tmp_path: Path) -> None:
    await register(clients, tmp_path, "Tienda Lima")
    with pytest.raises(Invalid, match="'Tienda Lima' is named twice"):
        await clients.choose("ana", ["Tienda Lima", "Tienda Lima"])


async def test_all_who_are_lacking_are_counted_and_some_named(clients: Clients, tmp_path: Path) -> None:
    await register(clients, tmp_path, "Tienda Lima")
    with pytest.raises(NotFound) as raised:
        await clients.choose("ana", [f"Kiosk {n}" for n in range(8)])
    assert raised.value.message.endswith("You have no client 'Kiosk 4'. And 3 more.")


async def test_what_a_killed_node_left_half_done_is_gone_at_the_next_start(
    clients: Clients, tmp_path: Path
) -> None:
    await register(clients, tmp_path, "Tienda Lima")
    (known,) = kept(tmp_path)
    (known.parent / "tmpx7.csv").write_text(ROWS)
    (known.parent / "0123").write_text(ROWS)
    await clients.open()
    assert kept(tmp_path) == [known]
