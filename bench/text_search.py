"""Promise `text-search`: products found by words, beside SQLite's FTS5 and PostgreSQL's full text.

One catalogue for all: that of the quality tests (tests/search/quality.py), as large as wanted. Each engine
is asked for the ids of the first ten; ours through its whole plan, synonyms and corrections included.
"""

import asyncio
import itertools
import os
import random
import secrets
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from tests.search.quality import CATEGORIES, COLOURS, KINDS, QUERIES, Kind, judged, products

from bench.report import Grid, Outcome, Promise, number
from bench.run import Run
from feria.catalog.wire import Product, ProductDraft
from feria.search.filters import Filters
from feria.search.index import TextIndex, within
from feria.search.query import Planner
from feria.search.schema import document, marker
from feria.search.synonyms import read_synonyms

NAME = "text_search"
SIZES = (10_000, 100_000)
"""Products; another list, `1000000` too, in FERIA_BENCH_PRODUCTS between commas."""
POSTGRESQL = os.environ.get("FERIA_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/postgres")
START = datetime(2026, 1, 1, tzinfo=UTC)
JUDGED = ("singular", "plural", "no accent", "English", "synonyms", "one typo")
JUDGED_UP_TO = 10_000
"""Products: that of ten times as many says the same and takes ten times as long."""

Asked = tuple[str, Filters]
Row = tuple[int, ProductDraft]
Taken = dict[str, dict[str, list[float]]]
"""Seconds, by engine and by what was asked."""


class Engine(Protocol):
    name: str

    def build(self, rows: Iterable[Row]) -> None: ...

    def find(self, text: str, filters: Filters, limit: int) -> list[int]: ...

    def bytes(self) -> int:
        """On the disk."""
        ...

    def close(self) -> None: ...


def run(run: Run) -> Outcome:
    sizes = (2_000,) if run.quick else _sizes()
    outcome = Outcome(NAME)
    for size in sizes:
        _measure(run, size, outcome)
    return outcome


def _sizes() -> tuple[int, ...]:
    said = os.environ.get("FERIA_BENCH_PRODUCTS")
    return SIZES if said is None else tuple(int(size) for size in said.split(","))


def _measure(run: Run, size: int, outcome: Outcome) -> None:
    folder = run.scratch / str(size)
    folder.mkdir()
    engines: list[Engine] = [Ours(folder / "ours"), Fts5(folder / "fts5.db")]
    outcome.versions["sqlite"] = sqlite3.sqlite_version
    if (postgresql := _postgresql()) is not None:
        engines.append(postgresql)
        outcome.versions["postgresql"] = postgresql.version
    else:
        outcome.notes.append("PostgreSQL was not there, so nothing stands beside it.")
    try:
        built = {engine.name: _built(run, engine, size) for engine in engines}
        taken: Taken = {engine.name: {} for engine in engines}
        for what, asked in _asked(size, 20 if run.quick else 300).items():
            run.tell(f"{size:,} products: {what}")
            for name, times in _taking_turns(engines, asked).items():
                taken[name][what] = times
        outcome.grids.append(_speeds(size, engines, taken, built))
        if size <= JUDGED_UP_TO:
            run.tell(f"{size:,} products: quality")
            outcome.grids.append(_qualities(size, engines))
    finally:
        for engine in engines:
            engine.close()
    ours = _p99(taken["feria"])
    for engine in engines[1:]:
        theirs = _p99(taken[engine.name])
        said, beside = f"p99 {number(ours)} ms, {size:,} products", f"{engine.name}, {size:,} products"
        found = f"p99 {number(theirs)} ms"
        outcome.promises.append(Promise("text-search", said, beside, found, theirs / ours, "≥ 1"))


def _built(run: Run, engine: Engine, size: int) -> float:
    """Seconds that it took."""
    run.tell(f"{engine.name}: an index of {size:,} products")
    began = time.perf_counter()
    engine.build(_rows(size))
    return time.perf_counter() - began


def _taking_turns(engines: Sequence[Engine], asked: Sequence[Asked]) -> dict[str, list[float]]:
    """Seconds of each answer, by engine; the first of each kind are not counted."""
    taken: dict[str, list[float]] = {engine.name: [] for engine in engines}
    for n, one in enumerate((*asked[:5], *asked)):
        for engine in engines:
            began = time.perf_counter()
            engine.find(*one, limit=10)
            if n >= 5:
                taken[engine.name].append(time.perf_counter() - began)
    return taken


