"""How well words find products, in figures."""

from collections import Counter
from collections.abc import Callable
from functools import cache

import pytest

from feria.search.filters import Filters
from feria.search.index import within
from feria.search.query import Planner
from feria.search.synonyms import read_synonyms
from search.indexes import index_of
from search.quality import CATEGORIES, KINDS, PRODUCTS, QUERIES, Figures, judged, products

WORDS = ("singular", "plural", "no accent", "no accent, plural", "capitals", "English", "English, plural")

Ask = Callable[[str], Figures]


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """What comes of a set of queries, by its name."""
    made = list(products())
    index = index_of(tmp_path_factory.mktemp("index"), (draft for draft, _ in made), CATEGORIES)
    synonyms = read_synonyms()
    relevant = Counter(kind.en for _, kind in made)

    @cache
    def ask(name: str) -> Figures:
        found = []
        for query, _ in QUERIES[name]:
            plan = Planner(index, synonyms).plan(query)
            assert plan is not None
            ids = index.search(within(plan.query, Filters()), limit=PRODUCTS).ids
            found.append([made[number - 1][1] for number in ids])
        return judged(found, QUERIES[name], relevant)

    return ask


def test_the_catalogue_is_what_it_says() -> None:
    made = list(products())
    assert len(KINDS) == 42
    assert len(made) == PRODUCTS
    assert made == list(products())
    assert all(len(draft.description.es or draft.description.en) > 150 for draft, _ in made)


@pytest.mark.parametrize("name", [*WORDS, "beginning", "synonyms"])
def test_words_find_what_they_name(figures: Ask, name: str) -> None:
    found = figures(name)
    print(f"{name}: P@10 {found.precision:.3f}, coverage {found.coverage:.3f}, missed {found.misses}")
    assert found.precision >= 0.95
    assert found.coverage >= 0.9


@pytest.mark.parametrize("name", ["one typo", "two typos"])
def test_misspelt_words_find_what_they_were_meant_for(figures: Ask, name: str) -> None:
    found = figures(name)
    print(f"{name}: P@10 {found.precision:.3f}, coverage {found.coverage:.3f}, missed {found.misses}")
    assert found.precision >= 0.9
    assert found.coverage >= 0.9
