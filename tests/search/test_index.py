"""The text index against answers worked out by hand, and against damage."""

import json
import shutil
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feria.catalog.categories import lineage
from feria.catalog.wire import Product, ProductDraft, Words
from feria.errors import Corrupt, Invalid
from feria.search.filters import Filters
from feria.search.index import EVERYTHING, TextIndex, within
from feria.search.query import Planner
from feria.search.synonyms import Synonyms
from feria.search.wire import SearchSort
from goods import draft
from search.indexes import index_of, product_of

PATHS = (None, "a", "a/b", "a/b/c", "a/bb", "d", "d/a")
BRANDS = ("", "Faro", "faro", "Águila & Hijos", "x\ty")
PRICES = ("0", "0.01", "0.02", "9.99", "10", "1000000000")
STOCKS = (None, 0, 1, 7)
COLOURS = ("roja", "azul", "verde")


def goods() -> list[ProductDraft]:
    """Three hundred, in combinations that do not run in step."""
    return [
        draft(
            f"P-{n}",
            title={"es": f"Taza {COLOURS[n % 3]} n{n}"},
            category=PATHS[n % 7],
            brand=BRANDS[n % 5],
            price=PRICES[(n // 2) % 6],
            stock=STOCKS[(n // 3) % 4],
        )
        for n in range(1, 301)
    ]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> TextIndex:
    return index_of(tmp_path_factory.mktemp("index"), goods(), {"a": Words(es="Vajilla", en="Crockery")})


PRODUCTS = {number: product_of(one, number) for number, one in enumerate(goods(), 1)}

prices = st.one_of(st.none(), st.sampled_from(PRICES).map(Decimal), st.decimals(0, 11, places=3))
filters = st.builds(
    lambda category, brands, one, other, in_stock: Filters(
        category,
        tuple(brands),
        *(sorted((one, other)) if one is not None and other is not None else (one, other)),
        in_stock,
    ),
    st.sampled_from((*PATHS, "nowhere", "a/")),
    st.lists(st.sampled_from((*BRANDS[1:], "nobody")), max_size=3),
    prices,
    prices,
    st.booleans(),
)


def passing(wanted: Filters, word: str | None = None) -> dict[int, Product]:
    return {
        number: product
        for number, product in PRODUCTS.items()
        if wanted.take(product) and (word is None or word in product.title.es)
    }


@settings(max_examples=150, deadline=None)
@given(
    filters, st.sampled_from((None, *COLOURS)), st.sampled_from(("relevance", "price", "-price", "newest"))
)
def test_filters_and_orders_are_those_of_a_plain_loop(
    index: TextIndex, wanted: Filters, word: str | None, sort: SearchSort
) -> None:
    plan = Planner(index, Synonyms([])).plan(word or "")
    found = index.search(within(plan.exact if plan else EVERYTHING, wanted), limit=1000, sort=sort)
    expected = passing(wanted, word)
    assert sorted(found.ids) == sorted(expected)
    assert found.total == len(expected)
    if sort == "newest":
        assert found.ids == sorted(expected, reverse=True)
    elif sort != "relevance":
        ordered = [expected[number].price for number in found.ids]
        assert ordered == sorted(ordered, reverse=sort == "-price")


@settings(max_examples=100, deadline=None)
@given(filters, st.sampled_from((None, *COLOURS)))
def test_facets_count_beside_the_filters_of_the_other_kinds(
    index: TextIndex, wanted: Filters, word: str | None
) -> None:
    plan = Planner(index, Synonyms([])).plan(word or "")
    counts = index.counts(plan.exact if plan else EVERYTHING, wanted)
    any_category = Filters(None, wanted.brands, wanted.min_price, wanted.max_price, wanted.in_stock)
    any_brand = Filters(wanted.category, (), wanted.min_price, wanted.max_price, wanted.in_stock)
    any_price = Filters(wanted.category, wanted.brands, None, None, wanted.in_stock)
    paths = (one.category for one in passing(any_category, word).values())
    assert counts.categories == Counter(step for path in paths if path for step in lineage(path))
    brands = Counter(one.brand for one in passing(any_brand, word).values() if one.brand)
    assert list(counts.brands.items()) == sorted(brands.items(), key=lambda one: (-one[1], one[0]))
    priced = [int(one.price * 100) for one in passing(any_price, word).values()]
    assert (counts.least, counts.most) == (min(priced, default=None), max(priced, default=None))


def test_pages_follow_one_another(index: TextIndex) -> None:
    whole = index.search(EVERYTHING, limit=300, sort="newest").ids
    pages = [index.search(EVERYTHING, limit=7, offset=at, sort="newest").ids for at in range(0, 301, 7)]
    assert [number for page in pages for number in page] == whole
    assert index.search(EVERYTHING, limit=7, offset=9000).ids == []


def test_a_range_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(Invalid, match="min_price"):
        Filters(min_price=Decimal(2), max_price=Decimal(1))


def test_it_says_what_it_holds(index: TextIndex, tmp_path: Path) -> None:
    assert (index.products, index.applied) == (300, 300)
    assert index.created(1) == int(PRODUCTS[1].created_at.timestamp() * 1e6)
    assert index.created(301) is None
    empty = TextIndex.create(tmp_path)
    assert (empty.products, empty.applied) == (0, None)


# ------------------------------------------------------------------- damage
def files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))


KINDS = ("meta.json", "idx", "pos", "term", "fast", "fieldnorm", "store")


@pytest.fixture
def copied(index: TextIndex, tmp_path: Path) -> Path:
    return Path(shutil.copytree(index.path, tmp_path / "copy"))


def test_every_kind_of_file_is_damaged_below(index: TextIndex) -> None:
    assert {file.name if file.name == "meta.json" else file.suffix[1:] for file in files(index.path)} == set(
        KINDS
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("harm", ["cut in half", "emptied", "gone", "one byte other"])
def test_damage_to_any_file_is_noticed(copied: Path, kind: str, harm: str) -> None:
    (file,) = (one for one in files(copied) if one.name.endswith(kind))
    data = bytearray(file.read_bytes())
    match harm:
        case "cut in half":
            file.write_bytes(data[: len(data) // 2])
        case "emptied":
            file.write_bytes(b"")
        case "gone":
            file.unlink()
        case _:
            at = data.index(b"segment_id") if kind == "meta.json" else 0
            data[at] ^= 0xFF
            file.write_bytes(data)
    with pytest.raises(Corrupt):
        TextIndex(copied)


def test_what_a_writer_left_unfinished_is_no_damage(copied: Path) -> None:
    segment = json.loads((copied / "meta.json").read_bytes())["segments"][0]["segment_id"].replace("-", "")
    (copied / f"{segment}.999.del").write_bytes(b"half")
    (copied / f"{'0' * 32}.idx").write_bytes(b"half")
    assert TextIndex(copied).products == 300
