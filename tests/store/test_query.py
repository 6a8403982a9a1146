"""One query to a database, SQLite's and real servers'."""

import importlib
import sqlite3
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from feria.errors import Invalid, TooLarge, Unavailable
from feria.learning.sources import Limits
from feria.storage.database import database_url
from feria.store import query
from feria.store.query import fetch
from feria.store.rows import schema_of
from servers import SERVERS, fresh_database

LIMITS = Limits(rows=1000, columns=20)
SHOP = """
    CREATE TABLE visits (id INTEGER, paid NUMERIC(10, 2), town VARCHAR(20), note VARCHAR(20), day DATE);
    INSERT INTO visits VALUES (1, 10.5, 'Lima', NULL, '2026-01-02');
    INSERT INTO visits VALUES (2, NULL, '', NULL, '2026-01-03');
    INSERT INTO visits VALUES (3, -3, '100% ''a'';:b', NULL, NULL)
"""
STATEMENTS = [one.strip() for one in SHOP.split(";\n")]


@pytest.fixture
def shop(tmp_path: Path) -> str:
    """The URL of a database of three visits."""
    with sqlite3.connect(tmp_path / "shop.db") as database:
        for statement in STATEMENTS:
            database.execute(statement)
    database.close()
    return f"sqlite:///{tmp_path}/shop.db"


def changed(shop: str, statement: str) -> str:
    with sqlite3.connect(shop.removeprefix("sqlite:///")) as database:
        database.execute(statement)
    database.close()
    return shop


def test_rows_come_as_from_a_file(shop: str) -> None:
    table = fetch(shop, "SELECT id, paid, town, note FROM visits ORDER BY id;", LIMITS)
    assert table.frame.to_dict(as_series=False) == {
        "id": [1.0, 2.0, 3.0],
        "paid": [10.5, None, -3.0],
        "town": ["Lima", None, "100% 'a';:b"],
        "note": [None, None, None],
    }
    assert [column.kind for column in schema_of(table).columns] == ["number", "number", "text", "number"]
    assert (table.first, table.notes) == (1, [])


@pytest.mark.parametrize("server", SERVERS)
async def test_real_servers_give_the_same(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = {"postgresql": "psycopg", "mariadb": "pymysql"}[server]
    pytest.importorskip(driver)
    async with fresh_database(server) as made:
        assert made.url is not None
        engine = create_async_engine(database_url(made, tmp_path))
        async with engine.begin() as connection:
            for statement in STATEMENTS:
                await connection.execute(text(statement.replace(":b", r"\:b")))
        await engine.dispose()

        table = fetch(made.url, "SELECT id, paid, town, note, day FROM visits ORDER BY id", LIMITS)
        assert table.frame.to_dict(as_series=False) == {
            "id": [1.0, 2.0, 3.0],
            "paid": [10.5, None, -3.0],
            "town": ["Lima", None, "100% 'a';:b"],
            "note": [None, None, None],
        }
        assert [note.split("'")[1] for note in table.notes] == ["day"]
        counted = fetch(made.url, "WITH one AS (SELECT 1 AS a) SELECT a, '%s :x' AS b FROM one", LIMITS)
        assert counted.frame.rows() == [(1.0, "%s :x")]
        with pytest.raises(Invalid, match="refuses the query"):
            fetch(made.url, "SELECT missing FROM visits", LIMITS)
        read_only = {"postgresql": "current_setting('transaction_read_only')", "mariadb": "@@tx_read_only"}
        assert fetch(made.url, f"SELECT {read_only[server]} AS x", LIMITS).frame.item() in {"on", 1}
        with pytest.raises(TooLarge):
            fetch(made.url, "SELECT id FROM visits", Limits(rows=2, columns=2))

        monkeypatch.setenv("SHOP", made.url)
        assert fetch("${SHOP}", "SELECT id FROM visits", LIMITS).frame.height == 3


def test_true_and_false_are_neither_numbers_nor_texts() -> None:
    column = query._Column("bought")
    column.take((None, None), 1)
    column.take((True, None, False), 3)
    assert column.series().to_list() == [None, None, True, None, False]
    with pytest.raises(Invalid, match="Row 7, column 'bought': 1 is a number; before it stood true or false"):
        column.take((True, 1), 6)


@given(
    st.lists(st.none() | st.floats(allow_infinity=False, width=32) | st.integers(-(2**70), 2**70)),
    st.integers(1, 7),
)
@settings(deadline=None)
def test_a_column_is_the_same_in_any_chunks(values: list[float | int | None], size: int) -> None:
    column = query._Column("x")
    for at in range(0, len(values), size):
        column.take(tuple(values[at : at + size]), at + 1)
    if values:
        wanted = [None if value is None or value != value else float(value) for value in values]
        assert column.series().equals(pl.Series("x", wanted, pl.Float64))


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "CREATE TABLE odd AS SELECT 1 AS x UNION ALL SELECT 'abc'",
            "Row 2, column 'x': 'abc' is a text; before it",
        ),
        (
            "CREATE TABLE odd AS SELECT 'abc' AS x UNION ALL SELECT 7",
            "Row 2, column 'x': 7 is a number; before",
        ),
        (
            "CREATE TABLE odd AS SELECT 'a' AS x UNION ALL SELECT x'00'",
            "Row 2, column 'x': b'.*' is something else",
        ),
        ("CREATE TABLE odd AS SELECT CAST(x'ff' AS TEXT) AS x", "Could not decode to UTF-8"),
        ("CREATE TABLE odd (x)", "gives no rows"),
        ("CREATE TABLE odd AS SELECT x'00' AS x", "No column of the query holds"),
    ],
)
def test_rows_that_will_not_do_are_named(shop: str, statement: str, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        fetch(changed(shop, statement), "SELECT x FROM odd", LIMITS)


def test_an_odd_cell_is_found_beyond_the_first_chunk(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "CHUNK", 3)
    numbers = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 10) "
    with pytest.raises(Invalid, match=r"Row 8, column 'y': 'eight' is a text") as caught:
        fetch(
            shop,
            numbers + "SELECT CASE x WHEN 8 THEN 'eight' WHEN 2 THEN NULL ELSE x END AS y FROM n",
            LIMITS,
        )
    assert caught.value.details == {"row": 8, "column": "y"}
    assert fetch(shop, numbers + "SELECT x FROM n", LIMITS).frame["x"].to_list() == list(range(1, 11))


