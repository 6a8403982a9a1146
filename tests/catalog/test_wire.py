"""What a product may be."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from feria.catalog.wire import CategoryDraft, ProductDraft, Words
from goods import draft


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"sku": ""}, "a SKU is up to 64"),
        ({"sku": "a b"}, "a SKU is up to 64"),
        ({"sku": "../a"}, "a SKU is up to 64"),
        ({"sku": "ñ"}, "a SKU is up to 64"),
        ({"sku": "A" * 65}, "a SKU is up to 64"),
        ({"sku": "A\n"}, "a SKU is up to 64"),
        ({"title": {}}, "a title in one language"),
        ({"title": {"es": "  \t "}}, "a title in one language"),
        ({"title": {"es": "x" * 10_000}}, "at most 300 characters"),
        ({"title": {"es": "a\x00b"}}, r"U\+0000"),
        ({"title": {"en": "a\x1b[31mb"}}, r"U\+001B"),
        ({"title": {"en": "a\x93b"}}, r"U\+0093"),
        ({"title": {"en": "\ud800"}}, r"U\+D800"),
        ({"description": {"en": "x" * 16_001}}, "16,000"),
        ({"category": "Ropa"}, "lower-case"),
        ({"category": "a//b"}, "lower-case"),
        ({"category": "/a"}, "lower-case"),
        ({"category": "a\n"}, "lower-case"),
        ({"brand": "x" * 101}, "at most 100"),
        ({"price": "-1"}, "greater than or equal to 0"),
        ({"price": "1.999"}, "2 decimal places"),
        ({"price": "NaN"}, "finite"),
        ({"price": "1e10"}, "less than or equal to"),
        ({"currency": "eur"}, "pattern"),
        ({"attributes": {"": 1}}, "at least 1"),
        ({"attributes": {"a": float("nan")}}, "finite"),
        ({"attributes": {"a": [1]}}, "valid"),
        ({"attributes": {"a": "\x00"}}, r"U\+0000"),
        ({"attributes": {"a" * 65: 1}}, "at most 64"),
        ({"attributes": {f"a{n}": 1 for n in range(65)}}, "at most 64"),
        ({"stock": -1}, "greater than or equal to 0"),
        ({"stock": 2**63}, "less than"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_what_is_no_product_is_refused_with_the_reason(said: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        draft(said.pop("sku", "A"), **said)


def test_a_text_loses_the_blanks_around_it_and_keeps_its_lines() -> None:
    assert draft("A", title={"es": "  Taza \n"}, description={"es": "a\n\tb "}).description.es == "a\n\tb"
    assert draft("A", title={"es": "  Taza \n"}).title.es == "Taza"


def test_a_word_that_is_missing_is_taken_from_the_other_language() -> None:
    assert [Words(es="a", en="b").said(language) for language in ("es", "en")] == ["a", "b"]
    assert [Words(en="b").said(language) for language in ("es", "en")] == ["b", "b"]
    assert [Words(es="a").said(language) for language in ("es", "en")] == ["a", "a"]


def test_a_category_has_a_title() -> None:
    with pytest.raises(ValidationError, match="a title in one language"):
        CategoryDraft(title=Words())
    with pytest.raises(ValidationError, match="at most 200"):
        CategoryDraft(title=Words(es="x" * 201))


@given(
    st.decimals(0, 10**9, places=2),
    st.one_of(st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False)),
)
def test_a_product_crosses_the_wire_unchanged(price: Any, value: Any) -> None:
    sent = draft("A", price=price, attributes={"a": value})
    back = ProductDraft.model_validate_json(sent.model_dump_json())
    assert back == sent
    assert back.price == price
    assert back.attributes["a"] == value
    assert isinstance(back.attributes["a"], bool) == isinstance(value, bool)
