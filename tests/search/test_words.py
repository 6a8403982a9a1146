"""From text to words and stems."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feria.search.words import LONGEST, composed, fold, stems, tokens, words

PLURALS = """
sartén sartenes | altavoz altavoces | té tés | champú champús | auricular auriculares | luz luces | pez peces
zapatilla zapatillas | corte cortes | color colores | gris grises | mes meses | bus buses | autobús autobuses
inglés ingleses | país países | dulce dulces | clase clases | base bases | jersey jerséis | sofá sofás
pie pies | reloj relojes | nuez nueces | flor flores | crisis crisis | menú menús | pantalón pantalones
""".replace("\n", "|")

ENGLISH_PLURALS = """
knife knives | mouse mice | scarf scarves | woman women | dress dresses | box boxes | watch watches
battery batteries | glove gloves | shoe shoes | child children
""".replace("\n", "|")


def pairs(text: str) -> list[tuple[str, str]]:
    return [(one, other) for one, other in (pair.split() for pair in text.split("|") if pair.strip())]


@pytest.mark.parametrize(("one", "many"), pairs(PLURALS))
def test_a_spanish_noun_and_its_plural_share_a_stem(one: str, many: str) -> None:
    (one,), (many,) = words(one), words(many)
    assert stems(one).es == stems(many).es
    assert stems(one).noun == stems(many).noun


@pytest.mark.parametrize(("one", "many"), pairs(ENGLISH_PLURALS))
def test_an_english_noun_and_its_plural_share_a_stem(one: str, many: str) -> None:
    assert stems(one).en == stems(many).en


def test_genders_share_a_stem_and_stay_different_nouns() -> None:
    assert {stems(word).es for word in ("rojo", "roja", "rojos", "rojas")} == {"roj"}
    assert stems("gorra").noun == stems("gorras").noun != stems("gorros").noun


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ZAPATILLÁS de Niño", ["zapatillas", "de", "nino"]),
        ("e\u0301xito ﬁno", ["exito", "fino"]),
        ("Men's T-shirt, L'Oréal & co.", ["men", "t", "shirt", "loreal", "co"]),
        ("👟\x00<b>té</b>_x", ["b", "te", "b", "x"]),
        ("运动鞋 кроссовки", ["运动鞋", "кроссовки"]),
        ("x" * 500, ["x" * LONGEST]),
        (" \t\n¿?", []),
    ],
)
def test_text_is_taken_apart_into_folded_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.text())
def test_any_text_has_words_that_can_be_indexed(text: str) -> None:
    for word in words(text):
        assert word
        assert len(word) <= LONGEST
        assert not any(character.isspace() for character in word)
        assert fold(word) == word
        assert all(not any(c.isspace() for c in stem) for stem in (stems(word).es, stems(word).en))


@given(st.text())
def test_a_token_says_where_it_stands(text: str) -> None:
    text = composed(text)
    found = list(tokens(text))
    assert [token.word for token in found] == words(text)
    assert all(fold(text[token.start : token.end]) == token.word for token in found)
    assert all(one.end <= other.start for one, other in pairwise(found))