def test_no_more_is_read_than_is_taken(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "CHUNK", 10)
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"
    with pytest.raises(TooLarge, match="more than the 1,000 rows"):
        fetch(shop, endless, LIMITS)
    with pytest.raises(TooLarge, match="3 columns; 2 are taken"):
        fetch(shop, "SELECT 1 AS a, 2 AS b, 3 AS c", Limits(rows=10, columns=2))


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("", "with a SELECT"),
        ("-- SELECT", "with a SELECT"),
        ("DELETE FROM visits", "with a SELECT"),
        ("/* SELECT */ drop table visits", "with a SELECT"),
        ("SELECT 1; DROP TABLE visits", "one statement"),
        ("SELECT 1 AS a, 2 AS a", "called 'a'"),
        ("SELECT missing FROM visits", "refuses the query: no such column: missing"),
        ("WITH a AS (SELECT 1) DELETE FROM visits", "readonly"),
    ],
)
def test_only_reading_is_asked_for(shop: str, statement: str, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        fetch(shop, statement, LIMITS)
    assert fetch(shop, "SELECT id FROM visits", LIMITS).frame.height == 3


@pytest.mark.parametrize(
    "statement",
    [
        "select 1 as a ;\n",
        "(SELECT 1 AS a)",
        "-- one;\nSELECT ';' AS a",
        '/* ; */ SELECT 1 AS "a;b"',
        "SELECT\n1 AS a",
    ],
)
def test_reading_is_known_as_such(shop: str, statement: str) -> None:
    if statement.startswith("("):  # not in SQLite's grammar
        assert query._reading(statement) == statement
    else:
        assert fetch(shop, statement, LIMITS).frame.shape == (1, 1)


# ------------------------------------------------------------------- which database
def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"no file .*shop\.db"):
        fetch(f"sqlite:///{tmp_path}/shop.db", "SELECT 1", LIMITS)
    assert not list(tmp_path.iterdir())
    with pytest.raises(Invalid, match="no file"):
        fetch("sqlite://", "SELECT 1", LIMITS)
    (tmp_path / "shop.db").write_text("this is no database, though it is long enough" * 100)
    with pytest.raises(Invalid, match="not a database"):
        fetch(f"sqlite:///{tmp_path}/shop.db", "SELECT id FROM visits", LIMITS)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("oracle://u:h1dden@h/d", "package oracledb is needed"),
        ("foo://u:h1dden@h/d", "no database 'foo'"),
        ("postgresql+asyncpg://u:h1dden@h/d", "for asyncio; write 'postgresql'"),
        ("://u:h1dden@h/d", "no URL"),
        ("postgresql://u:h1dden@h:port/d", "no URL"),
        ("postgresql://u:${NOT_SET}@h/d", r"names \$\{NOT_SET\}; the environment has no such"),
        ("${NOT_SET}", "no such variable"),
    ],
)
def test_a_database_that_cannot_be_asked_says_why_and_no_password(url: str, said: str) -> None:
    with pytest.raises(Invalid, match=said) as caught:
        fetch(url, "SELECT 1", LIMITS)
    assert "h1dden" not in caught.value.message


@pytest.mark.parametrize(
    ("scheme", "driver"), [("postgresql", "psycopg"), ("mariadb", "pymysql"), ("mysql", "pymysql")]
)
def test_a_missing_driver_is_named(scheme: str, driver: str) -> None:
    try:
        importlib.import_module(driver)
    except ImportError:
        with pytest.raises(Invalid, match=rf"pip install '{driver}"):
            fetch(f"{scheme}://u:h1dden@127.0.0.1:9/d", "SELECT 1", LIMITS)
    else:
        with pytest.raises(Unavailable, match="cannot be reached") as caught:
            fetch(f"{scheme}://u:h1dden@127.0.0.1:9/d", "SELECT 1", LIMITS)
        assert "h1dden" not in caught.value.message


def test_any_character_may_be_in_a_password_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PW", "p@ss:w/o?r#d %41${HOST}")
    monkeypatch.setenv("HOST", "db.example")
    url = query._expanded("postgresql://ana:${PW}@${HOST}:5433/shop?sslmode=${PW}")
    assert (url.username, url.host, url.port, url.database) == ("ana", "db.example", 5433, "shop")
    assert url.password == url.query["sslmode"] == "p@ss:w/o?r#d %41${HOST}"
    assert url.drivername == "postgresql+psycopg"


def test_a_driver_that_says_the_password_does_not_get_through(
    shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PW", "h1dden")
    url = query._expanded("postgresql://ana:${PW}@db/shop")
    said = query._said(OSError("cannot connect with 'h1dden'.\nmore"), url)
    assert said == "cannot connect with '***'"
