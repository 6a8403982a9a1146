"""From what somebody typed to products, in their order."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feria.catalog.wire import Language, Words
from feria.search.completion import suggest
from feria.search.highlights import EXCERPT, excerpt, highlighted
from feria.search.index import TextIndex
from feria.search.query import MOST_WORDS, Marks, Plan, Planner, distance, read_query
from feria.search.synonyms import read_synonyms
from feria.search.wire import LONGEST_TEXT, Segment
from goods import draft
from search.indexes import index_of

TITLES: tuple[tuple[str, str, str], ...] = (
    ("ZAP-1", "Zapatillas rojas de lona", "Red canvas sneakers"),
    ("ZAP-2", "Zapatillas azules", "Blue sneakers"),
    ("ZAP-3", "Zapato rojo de tacón", "Red high heel"),
    ("CAM-1", "Camión de juguete", "Toy lorry"),
    ("CAM-2", "Camiseta roja", "Red t-shirt"),
    ("GOR-1", "Gorra azul", "Blue cap"),
    ("GOR-2", "Gorro azul", "Blue beanie"),
    ("TE-1", "Té verde", "Green tea"),
    ("SAR-1", "Sartén", "Frying pan"),
    ("PAN-1", "Pan de molde", "Sliced bread"),
    ("X", "Reloj", ""),
    ("Y", "", "Yellow umbrella"),
)
SKUS = [sku for sku, _, _ in TITLES]
SYNONYMS = read_synonyms()


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> TextIndex:
    drafts = [
        draft(
            sku,
            title={"es": es, "en": en},
            description={"es": "Combina con zapatillas y con algodón." if sku == "GOR-1" else ""},
            category="hogar" if sku == "SAR-1" else None,
            brand="Águila" if sku == "X" else "",
            attributes={"material": "cuero", "n": 7, "new": True} if sku == "ZAP-3" else {},
        )
        for sku, es, en in TITLES
    ]
    return index_of(tmp_path_factory.mktemp("index"), drafts, {"hogar": Words(es="Menaje", en="Household")})


def planned(index: TextIndex, text: str, language: Language | None = None) -> Plan:
    plan = Planner(index, SYNONYMS, language).plan(text)
    assert plan is not None
    return plan


def found(index: TextIndex, text: str, language: Language | None = None) -> list[str]:
    plan = planned(index, text, language)
    ids = index.search(plan.query, limit=100).ids
    if not ids and plan.most is not None:
        ids = index.search(plan.most, limit=100).ids
    return [SKUS[number - 1] for number in ids]


def test_all_words_are_asked_for(index: TextIndex) -> None:
    assert found(index, "zapatillas rojas") == ["ZAP-1"]
    assert found(index, "lona zapatilla ROJO") == ["ZAP-1"]


def test_a_title_counts_more_than_a_description(index: TextIndex) -> None:
    assert found(index, "zapatillas")[-1] == "GOR-1"
    assert set(found(index, "zapatillas")) == {"ZAP-1", "ZAP-2", "GOR-1"}


def test_a_noun_of_that_gender_comes_before_the_other(index: TextIndex) -> None:
    assert found(index, "gorras") == ["GOR-1", "GOR-2"]
    assert found(index, "gorros") == ["GOR-2", "GOR-1"]


def test_what_is_said_elsewhere_for_it_finds_it(index: TextIndex) -> None:
    assert set(found(index, "deportivas")) == {"ZAP-1", "ZAP-2"}
    assert set(found(index, "running shoes azules")) == {"ZAP-2"}
    assert found(index, "skillets") == ["SAR-1"]
    assert found(index, "watch") == ["X"]  # it has a Spanish title only
    assert found(index, "paraguas") == ["Y"]  # and this an English one


def test_brands_categories_and_attributes_are_words_too(index: TextIndex) -> None:
    assert found(index, "aguila") == ["X"]
    assert found(index, "household") == found(index, "menaje") == ["SAR-1"]
    assert found(index, "zapatos cuero") == ["ZAP-3"]
    assert found(index, "algodon") == ["GOR-1"]


def test_a_sku_is_found_above_all(index: TextIndex) -> None:
    assert found(index, " zap-3 ")[0] == "ZAP-3"
    assert found(index, "x")[0] == "X"


def test_a_beginning_stands_for_the_words_that_begin_so_below_the_exact_ones(index: TextIndex) -> None:
    assert set(found(index, "cami")) == {"CAM-1", "CAM-2"}
    assert found(index, "zapat")[0] == "ZAP-3"  # its stem: zapato
    assert {"ZAP-1", "ZAP-2"} <= set(found(index, "zapat"))
    assert "CAM-1" not in found(index, "camiseta")
    assert planned(index, "cami").corrected is None


def test_words_that_are_there_are_not_corrected(index: TextIndex) -> None:
    for text in ("zapatillas", "zapatilla", "rojo", "te", "algodon", "umbrellas", "deportivas", "pan"):
        assert planned(index, text).corrected is None
    assert found(index, "pan")[0] in {"PAN-1", "SAR-1"}


@pytest.mark.parametrize(
    ("typed", "meant", "sku"),
    [
        ("zapatilals", "zapatillas", "ZAP-2"),
        ("Sapatillas  azules", "zapatillas azules", "ZAP-2"),
        ("camoin", "camión", "CAM-1"),
        ("gora azul", "gorra azul", "GOR-1"),
        ("umbrela", "umbrella", "Y"),
        ("relok", "reloj", "X"),
    ],
)
def test_a_word_that_nothing_has_is_corrected_and_it_says_so(
    index: TextIndex, typed: str, meant: str, sku: str
) -> None:
    assert planned(index, typed).corrected == meant
    assert sku in found(index, typed)[:2]


def test_what_is_like_nothing_is_left_as_it_is(index: TextIndex) -> None:
    for text in ("xyzzyplugh", "qq", "7777", "ñññ"):
        assert planned(index, text).corrected is None
        assert found(index, text) == []


def test_when_nothing_has_all_words_those_with_most_come_first(index: TextIndex) -> None:
    assert found(index, "zapatillas rojas xyzzyplugh")[0] == "ZAP-1"
    assert set(found(index, "camiseta azul")) >= {"CAM-2", "ZAP-2"}
    assert found(index, "xyzzyplugh plughxyzzy") == []


def test_the_words_of_a_language_count_more_in_it(tmp_path: Path) -> None:
    drafts = [
        draft("LAW", title={"es": "Código actual", "en": "Code current"}),
        draft("FACT", title={"es": "Código vigente", "en": "Code actual"}),
    ]
    index = index_of(tmp_path, drafts)
    for language, first in (("es", 1), ("en", 2)):
        plan = Planner(index, SYNONYMS, language).plan("actual")  # type: ignore[arg-type]
        assert plan is not None
        assert index.search(plan.query, limit=2).ids == [first, 3 - first]


def test_words_that_say_nothing_are_left_out_unless_there_are_no_others(index: TextIndex) -> None:
    assert [token.word for token in read_query("té de la abuela con leche")[1]] == ["te", "abuela", "leche"]
    assert [token.word for token in read_query("de la")[1]] == ["de", "la"]
    assert found(index, "the tea") == ["TE-1"]


HOSTILE = (
    "title_es:zapatillas OR *:*",
    '"zapatillas" AND (rojas',
    "zapatillas^9 ~2 [a TO z] {x} \\ / + - ! ?",
    "'; DROP TABLE products; --",
    "\x00\x01\x1f zapatillas \x7f",
    "zapatillas\u202e\u200b\ufeff",
    "👟" * 1000,
    "zapatillas " * 1000,
    "z" * 10_000,
    " ".join(f"palabra{n}" for n in range(1000)),
    "*",
    "",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_is_typed_is_just_words(index: TextIndex, text: str) -> None:
    told, asked = read_query(text)
    assert len(told) <= LONGEST_TEXT
    assert len(asked) <= MOST_WORDS
    plan = Planner(index, SYNONYMS).plan(text)
    assert (plan is None) == (not asked)
    if plan is not None:
        index.search(plan.query, limit=10)
    suggest(index, SYNONYMS, text, None, 8)


def test_query_syntax_means_nothing(index: TextIndex) -> None:
    assert set(found(index, "+zapatillas* AND:[rojas]~9")) == set(found(index, "zapatillas rojas"))
    assert found(index, "\x00zapatillas\x1f rojas\x7f") == ["ZAP-1"]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
@example("\ud800 zapatillas")
def test_any_text_is_answered(index: TextIndex, text: str) -> None:
    plan = Planner(index, SYNONYMS).plan(text)
    if plan is not None:
        assert len(index.search(plan.query, limit=100).ids) <= len(SKUS)
        if plan.most is not None:
            index.search(plan.most, limit=10)
    suggest(index, SYNONYMS, text, "es", 8)


# ------------------------------------------------------------------- distance
@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_a_distance_is_that_of_a_plain_search(one: str, other: str) -> None:
    """Of all words reached by one more change at a time; changed places are not touched again, so this is
    only a lower bound beyond one change."""
    assert distance(one, other) == distance(other, one)
    assert (distance(one, other) == 0) == (one == other)
    assert (distance(one, other) <= 1) == (other in _changed(one) | {one})
    assert abs(len(one) - len(other)) <= distance(one, other) <= max(len(one), len(other))


def _changed(word: str) -> set[str]:
    cut = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    return (
        {a + b[1:] for a, b in cut if b}
        | {a + b[1] + b[0] + b[2:] for a, b in cut if len(b) > 1}
        | {a + letter + b[1:] for a, b in cut if b for letter in "abc"}
        | {a + letter + b for a, b in cut for letter in "abc"}
    )


# ------------------------------------------------------------------- highlights
def marked(segments: Sequence[Segment]) -> list[str]:
    return [segment.text for segment in segments if segment.match]


def test_what_was_found_is_marked_in_any_form(index: TextIndex) -> None:
    marks = planned(index, "zapatilla roja").marks
    assert marked(highlighted("ZAPATILLAS (rojo), sneakers <b>rojas</b>", marks)) == [
        "ZAPATILLAS",
        "rojo",
        "sneakers",
        "rojas",
    ]
    assert marked(highlighted("Camión, camiseta", planned(index, "cami").marks)) == ["Camión", "camiseta"]
    assert marked(highlighted("El camión", planned(index, "camoin").marks)) == ["camión"]


@given(st.text(max_size=400), st.sets(st.sampled_from(["a", "de", "roja", "x1"])))
def test_highlights_put_together_are_the_text(text: str, looked_for: set[str]) -> None:
    marks = Marks()
    marks.add(looked_for)
    segments = highlighted(text, marks)
    assert "".join(segment.text for segment in segments) == (
        text if text.isascii() else unicodedata.normalize("NFC", text)
    )
    assert all(segment.text for segment in segments)


@settings(deadline=None)
@given(st.integers(0, 80), st.integers(0, 80), st.sampled_from([" ", "", "-"]))
def test_an_excerpt_shows_a_match_and_is_short(before: int, after: int, between: str) -> None:
    text = "relleno" * before + between + " rojas " + between + "más " * after
    marks = Marks()
    marks.add(["rojo"])
    segments = excerpt(text, marks)
    assert marked(segments) == ["rojas"]
    assert sum(len(segment.text) for segment in segments) <= EXCERPT + 20
    shown = "".join(segment.text for segment in segments).strip("… ")
    assert shown in text


def test_an_excerpt_without_a_match_is_the_beginning() -> None:
    segments = excerpt("uno dos tres " * 50, Marks())
    assert marked(segments) == []
    assert segments[0].text.startswith("uno dos")
    assert segments[-1].text == " …"
    assert excerpt("", Marks()) == ()


# ------------------------------------------------------------------- completion
def test_the_last_word_is_completed_as_it_is_written(index: TextIndex) -> None:
    assert set(suggest(index, SYNONYMS, "CAM", "es", 8).texts) == {"camiseta", "camión"}
    assert suggest(index, SYNONYMS, "Zapatillas ro", "es", 8).texts == ("zapatillas rojas",)
    assert suggest(index, SYNONYMS, "red", "en", 8).texts == ("red",)
    assert suggest(index, SYNONYMS, "umb", None, 8).texts == ("umbrella",)


def test_completions_of_one_language_are_words_of_it(index: TextIndex) -> None:
    assert "sneakers" not in suggest(index, SYNONYMS, "s", "es", 20).texts
    assert "sneakers" in suggest(index, SYNONYMS, "s", "en", 20).texts


def test_products_with_the_completed_words_are_named(index: TextIndex) -> None:
    said = suggest(index, SYNONYMS, "zapatillas az", "es", 8)
    assert [SKUS[number - 1] for number in said.products] == ["ZAP-2", "GOR-1"]  # whose text says zapatillas


def test_category_titles_are_those_that_say_or_begin_all_words(index: TextIndex) -> None:
    said = suggest(index, SYNONYMS, "men", None, 8)
    assert said.names(Words(es="Menaje", en="Household"))
    assert not said.names(Words(es="Ropa", en="Clothing"))


def test_nothing_typed_suggests_nothing(index: TextIndex) -> None:
    assert suggest(index, SYNONYMS, "  ", None, 8).texts == ()
    assert suggest(index, SYNONYMS, "zapatillas ", "es", 8).texts == ()
