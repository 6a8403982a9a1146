"""The worker that has pictures seen, a step at a time: what it does is in the database, or is done again."""

import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select

import nets
from feria.catalog.catalog import Catalog
from feria.catalog.tables import VectorRow
from feria.errors import Busy, Unavailable
from feria.inference.engine import Engine
from feria.inference.sights import Vector
from feria.node import Node, open_node
from feria.registry.shelf import Registry
from feria.registry.wire import Description, State
from feria.search.filters import Filters
from feria.search.graph_keeper import GraphKeeper
from feria.search.picture_indexer import PictureIndexer
from feria.search.vectors import Vectors
from feria.settings import InferenceSettings, SearchSettings, Settings, StorageSettings
from feria.storage.blobs import Blobs
from feria.storage.database import Database
from feria.telemetry.metrics import Metrics
from goods import draft, picture

LABELS = Description.model_validate({"labels": ["red", "green", "blue"]})


def colour(n: int) -> tuple[int, int, int]:
    return (n * 37 % 256, n * 91 % 256, n * 151 % 256)


class Bench:
    """A node whose own worker looks for another network, and workers that a test moves by hand."""

    def __init__(self, node: Node, folder: Path) -> None:
        self.catalog: Catalog = node.parts[Catalog]
        self.registry: Registry = node.parts[Registry]
        self.engine: Engine = node.parts[Engine]
        self.database: Database = node.parts[Database]
        self.blobs: Blobs = node.parts[Blobs]
        self.metrics: Metrics = node.parts[Metrics]
        self.vectors = Vectors(self.database)
        self._folder = folder
        self._graphs: list[GraphKeeper] = []
        self._workers: list[PictureIndexer] = []

    def worker(self, exact_up_to: int = 1000) -> PictureIndexer:
        graphs = GraphKeeper(self._folder, exact_up_to)
        worker = PictureIndexer(
            self.catalog,
            self.registry,
            self.engine,
            self.blobs,
            self.vectors,
            graphs,
            SearchSettings(exact_up_to=exact_up_to),
        )
        self.registry.subscribe(worker.follow_shelf)
        self._graphs.append(graphs)
        self._workers.append(worker)
        return worker

    async def publish(self, net: bytes) -> str:
        return (await self.registry.publish("products", net, LABELS)).digest

    async def stock(self, start: int, end: int, **more: Any) -> None:
        for first in range(start, end, 100):
            numbers = range(first, min(end, first + 100))
            await self.catalog.put_all(
                [draft(f"p{n}", **more) for n in numbers], {f"p{n}": [picture(colour(n))] for n in numbers}
            )

    async def rows(self) -> dict[str, int]:
        async with self.database.transaction(read_only=True) as session:
            query = select(VectorRow.model, func.count()).group_by(VectorRow.model)
            return dict((await session.execute(query)).all())  # type: ignore[arg-type]

    async def vector(self, n: int) -> Vector:
        sight = await self.engine.see(await self.engine.sights("products"), picture(colour(n)))
        assert sight.vector is not None
        return sight.vector

    async def predictions(self) -> float:
        """Batches that the network has answered since the node was started."""
        told = (await self.metrics.expose())[0].decode()
        lines = [line for line in told.splitlines() if line.startswith("feria_inference_seconds_count")]
        return sum(float(line.rpartition(" ")[2]) for line in lines if 'model="products"' in line)

    async def close(self) -> None:
        for graphs in self._graphs:
            await graphs.close()
        for worker in self._workers:
            worker.release()


@contextlib.asynccontextmanager
async def opened(storage: StorageSettings, home: Path, **inference: Any) -> AsyncGenerator[Bench]:
    settings = Settings(
        home=home,
        storage=storage,
        search=SearchSettings(model="nothing"),
        inference=InferenceSettings(**inference),
        _env_file=None,
    )
    async with open_node(settings) as node:
        bench = Bench(node, home / "index" / "graphs")
        try:
            yield bench
        finally:
            await bench.close()


@pytest.fixture
async def bench(storage_settings: StorageSettings, tmp_path: Path) -> AsyncGenerator[Bench]:
    async with opened(storage_settings, tmp_path / "home") as bench:
        yield bench


async def finish(worker: PictureIndexer) -> None:
    while await worker.step():
        pass


async def nearest(worker: PictureIndexer, bench: Bench, n: int, count: int = 1) -> list[str]:
    gallery = await worker.gallery()
    found = await gallery.near(await bench.vector(n), Filters(), count)
    return [product.sku for product in (await bench.catalog.by_ids([number for number, _ in found])).values()]


async def test_every_picture_is_seen_once_and_is_there_after_a_restart(bench: Bench) -> None:
    await bench.stock(0, 12)
    digest = await bench.publish(nets.seeing())
    await finish(worker := bench.worker())
    assert await bench.rows() == {digest: 12}
    assert await nearest(worker, bench, 5) == ["p5"]
    seen = await bench.predictions()
    await finish(restarted := bench.worker())
    assert seen == await bench.predictions() > 0
    assert await nearest(restarted, bench, 7) == ["p7"]


