"""The demo fair: the same everywhere, true to its pictures, in two languages that agree with themselves."""

import re
import subprocess
import sys
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from feria.catalog.fair import Good, categories, fair
from feria.catalog.fair.goods import CRATE, NAMES
from feria.catalog.fair.telling import colours
from feria.catalog.fair.wares import materials, sorts, wares
from feria.catalog.wire import ProductDraft
from feria.drawings import KINDS, VIEWS, draw, look
from feria.drawings.look import Noun
from feria.drawings.palette import HUES
from feria.storage.database import Database
from goods import open_catalog

GOODS = list(fair())
WRITTEN = [good for good in GOODS if good.kind in wares()]
"""Those whose texts are put together; the others' are written by hand."""


def noun(good: Good) -> Noun:
    return look(good.kind, good.seed).noun


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def test_it_is_the_same_in_another_process() -> None:
    script = "from feria.catalog.fair import fair\nfor good in fair(): print(good)"
    other = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "11", "PYTHONIOENCODING": "utf-8"},
    )
    assert other.stdout.splitlines() == [str(good) for good in GOODS]


def test_no_two_products_can_be_mistaken_for_each_other() -> None:
    assert len(GOODS) == 300
    for told in (
        [good.draft.sku for good in GOODS],
        [good.draft.title.es for good in GOODS],
        [good.draft.title.en for good in GOODS],
        [(good.kind, good.seed) for good in GOODS],
    ):
        assert [one for one, times in Counter(told).items() if times > 1] == []


def test_every_category_has_its_place_and_a_dozen_products() -> None:
    tree = {category.path: category for category in categories()}
    counts = Counter(good.draft.category for good in GOODS)
    assert len(counts) >= 12
    assert min(counts.values()) >= 12
    leaves = {path for path in tree if not any(other.startswith(f"{path}/") for other in tree)}
    assert set(counts) == leaves
    for path, category in tree.items():
        assert category.title.es
        assert category.title.en
        assert path.rpartition("/")[0] in {"", *tree}
    assert [category.position for category in tree.values()] == sorted({c.position for c in tree.values()})


def test_its_beginning_is_varied() -> None:
    assert len({good.draft.category for good in islice(fair(), 40)}) >= 15


@pytest.mark.parametrize("language", ["es", "en"])
def test_every_text_is_whole(language: str) -> None:
    for good in GOODS:
        title = getattr(good.draft.title, language)
        description = getattr(good.draft.description, language)
        assert title[0].isupper(), title
        assert 40 <= len(description) <= 400, description
        sentences = re.split(r"(?<=\.) ", description)
        assert 2 <= len(sentences) <= 4, description
        for sentence in sentences:
            assert re.fullmatch(r"[A-ZÁÉÍÓÚÑ].*\.", sentence), description
        assert not re.search(r"[{}]| {2}| [,.;:]|\.\.|,,", f"{title}|{description}"), description


def test_the_two_languages_are_two() -> None:
    for good in GOODS:
        assert good.draft.title.es != good.draft.title.en
        assert {"de", "el", "la", "un", "una", "y", "en", "con", "se"} & words(good.draft.description.es)
        assert {"the", "a", "and", "of", "for", "with", "it"} & words(good.draft.description.en)
        assert not re.search("[ñáéíóú¿¡]", good.draft.description.en)


def test_every_draft_is_valid_as_it_crosses_the_network() -> None:
    for good in GOODS:
        assert ProductDraft.model_validate_json(good.draft.model_dump_json()) == good.draft
        assert good.draft.price > 0
        assert good.draft.brand


def test_a_few_are_sold_out() -> None:
    assert 3 <= sum(good.draft.stock == 0 for good in GOODS) <= 30


def test_the_colour_in_a_title_is_the_one_that_is_drawn_and_agrees_with_its_noun() -> None:
    for good in WRITTEN:
        seen = look(good.kind, good.seed)
        hue = seen.hue.of(feminine=seen.noun.feminine, plural=seen.noun.plural)
        assert f" {hue} " in f"{good.draft.title.es} "
        assert f" {seen.hue.english} " in good.draft.title.en
        assert good.draft.attributes["colour"] == seen.hue.english


def test_a_hand_written_title_names_no_colour_but_the_one_that_is_drawn() -> None:
    named = {word: hue.rgb for hue in HUES.values() for word in hue.spanish}
    for good in GOODS:
        seen = look(good.kind, good.seed)
        if good in WRITTEN or good.kind in {"juice", "orange", "kiwi", "melon"}:
            continue  # what is in a title of these is a fruit or its flesh
        for word in words(good.draft.title.es) & set(named):
            assert word in seen.hue.spanish, (good.draft.title.es, seen.hue.english)


def test_a_description_tells_the_colours_and_the_material() -> None:
    stuff = materials().values()
    for good in WRITTEN:
        told, both = good.draft.description, colours(look(good.kind, good.seed))
        assert f" {both.es}" in told.es
        assert f" {both.en}" in told.en
        kinds = [one for one in stuff if one.code == good.draft.attributes["material"]]
        assert any(one.name.en in told.en or one.care.en in told.en for one in kinds) or good.kind == "jeans"


