"""Where a store's rows lie, and the little that is told of them."""

from pathlib import Path

import polars as pl
import pytest
from pydantic import TypeAdapter

from feria.errors import Invalid, TooLarge
from feria.learning.sources import Limits
from feria.settings import WorkerSettings
from feria.storage.database import Database
from feria.store.rows import FileSource, QuerySource, Source, read, schema_of, source_of
from feria.tasks.processes import open_processes
from loops import MODULES, clients_on
from servers import DATABASES

LIMITS = Limits(rows=1000, columns=20)
ROWS = "age,town,bought,empty,id\n31,Lima,true,,1\n,Cusco,false,,2\n45.5,,true,,3\n"


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    file = tmp_path / "ventas.csv"
    file.write_text(ROWS)
    return file


def parquet(tmp_path: Path) -> Path:
    file = tmp_path / "ventas.parquet"
    pl.DataFrame({"age": [31, None], "town": ["Lima", ""], "bought": [True, None]}).write_parquet(file)
    return file


@pytest.mark.parametrize("storage_settings", DATABASES[:1], indirect=True)
async def test_a_schema_is_told_as_the_hub_tells_it_of_rows_it_has(
    database: Database, tmp_path: Path, csv: Path
) -> None:
    async with open_processes(WorkerSettings(), MODULES) as processes:
        clients = clients_on(database, tmp_path, processes)
        await clients.open()
        for file in (csv, parquet(tmp_path)):
            schema = schema_of(read(FileSource(file=file), LIMITS))
            known = await clients.register(file.name, "ventas", file, owner="ana", host="", port=0)
            assert (schema.columns, schema.rows, schema.digest) == (
                known.columns,
                known.rows,
                known.schema_digest,
            )


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, csv: Path) -> None:
    with pytest.raises(Invalid, match=r"nowhere\.csv: No such file"):
        read(FileSource(file=tmp_path / "nowhere.csv"), LIMITS)
    with pytest.raises(Invalid, match="Is a directory"):
        read(FileSource(file=tmp_path), LIMITS)
    csv.write_text("a,b\n1,2\n3\n")
    with pytest.raises(Invalid, match="Line 3 has 1 values"):
        read(FileSource(file=csv), LIMITS)
    with pytest.raises(TooLarge, match="3 columns"):
        csv.write_text("a,b,c\n1,2,3\n")
        read(FileSource(file=csv), Limits(rows=10, columns=2))


def test_a_file_is_found_from_any_folder(csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(csv.parent)
    file, database = source_of("ventas.csv"), source_of("sqlite:///shop.db", "SELECT 1")
    monkeypatch.chdir("/")
    assert isinstance(database, QuerySource)
    assert read(file, LIMITS).frame.height == 3
    assert database.url == f"sqlite:///{csv.parent}/shop.db"


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////var/shop.db",
        "sqlite:///${SHOP}",
        "sqlite:///:memory:",
        "sqlite://",
        "postgresql:///shop",
        "${URL}",
    ],
)
def test_another_url_stays_as_it_was_written(url: str) -> None:
    source = source_of(url, "SELECT 1")
    assert isinstance(source, QuerySource)
    assert source.url == url


def test_a_database_is_asked_with_a_query_and_a_file_is_not() -> None:
    with pytest.raises(Invalid, match="need a query"):
        source_of("postgresql://ana@db/shop")
    with pytest.raises(Invalid, match="needs the URL"):
        source_of("ventas.csv", "SELECT 1")


@pytest.mark.parametrize(
    "source", [FileSource(file=Path("/a.csv")), QuerySource(url="postgresql://a:${PW}@h/d", query="SELECT 1")]
)
def test_a_source_is_the_same_after_it_was_kept(source: Source) -> None:
    kept: TypeAdapter[FileSource | QuerySource] = TypeAdapter(Source)
    assert kept.validate_json(kept.dump_json(source)) == source


def test_a_password_is_not_shown_in_passing() -> None:
    assert "secret" not in repr(source_of("postgresql://ana:secret@db/shop", "SELECT 1"))