async def test_a_worker_that_was_killed_is_gone_on_from_where_it_was(bench: Bench) -> None:
    await bench.stock(0, 20)
    digest = await bench.publish(nets.seeing())
    killed = bench.worker()
    while sum((await bench.rows()).values()) < 8:
        await killed.step()
    made = (await bench.rows())[digest]
    assert made < 20
    await finish(worker := bench.worker())
    assert await bench.rows() == {digest: 20}
    assert worker.in_use is not None
    assert (worker.in_use.held, worker.in_use.waiting) == (20, 0)


async def test_a_newer_network_takes_over_once_it_has_seen_everything_and_not_before(bench: Bench) -> None:
    await bench.stock(0, 12)
    before = await bench.publish(nets.seeing())
    await finish(worker := bench.worker())
    other = await bench.registry.publish("another", nets.seeing(16), LABELS)
    await bench.vectors.keep(other.digest, {"0" * 64: np.ones(12, np.float32)})
    after = await bench.publish(nets.seeing(cells=4))
    for _ in range(3):
        await worker.step()
    assert worker.coming is not None
    assert 0 < (await bench.rows())[after] < 12
    assert (await worker.gallery()).model.digest == before
    await bench.stock(12, 14)  # new products are shown to both
    await bench.catalog.remove("p3")
    await worker.step()
    while worker.in_use is not None and worker.in_use.waiting:
        await worker.step()
    assert (await worker.gallery()).held == 13
    assert (await worker.gallery()).model.digest == before
    await finish(worker)
    gallery = await worker.gallery()
    assert (gallery.model.digest, gallery.held, worker.coming) == (after, 13, None)
    assert await bench.rows() == {after: 13, other.digest: 1}
    assert await nearest(worker, bench, 13) == ["p13"]


async def test_a_restart_amid_a_change_of_networks_answers_with_the_one_that_had_seen_more(
    bench: Bench,
) -> None:
    await bench.stock(0, 12)
    before = await bench.publish(nets.seeing())
    await finish(worker := bench.worker())
    after = await bench.publish(nets.seeing(cells=4))
    for _ in range(3):
        await worker.step()
    assert 0 < (await bench.rows())[after] < 12
    restarted = bench.worker()
    while not (restarted.in_use is not None and restarted.in_use.scanned):
        await restarted.step()
    gallery = await restarted.gallery()
    assert (gallery.model.digest, gallery.held) == (before, 12)
    await finish(restarted)
    assert (await restarted.gallery()).model.digest == after
    assert await bench.rows() == {after: 12}


async def test_the_version_before_comes_back_when_the_newest_is_deprecated(bench: Bench) -> None:
    await bench.stock(0, 3)
    before = await bench.publish(nets.seeing())
    await finish(worker := bench.worker())
    await bench.publish(nets.seeing(cells=4))
    await finish(worker)
    await bench.registry.change_state("products", 2, State.deprecated)
    await finish(worker)
    assert (await worker.gallery()).model.digest == before
    assert await bench.rows() == {before: 3}


async def test_a_version_called_off_before_it_has_seen_all_changes_nothing(bench: Bench) -> None:
    await bench.stock(0, 12)
    before = await bench.publish(nets.seeing())
    await finish(worker := bench.worker())
    await bench.publish(nets.seeing(cells=4))
    await worker.step()
    assert worker.coming is not None
    await bench.registry.delete("products", 2)
    await finish(worker)
    assert worker.coming is None
    assert (await worker.gallery()).model.digest == before


async def test_without_any_version_there_is_nothing_to_search_with(bench: Bench) -> None:
    await bench.stock(0, 2)
    await bench.publish(nets.seeing())
    await finish(worker := bench.worker())
    await bench.registry.delete("products")
    await finish(worker)
    with pytest.raises(Unavailable, match="feria models add"):
        await worker.gallery()


async def test_changes_that_were_forgotten_unread_have_everything_read_again(bench: Bench) -> None:
    await bench.stock(0, 5)
    await bench.publish(nets.seeing())
    await finish(worker := bench.worker())
    await bench.catalog.remove("p1")
    await bench.stock(5, 7)
    await bench.catalog.forget_changes(await bench.catalog.last_change())
    await bench.stock(7, 8)
    await finish(worker)
    assert (await worker.gallery()).held == 7
    assert await nearest(worker, bench, 6) == ["p6"]
    assert "p1" not in await nearest(worker, bench, 1, 8)


async def test_two_workers_on_one_database_share_the_work(bench: Bench) -> None:
    await bench.stock(0, 10)
    digest = await bench.publish(nets.seeing())
    one, other = bench.worker(), bench.worker()
    for _ in range(30):
        await one.step()
        await other.step()
    await finish(one)
    await finish(other)
    assert await bench.rows() == {digest: 10}
    assert [worker.in_use.held for worker in (one, other) if worker.in_use] == [10, 10]


async def test_the_same_vectors_kept_twice_stay_as_they_were(bench: Bench) -> None:
    vector = np.eye(12, dtype=np.float32)
    await bench.vectors.keep("a" * 64, {"1" * 64: vector[0], "2" * 64: vector[1]})
    await bench.vectors.keep("a" * 64, {"2" * 64: vector[5], "3" * 64: vector[2]})
    held = await bench.vectors.of("a" * 64, [digit * 64 for digit in "1234"])
    assert {digest[0]: int(one.argmax()) for digest, one in held.items()} == {"1": 0, "2": 1, "3": 2}


