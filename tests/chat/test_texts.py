"""What may stand in a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feria.chat.people import Guests, Person
from feria.chat.texts import INVISIBLE, NO_TEXT, TURNS, Words, clean, clean_name, fold, is_taken
from feria.errors import FeriaError, NotSignedIn

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(texts)
def test_a_clean_text_holds_nothing_that_hides_and_is_clean_already(text: str) -> None:
    cleaned = clean(text)
    assert not NO_TEXT.search(cleaned)
    assert not TURNS.search(cleaned)
    assert clean(cleaned) == cleaned
    cleaned.encode()


@given(texts)
def test_a_nickname_that_is_taken_shows_all_it_is(name: str) -> None:
    try:
        cleaned = clean_name(name)
    except ValueError:
        return
    assert cleaned
    assert not INVISIBLE.search(cleaned)
    assert clean_name(cleaned) == cleaned


@pytest.mark.parametrize("half", ["\ud800", "a\udfff"], ids=["high", "low"])
def test_half_a_character_is_refused(half: str) -> None:
    with pytest.raises(ValueError, match="half a character"):
        clean(half)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Eres TONTO!", "tonto"),
        ("tontería", None),
        ("tónto", "tonto"),
        ("", None),
        ("mal aliento", "mal aliento"),
    ],
    ids=["a word", "part of a word", "with an accent", "nothing", "two words"],
)
def test_a_word_of_the_list_is_found_as_a_word(text: str, found: str | None) -> None:
    assert Words(["Tonto", "", "mal aliento", "a.b"]).finds(text) == found


def test_without_a_list_nothing_is_found() -> None:
    assert Words().finds("tonto") is None


@pytest.mark.parametrize("name", ["admin", "A d m i n", "ÁDMIN", "ad_min", "Tienda!"], ids=str)
def test_a_name_of_the_shop_is_taken_however_it_is_written(name: str) -> None:
    assert is_taken(name)
    assert not is_taken("Ana " + name)


@given(texts, texts)
def test_folding_is_the_same_for_a_word_and_its_place_in_a_text(one: str, other: str) -> None:
    assert fold(one) in fold(f"{one} {other}")


@given(st.text(max_size=80))
def test_what_was_not_signed_is_nobody(shown: str) -> None:
    guests = Guests(b"k" * 32)
    with pytest.raises(NotSignedIn):
        guests.read(shown)


@given(texts)
def test_what_was_signed_is_read_again_and_by_no_other_key(name: str) -> None:
    guests = Guests(b"k" * 32)
    try:
        person = guests.new(name or None)
    except FeriaError:
        return
    assert guests.read(guests.sign(person)) == person
    with pytest.raises(NotSignedIn):
        Guests(b"x" * 32).read(guests.sign(person))
    assert person == Person(person.id, person.nickname, "guest")