def test_colours_tell_a_pattern_with_both_its_colours() -> None:
    dots = next(one for one in (look("dress", seed) for seed in range(500)) if one.pattern.name == "dots")
    assert dots.second
    said = colours(dots)
    assert said.es.endswith(f" con lunares en {dots.second.spanish[0]}")
    assert said.en == f"{dots.hue.english} with {dots.second.english} polka dots"


ARTICLE = {(False, False): "Un", (True, False): "Una", (False, True): "Unos", (True, True): "Unas"}
ENDING = {(False, False): "o", (True, False): "a", (False, True): "os", (True, True): "as"}
PARTICIPLE = re.compile(
    r"(?:^|, |y |\} )(hech|tejid|cortad|cosid|forrad|modelad|pintad|tornead|larg|alt|cruzad)(os?|as?)\b"
)


@pytest.mark.parametrize("kind", wares())
def test_spanish_sentences_agree_with_their_noun(kind: str) -> None:
    told, noun = wares()[kind], KINDS[kind].noun
    form = (noun.feminine, noun.plural)
    sentences = [one.es for one in (*told.openings, *told.uses)]
    for sentence in [*sentences, *(one.es for one in told.cuts.values())]:
        if article := re.match(r"(Un|Una|Unos|Unas) ", sentence):
            assert article[1] == ARTICLE[form], sentence
        for _, ending in PARTICIPLE.findall(sentence[0].lower() + sentence[1:]):
            assert ending == ENDING[form], sentence


def test_the_noun_of_an_opening_is_the_one_that_is_drawn() -> None:
    for kind, told in wares().items():
        first = KINDS[kind].noun.spanish.split()[0]
        assert all(first in one.es.lower() for one in told.openings), kind
        assert all("{colours}" in one.es and "{colours}" in one.en for one in told.openings), kind


def test_the_article_before_a_material_is_the_one_it_takes() -> None:
    names = "|".join(one.name.en for one in materials().values())
    told = " ".join(good.draft.description.en for good in WRITTEN)
    found = set(re.findall(rf"\b(An?) ({names})\b", told))
    assert {("An", "earthenware"), ("A", "stoneware"), ("A", "china")} <= found
    for article, name in found:
        assert (article == "An") == (name[0] in "aeiou")


def test_a_models_name_is_never_a_thing_or_a_colour() -> None:
    things = {word for kind in KINDS.values() for word in words(kind.noun.spanish + " " + kind.noun.english)}
    colour_words = {
        word for hue in HUES.values() for name in (hue.english, *hue.spanish) for word in words(name)
    }
    assert {name.lower() for name in NAMES} & (things | colour_words) == set()


def test_what_is_told_of_cuts_is_told_of_cuts_that_are_drawn() -> None:
    for kind, told in wares().items():
        assert set(told.cuts) <= {cut.name for cut in KINDS[kind].cuts}
        assert set(told.hues) <= {*KINDS[kind].hues, *(hue for cut in KINDS[kind].cuts for hue in cut.hues)}
        assert set(told.materials) <= set(materials())


def test_what_a_title_calls_a_crate_is_shown_as_one() -> None:
    crates = {sort.title.es for sort in sorts() if sort.crate}
    assert crates
    for good in GOODS:
        assert (good.views[0] == CRATE) == (good.draft.title.es in crates)
        assert good.draft.title.es.startswith("Caja de ") == (good.draft.title.es in crates)
        assert 1 <= len(good.views) == len(set(good.views)) <= 2
        assert max(good.views) < VIEWS


def test_there_are_red_trainers_for_those_who_follow_the_hint() -> None:
    assert (
        sum(good.draft.title.es.startswith("Zapatillas") and "rojas" in good.draft.title.es for good in GOODS)
        >= 2
    )


async def test_a_small_fair_is_read_back_as_it_was_put(database: Database, tmp_path: Path) -> None:
    some = GOODS[:8]
    async with open_catalog(database, tmp_path) as catalog:
        for category in categories():
            await catalog.put_category(category)
        for good in some:
            file = tmp_path / "one.jpg"
            draw(good.kind, good.seed, 64, good.views[0]).save(file, "JPEG")
            await catalog.put(good.draft, [file.read_bytes()])
        page = await catalog.page(limit=50)
        found = {product.sku: product for product in page.products}
        assert set(found) == {good.draft.sku for good in some}
        for good in some:
            product = found[good.draft.sku]
            assert product.model_dump(include=set(ProductDraft.model_fields)) == good.draft.model_dump()
            assert [(one.width, one.height) for one in product.pictures] == [(64, 64)]
        counted = {category.path: category for category in await catalog.categories()}
        assert [counted[category.path].title for category in categories()] == [c.title for c in categories()]
        assert sum(counted[path].products or 0 for path in counted if "/" not in path) == len(some)