async def test_a_picture_of_several_products_is_seen_once_and_kept_while_one_shows_it(bench: Bench) -> None:
    shared = [picture(colour(1))]
    await bench.catalog.put_all([draft("a"), draft("b")], {"a": shared, "b": shared})
    digest = await bench.publish(nets.seeing())
    await finish(worker := bench.worker())
    assert await bench.rows() == {digest: 1}
    assert sorted(await nearest(worker, bench, 1, 5)) == ["a", "b"]
    await bench.catalog.remove("a")
    await finish(worker)
    assert await nearest(worker, bench, 1, 5) == ["b"]


async def test_pictures_that_nothing_shows_any_longer_lose_their_vectors(bench: Bench) -> None:
    await bench.stock(0, 4)
    digest = await bench.publish(nets.seeing())
    await finish(bench.worker())
    await bench.catalog.remove("p2")
    await bench.vectors.forget_lost(digest)
    assert await bench.rows() == {digest: 3}


# ------------------------------------------------------------------- on SQLite alone
@pytest.fixture
async def small(tmp_path: Path) -> AsyncGenerator[Bench]:
    async with opened(StorageSettings(), tmp_path / "home") as bench:
        yield bench


async def test_a_picture_whose_file_is_lost_holds_up_no_other(small: Bench) -> None:
    await small.stock(0, 6)
    (lost,) = (await small.catalog.find("p2")).pictures
    (await small.blobs.find(lost.digest)).path.unlink()
    await small.publish(nets.seeing())
    await finish(worker := small.worker())
    gallery = await worker.gallery()
    assert (gallery.held, gallery.waiting, gallery.failed) == (5, 0, {lost.digest})
    await small.catalog.put(draft("p2", brand="again"), [picture(colour(2))])  # which heals the file
    await finish(worker)
    assert (gallery.held, gallery.failed) == (6, set())


async def test_a_network_whose_vectors_are_no_numbers_is_survived(small: Bench) -> None:
    black = picture((0, 0, 0), (20, 20))
    await small.catalog.put(draft("black"), [black])
    await small.stock(1, 3)
    await small.publish(nets.seeing_nothing_in_black())
    await finish(worker := small.worker())
    gallery = await worker.gallery()
    assert (gallery.held, len(gallery.failed)) == (2, 1)


async def test_a_busy_engine_makes_the_worker_wait_and_loses_nothing(tmp_path: Path) -> None:
    async with opened(StorageSettings(), tmp_path / "home", max_waiting=1, threads=1) as bench:
        await bench.stock(0, 10)
        digest = await bench.publish(nets.seeing())
        worker, refused = bench.worker(), 0
        while True:
            try:
                if not await worker.step():
                    break
            except Busy:
                refused += 1
        assert refused > 0
        assert await bench.rows() == {digest: 10}


async def built(worker: PictureIndexer, bench: Bench) -> int:
    """Have the graph built; how many vectors it holds."""
    await finish(worker)
    graphs = bench._graphs[-1]
    assert graphs.building is not None
    await graphs.building
    assert graphs.graph is not None
    return len(graphs.graph)


async def test_a_large_gallery_gets_a_graph_which_follows_what_changes(small: Bench) -> None:
    await small.stock(0, 60)
    await small.publish(nets.seeing(cells=4))
    worker = small.worker(exact_up_to=20)
    assert await built(worker, small) == 60
    assert await nearest(worker, small, 33) == ["p33"]
    await small.catalog.remove("p33")
    await small.stock(60, 61)
    await finish(worker)
    assert "p33" not in await nearest(worker, small, 33, 5)
    assert await nearest(worker, small, 60) == ["p60"]


async def test_a_graph_is_loaded_after_a_restart_and_put_right(small: Bench) -> None:
    await small.stock(0, 60)
    await small.publish(nets.seeing(cells=4))
    assert await built(small.worker(exact_up_to=20), small) == 60
    (file,) = small._folder.iterdir()
    await small.catalog.remove("p7")
    await small.stock(60, 61)
    restarted = small.worker(exact_up_to=20)
    assert await built(restarted, small) == 60
    assert list(small._folder.iterdir()) == [file]  # one in twenty has to change before it is written anew
    assert "p7" not in await nearest(restarted, small, 7, 5)
    assert await nearest(restarted, small, 60) == ["p60"]


async def test_a_damaged_graph_is_built_anew_from_the_database(small: Bench) -> None:
    await small.stock(0, 60)
    await small.publish(nets.seeing(cells=4))
    await built(small.worker(exact_up_to=20), small)
    (file,) = small._folder.iterdir()
    file.write_bytes(file.read_bytes()[:500])
    restarted = small.worker(exact_up_to=20)
    assert await built(restarted, small) == 60
    (healed,) = small._folder.iterdir()
    assert healed.stat().st_size > 500
    assert await nearest(restarted, small, 41) == ["p41"]