def _asked(size: int, times: int) -> dict[str, list[Asked]]:
    dice = random.Random(size)
    models = [draft.title.es.rpartition(" ")[2] for draft, _ in itertools.islice(products(size), 500)]
    cheap = Decimal(50)

    def any_kind() -> Kind:
        return dice.choice(KINDS)

    def colour() -> str:
        return dice.choice(COLOURS)[0]

    return {
        "one word": [(any_kind().es_plural, Filters()) for _ in range(times)],
        "two words": [(f"{any_kind().es} {colour()}", Filters()) for _ in range(times)],
        "two words, category and price": [
            (f"{kind.es} {colour()}", Filters(category=kind.category, max_price=cheap))
            for kind in (any_kind() for _ in range(times))
        ],
        "a rare name": [(dice.choice([one for one in models if one]), Filters()) for _ in range(times)],
    }


def _speeds(
    size: int,
    engines: Sequence[Engine],
    taken: Taken,
    built: dict[str, float],
) -> Grid:
    kinds = list(next(iter(taken.values())))
    columns = ["Engine", *(f"{kind}, p50 / p99 ms" for kind in kinds), "Built in s", "MB on disk"]
    rows = [
        [
            engine.name,
            *(
                f"{number(_at(times, 0.5) * 1e3)} / {number(_at(times, 0.99) * 1e3)}"
                for times in taken[engine.name].values()
            ),
            number(built[engine.name]),
            number(engine.bytes() / 1e6),
        ]
        for engine in engines
    ]
    return Grid(f"Finding the first ten of {size:,} products", columns, rows)


def _qualities(size: int, engines: Sequence[Engine]) -> Grid:
    kinds = {id: kind for id, (_, kind) in enumerate(products(size), 1)}
    relevant: dict[str, int] = {}
    for kind in kinds.values():
        relevant[kind.en] = relevant.get(kind.en, 0) + 1
    rows = []
    for engine in engines:
        row = [engine.name]
        for name in JUDGED:
            asked = QUERIES[name]
            found = [[kinds[id] for id in engine.find(query, Filters(), limit=size)] for query, _ in asked]
            figures = judged(found, asked, relevant)
            row.append(f"{figures.precision:.2f} / {figures.coverage:.2f}")
        rows.append(row)
    columns = ["Engine", *(f"{name}, P@10 / found" for name in JUDGED)]
    return Grid(f"How well: of the first ten, and of all that there are, {size:,} products", columns, rows)


def _p99(taken: dict[str, list[float]]) -> float:
    """Milliseconds, over all that was asked."""
    return _at([one for times in taken.values() for one in times], 0.99) * 1e3


def _at(times: Sequence[float], share: float) -> float:
    return sorted(times)[int(len(times) * share)]


def _rows(size: int) -> Iterator[Row]:
    return ((id, draft) for id, (draft, _) in enumerate(products(size), 1))


# ------------------------------------------------------------------- the engines
class Ours:
    name = "feria"

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._index = TextIndex.create(folder)
        self._synonyms = read_synonyms()

    def build(self, rows: Iterable[Row]) -> None:
        writer = self._index.tantivy.writer(48 * 2**20, 1)
        for id, draft in rows:
            at = START + timedelta(seconds=id)
            product = Product.model_construct(**dict(draft), created_at=at, updated_at=at)
            writer.add_document(document(id, product, CATEGORIES))
        writer.add_document(marker(0))
        writer.commit()
        writer.wait_merging_threads()
        self._index.refresh()

    def find(self, text: str, filters: Filters, limit: int) -> list[int]:
        plan = Planner(self._index, self._synonyms).plan(text)
        return [] if plan is None else self._index.search(within(plan.query, filters), limit=limit).ids

    def bytes(self) -> int:
        return sum(file.stat().st_size for file in self._index.path.iterdir())

    def close(self) -> None: ...


class Fts5:
    """`unicode61` folds accents; it knows no stems."""

    name = "SQLite FTS5"

    def __init__(self, file: Path) -> None:
        self._file = file
        self._database = sqlite3.connect(file)
        self._database.executescript(
            """
            CREATE TABLE p (id INTEGER PRIMARY KEY, category TEXT, brand TEXT, price INTEGER);
            CREATE VIRTUAL TABLE f USING fts5 (title_es, title_en, description_es, description_en,
                tokenize = 'unicode61 remove_diacritics 2');
            """
        )

    def build(self, rows: Iterable[Row]) -> None:
        for some in _batched(rows):
            self._database.executemany(
                "INSERT INTO p VALUES (?, ?, ?, ?)",
                [(id, one.category, one.brand, int(one.price * 100)) for id, one in some],
            )
            self._database.executemany(
                "INSERT INTO f (rowid, title_es, title_en, description_es, description_en) "
                "VALUES (?, ?, ?, ?, ?)",
                [(id, *_texts(one)) for id, one in some],
            )
        self._database.execute("INSERT INTO f (f) VALUES ('optimize')")
        self._database.commit()
        self._database.execute("ANALYZE")

    def find(self, text: str, filters: Filters, limit: int) -> list[int]:
        words = " ".join(f'"{word}"' for word in text.replace("-", " ").split())
        conditions, values = "", []
        if filters.category is not None:
            # The plus and CROSS JOIN keep it from beginning with the category and asking f once a product.
            conditions += " AND (+p.category = ? OR +p.category GLOB ? || '/*')"
            values += [filters.category, filters.category]
        if filters.max_price is not None:
            conditions += " AND +p.price <= ?"
            values.append(int(filters.max_price * 100))
        join = "CROSS JOIN p ON p.id = f.rowid" if conditions else ""
        query = f"SELECT f.rowid FROM f {join} WHERE f MATCH ?{conditions}"
        query += " ORDER BY bm25(f, 8, 8, 1, 1) LIMIT ?"
        return [row[0] for row in self._database.execute(query, (words, *values, limit))]

    def bytes(self) -> int:
        return self._file.stat().st_size

    def close(self) -> None:
        self._database.close()


