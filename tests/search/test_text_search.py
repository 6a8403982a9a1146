"""A catalogue on each database, and the index that follows it."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from clocks import ManualClock
from feria.catalog.catalog import Catalog
from feria.catalog.wire import Category, Words
from feria.errors import Busy, Conflict, Invalid
from feria.search import indexer as following
from feria.search.filters import Filters
from feria.search.generations import Generations
from feria.search.schema import version
from feria.search.text import TextSearch, open_text_search
from feria.settings import SearchSettings
from feria.storage.database import Database
from goods import draft, open_catalog
from search.indexes import index_of

ANY = Filters()


@pytest.fixture
async def catalog(database: Database, tmp_path: Path) -> AsyncGenerator[Catalog]:
    async with open_catalog(database, tmp_path / "blobs", clock=ManualClock()) as catalog:
        yield catalog


@contextlib.asynccontextmanager
async def opened(catalog: Catalog, home: Path) -> AsyncGenerator[TextSearch]:
    """Search, caught up."""
    async with open_text_search(catalog, SearchSettings(), home) as search:
        await search.indexer.caught_up()
        yield search


async def skus(search: TextSearch, text: str, filters: Filters = ANY) -> list[str]:
    await search.indexer.caught_up()
    return [hit.product.sku for hit in (await search.search(text, filters)).hits]


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(300):
        while not await holds():  # noqa: ASYNC110 - what is waited for says nothing
            await asyncio.sleep(0.01)


async def fewer_changes(catalog: Catalog, count: int) -> bool:
    return len(await catalog.changes(0, 100)) < count


async def another_generation(home: Path, first: Path) -> bool:
    return generation(home) not in {first, None}


def generation(home: Path) -> Path | None:
    return Generations(home / "index" / "text", version()).current()


async def test_what_is_put_is_found_and_what_is_removed_is_not(catalog: Catalog, tmp_path: Path) -> None:
    async with opened(catalog, tmp_path) as search:
        assert await skus(search, "taza") == []
        await catalog.put(draft("A", title={"es": "Taza roja", "en": "Red mug"}))
        await catalog.put(draft("B", title={"es": "Taza azul"}))
        assert set(await skus(search, "tazas")) == {"A", "B"}
        await catalog.put(draft("A", title={"es": "Jarra roja"}))
        assert await skus(search, "tazas") == ["B"]
        assert await skus(search, "JARRAS") == ["A"]
        await catalog.remove("B")
        assert await skus(search, "") == ["A"]


async def test_a_category_that_gets_another_title_is_found_by_it(catalog: Catalog, tmp_path: Path) -> None:
    await catalog.put_category(Category(path="home", title=Words(es="Hogar", en="Home")))
    await catalog.put(draft("A", category="home/kitchen"))
    async with opened(catalog, tmp_path) as search:
        assert await skus(search, "hogar") == ["A"]
        await catalog.put_category(Category(path="home", title=Words(es="Menaje", en="Household")))
        assert await skus(search, "menaje") == ["A"]
        assert await skus(search, "hogar") == []


async def test_who_has_put_a_product_finds_it_at_once(catalog: Catalog, tmp_path: Path) -> None:
    async with opened(catalog, tmp_path) as search:
        for n in range(5):
            await catalog.put(draft(f"P-{n}", title={"es": f"lámpara número{n}"}))
            assert [hit.product.sku for hit in (await search.search(f"número{n}")).hits] == [f"P-{n}"]
            await catalog.remove(f"P-{n}")
            assert (await search.search(f"número{n}")).total == 0


async def test_what_changed_while_nobody_looked_is_caught_up_without_a_new_index(
    catalog: Catalog, tmp_path: Path
) -> None:
    await catalog.put(draft("A"))
    async with opened(catalog, tmp_path):
        first = generation(tmp_path)
    await catalog.put(draft("B"))
    await catalog.remove("A")
    async with opened(catalog, tmp_path) as search:
        assert await skus(search, "taza") == ["B"]
    assert generation(tmp_path) == first


async def test_an_index_that_was_thrown_away_is_made_anew(catalog: Catalog, tmp_path: Path) -> None:
    await catalog.put(draft("A"))
    async with opened(catalog, tmp_path):
        pass
    shutil.rmtree(tmp_path / "index")
    async with opened(catalog, tmp_path) as search:
        assert await skus(search, "taza") == ["A"]


async def test_nodes_with_homes_of_their_own_follow_one_catalogue(catalog: Catalog, tmp_path: Path) -> None:
    async with opened(catalog, tmp_path / "one") as one, opened(catalog, tmp_path / "other") as other:
        for number in range(20):
            await catalog.put(draft(f"A-{number}"))
        assert len(await skus(one, "taza")) == len(await skus(other, "taza")) == 20


async def test_an_index_for_which_changes_were_forgotten_is_made_anew(
    catalog: Catalog, tmp_path: Path
) -> None:
    await catalog.put(draft("A"))
    async with opened(catalog, tmp_path):
        first = generation(tmp_path)
    await catalog.put(draft("B"))
    await catalog.remove("A")
    await catalog.put(draft("C"))
    await catalog.forget_changes(await catalog.last_change() - 1)
    async with opened(catalog, tmp_path) as search:
        assert set(await skus(search, "taza")) == {"B", "C"}
    assert generation(tmp_path) != first


async def test_changes_are_forgotten_once_there_are_enough(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "KEPT_CHANGES", 5)
    async with opened(catalog, tmp_path) as search:
        for number in range(12):
            await catalog.put(draft(f"A-{number}"))
            await search.indexer.caught_up()
        await until(lambda: fewer_changes(catalog, 7))
        assert 5 <= len(await catalog.changes(0, 100)) <= 6
        assert len(await skus(search, "taza")) == 12


async def test_the_index_of_another_catalogue_is_made_anew(database: Database, tmp_path: Path) -> None:
    """As many products, categories and changes, so that only the products tell."""
    clock = ManualClock()
    async with open_catalog(database, tmp_path / "blobs", clock=clock) as catalog:
        await catalog.put(draft("A", title={"es": "Jarra"}))
        async with opened(catalog, tmp_path):
            pass
        clock.advance(1)
        async with database.transaction() as session:
            await session.execute(text("UPDATE products SET title_es = 'Olla'"))
            changed = text("UPDATE products SET created_at = :at")
            await session.execute(changed, {"at": clock.now().replace(tzinfo=None)})
        async with opened(catalog, tmp_path) as search:
            assert await skus(search, "olla") == ["A"]


async def test_an_index_ahead_of_its_catalogue_is_made_anew(catalog: Catalog, tmp_path: Path) -> None:
    await catalog.put(draft("A"))
    generations = Generations(tmp_path / "index" / "text", version())
    made = generations.begin()
    index_of(made, [draft("X"), draft("Y"), draft("Z")])
    generations.publish(made)
    async with opened(catalog, tmp_path) as search:
        assert await skus(search, "") == ["A"]


@pytest.mark.parametrize("harm", ["half", "no meta", "no CURRENT", "CURRENT of nothing", "CURRENT of bytes"])
async def test_a_damaged_index_is_made_anew_at_the_start(catalog: Catalog, tmp_path: Path, harm: str) -> None:
    await catalog.put(draft("A"))
    async with opened(catalog, tmp_path):
        pass
    first = generation(tmp_path)
    assert first is not None
    current = first.parent / "CURRENT"
    match harm:
        case "half":
            file = next(first.glob("*.term"))
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        case "no meta":
            (first / "meta.json").unlink()
        case "no CURRENT":
            current.unlink()
        case "CURRENT of nothing":
            current.write_text(f"{version()}-nothing")
        case _:
            current.write_bytes(b"\xff\xfe../..")
    async with opened(catalog, tmp_path) as search:
        assert await skus(search, "taza") == ["A"]
    assert generation(tmp_path) != first
    assert len([entry for entry in first.parent.iterdir() if entry.is_dir()]) == 1


async def test_damage_found_while_searching_has_the_index_made_anew(catalog: Catalog, tmp_path: Path) -> None:
    await catalog.put(draft("A"))
    async with opened(catalog, tmp_path) as search:
        assert await skus(search, "taza") == ["A"]
        first = generation(tmp_path)
        assert first is not None
        (first / "meta.json").write_text("{")
        with pytest.raises(Busy):
            await search.search("taza")
        await until(lambda: another_generation(tmp_path, first))
        assert await skus(search, "taza") == ["A"]


async def test_an_index_made_anew_takes_the_place_of_the_old_one(catalog: Catalog, tmp_path: Path) -> None:
    for number in range(5):
        await catalog.put(draft(f"A-{number}"))
    async with opened(catalog, tmp_path) as search:
        first = generation(tmp_path)
        heard: list[float] = []
        assert await search.indexer.rebuild(lambda doing, done: heard.append(done)) == 5
        assert heard[-1] == 1.0
        assert generation(tmp_path) != first
        await catalog.put(draft("B"))
        assert len(await skus(search, "taza")) == 6


async def test_a_second_one_on_the_same_home_reads_what_the_first_writes(
    catalog: Catalog, tmp_path: Path
) -> None:
    async with (
        opened(catalog, tmp_path) as writer,
        open_text_search(catalog, SearchSettings(), tmp_path) as reader,
    ):
        await catalog.put(draft("A"))
        await writer.indexer.caught_up()
        assert [hit.product.sku for hit in (await reader.search("taza")).hits] == ["A"]
        with pytest.raises(Conflict):
            await reader.indexer.rebuild()
        await writer.indexer.rebuild()
        await catalog.put(draft("B"))
        await writer.indexer.caught_up()
        assert len((await reader.search("taza")).hits) == 2


async def test_a_product_that_just_went_is_not_shown(catalog: Catalog, tmp_path: Path) -> None:
    await catalog.put(draft("A"))
    await catalog.put(draft("B"))
    async with opened(catalog, tmp_path):
        pass
    another = Generations(tmp_path / "index" / "text", version())
    assert another.take()  # so that nobody follows the catalogue
    async with open_text_search(catalog, SearchSettings(), tmp_path) as search:
        await catalog.remove("B")
        assert [hit.product.sku for hit in (await search.search("taza")).hits] == ["A"]
    another.release()


async def test_synonyms_that_cannot_be_read_stop_the_start(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="synonyms"):
        async with open_text_search(catalog, SearchSettings(synonyms=tmp_path / "none.txt"), tmp_path):
            pass
