"""A row as a product."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feria.catalog.drafts import Read, read_price, read_row
from feria.catalog.layout import find_layout
from feria.errors import Invalid

NAMES = ["sku", "titulo", "category", "price", "currency", "stock", "fotos", "color"]


def read(typed: bool = False, default: str | None = None, **said: Any) -> Read:
    row = {"sku": "A", "titulo": "Taza", "price": "1"} | said
    return read_row(find_layout(NAMES), row, typed=typed, currency=default)


@pytest.mark.parametrize(
    ("text", "price", "currency"),
    [
        ("12", "12", None),
        ("12.5", "12.50", None),
        ("12,50", "12.50", None),
        ("12,50 €", "12.50", "EUR"),
        ("€12.50", "12.50", "EUR"),
        ("$ 1,234.50", "1234.50", None),
        ("1.234,50", "1234.50", None),
        ("1 234,50", "1234.50", None),
        ("1\u202f234,50\u00a0EUR", "1234.50", "EUR"),
        ("S/. 1,234", "1234", "PEN"),
        ("S/9.90", "9.90", "PEN"),
        ("usd 5", "5", "USD"),
        ("9.990", "9990", None),
        ("0.990", "0.99", None),
        ("1.234.567", "1234567", None),
        ("1'234.50", "1234.50", None),
        ("12.", "12", None),
        ("0", "0", None),
        (9.99, "9.99", None),
        (0.1 + 0.2, "0.30", None),
        (10, "10", None),
    ],
)
def test_a_price_is_read_as_people_write_it(text: Any, price: str, currency: str | None) -> None:
    assert read_price(text) == (Decimal(price), currency)


@pytest.mark.parametrize(
    "text",
    ["", None, "free", "-5", ".50", "1.2.3", "1,2,3.4", "1.23,456,7", "12 - 15", "1.234,567", "1e5",
     1.999, -1, float("nan"), float("inf"), 10**400, True, "1" * 20],
)  # fmt: skip
def test_what_is_no_price_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match=r"price|decimals|NaN"):
        read_price(text)


@given(st.decimals(0, 10**9, places=2))
def test_every_price_is_read_back_in_every_spelling(price: Decimal) -> None:
    plain, english = f"{price:f}", f"{price:,f}"
    spanish = english.translate(str.maketrans(",.", ".,"))
    for spelling in (plain, english, spanish, f"{spanish} €", f"${english}", plain.replace(".", ",")):
        assert read_price(spelling)[0] == price


@given(st.text(max_size=30))
def test_no_text_breaks_the_reader_of_prices(text: str) -> None:
    try:
        price, _ = read_price(text)
    except ValueError:
        return
    assert 0 <= price <= 10**9


def test_a_currency_is_the_rows_own_or_the_prices_or_the_one_that_was_said() -> None:
    assert read(price="5 €", currency="usd", default="PEN").draft.currency == "USD"
    assert read(price="5 €", default="PEN").draft.currency == "EUR"
    assert read(default="PEN").draft.currency == "PEN"
    assert read().draft.currency == "EUR"


@pytest.mark.parametrize(
    ("said", "path", "words"),
    [
        ("Ropa > Camisetas & Tops", "ropa/camisetas-tops", ("Ropa", "Camisetas & Tops")),
        ("Hogar/Decoración", "hogar/decoracion", ("Hogar", "Decoración")),
        ("Pan y/o leche > Bio", "pan-y-o-leche/bio", ("Pan y/o leche", "Bio")),
        ("mens-shirts", "mens-shirts", ("mens-shirts",)),
        ("iPhone", "iphone", ("iPhone",)),
        (" / ", None, ()),
        ("", None, ()),
    ],
)
def test_a_category_is_a_path_of_the_shops_words(said: str, path: str | None, words: tuple[str, ...]) -> None:
    found = read(category=said)
    assert (found.draft.category, found.levels) == (path, words)


def test_pictures_are_named_in_one_cell_or_in_a_list() -> None:
    assert read(fotos="a.jpg; b.jpg|c d.png").pictures == ("a.jpg", "b.jpg", "c d.png")
    assert read(typed=True, fotos=["a,b.jpg", {"src": "c.jpg"}, {"alt": "x"}, None]).pictures == (
        "a,b.jpg",
        "c.jpg",
    )
    assert read(fotos="").pictures == ()


@pytest.mark.parametrize(
    ("cell", "value"),
    [("42", 42), ("4.5", 4.5), ("007", "007"), ("1.0", 1), ("true", True), ("Azul", "Azul"), ("1e3", "1e3"),
     ("nan", "nan"), ("inf", "inf")],
)  # fmt: skip
def test_an_attribute_of_a_csv_is_a_number_only_where_nothing_is_lost(cell: str, value: Any) -> None:
    found = read(color=cell).draft.attributes["color"]
    assert (type(found), found) == (type(value), value)


def test_nothing_is_no_attribute() -> None:
    for nothing in ("", "  ", None, float("nan"), []):
        assert read(color=nothing).draft.attributes == {}
    assert read(typed=True, color="42").draft.attributes == {"color": "42"}


def test_numbers_are_skus_and_stock_too() -> None:
    assert read(typed=True, sku=123.0, stock=7.0).draft.sku == "123"
    assert read(typed=True, sku=123, stock=7.0).draft.stock == 7
    assert read(stock="").draft.stock is None


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"sku": ""}, "no SKU"),
        ({"sku": "a b"}, "a SKU is"),
        ({"titulo": ""}, "a title in one language"),
        ({"titulo": "x" * 10_000}, "300"),
        ({"titulo": "a\x00"}, r"U\+0000"),
        ({"price": ""}, "no price"),
        ({"price": "caro"}, "'caro' is no price"),
        ({"stock": "many"}, "'many' is no number of pieces"),
        ({"stock": "-1"}, "no number of pieces"),
        ({"currency": "euro"}, "currency"),
        ({"category": "日本"}, "without letters"),
    ],
)
def test_a_row_that_is_no_product_says_why(said: dict[str, Any], why: str) -> None:
    with pytest.raises(Invalid, match=why):
        read(**said)