class PostgreSQL:
    """Its own Spanish and English configurations, titles weighted A and descriptions D, a GIN index."""

    name = "PostgreSQL full text"

    def __init__(self, connection: Any, runner: asyncio.Runner) -> None:
        self._connection = connection
        self._runner = runner
        self._schema = f"feria_bench_{secrets.token_hex(4)}"
        self.version = ".".join(map(str, connection.get_server_version()[:2]))
        self._do(connection.execute(f"CREATE SCHEMA {self._schema}; SET search_path = {self._schema}"))

    def _do(self, what: Any) -> Any:
        return self._runner.run(_awaited(what))

    def build(self, rows: Iterable[Row]) -> None:
        execute = self._connection.execute
        self._do(
            execute(
                "CREATE TABLE p (id int PRIMARY KEY, category text, brand text, price int, title_es text, "
                "title_en text, description_es text, description_en text, v tsvector)"
            )
        )
        columns = (
            "id",
            "category",
            "brand",
            "price",
            "title_es",
            "title_en",
            "description_es",
            "description_en",
        )
        records = [(id, one.category, one.brand, int(one.price * 100), *_texts(one)) for id, one in rows]
        copy = self._connection.copy_records_to_table
        self._do(copy("p", schema_name=self._schema, records=records, columns=columns))
        self._do(
            execute(
                "UPDATE p SET v = setweight(to_tsvector('spanish', title_es), 'A') "
                "|| setweight(to_tsvector('english', title_en), 'A') "
                "|| setweight(to_tsvector('spanish', description_es), 'D') "
                "|| setweight(to_tsvector('english', description_en), 'D')",
                timeout=1800,
            )
        )
        self._do(execute("CREATE INDEX ON p USING gin (v); CREATE INDEX ON p (category)", timeout=1800))
        self._do(execute("VACUUM ANALYZE p", timeout=1800))

    def find(self, text: str, filters: Filters, limit: int) -> list[int]:
        conditions, values = "", [text, limit]
        if filters.category is not None:
            values.append(filters.category)
            conditions += f" AND (category = ${len(values)} OR category LIKE ${len(values)} || '/%')"
        if filters.max_price is not None:
            values.append(int(filters.max_price * 100))  # type: ignore[arg-type]
            conditions += f" AND price <= ${len(values)}"
        query = (
            "SELECT id FROM p, "
            "(SELECT plainto_tsquery('spanish', $1) || plainto_tsquery('english', $1) AS q) AS asked "
            f"WHERE v @@ q{conditions} ORDER BY ts_rank('{{0.125, 0.25, 0.5, 1}}', v, q) DESC LIMIT $2"
        )
        return [row[0] for row in self._do(self._connection.fetch(query, *values))]

    def bytes(self) -> int:
        query = f"SELECT pg_total_relation_size('{self._schema}.p')"
        size: int = self._do(self._connection.fetchval(query))
        return size

    def close(self) -> None:
        self._do(self._connection.execute(f"DROP SCHEMA {self._schema} CASCADE"))
        self._do(self._connection.close())
        self._runner.close()


def _postgresql() -> PostgreSQL | None:
    try:
        import asyncpg
    except ModuleNotFoundError:
        return None
    runner = asyncio.Runner()
    try:
        return PostgreSQL(runner.run(_awaited(asyncpg.connect(POSTGRESQL))), runner)
    except OSError:
        runner.close()
        return None


async def _awaited(what: Any) -> Any:
    return await what


def _batched(rows: Iterable[Row], size: int = 1000) -> Iterator[list[Row]]:
    rest = iter(rows)
    while some := list(itertools.islice(rest, size)):
        yield some


def _texts(draft: ProductDraft) -> tuple[str, str, str, str]:
    """A language that is missing is taken from the other, as ours does."""
    return (
        draft.title.said("es"),
        draft.title.said("en"),
        draft.description.said("es"),
        draft.description.said("en"),
    )
