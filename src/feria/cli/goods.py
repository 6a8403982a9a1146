"""How products are shown."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from feria.catalog.wire import Category, Language, Product
from feria.cli import screen

if TYPE_CHECKING:
    from rich.table import Table


def price(product: Product) -> str:
    return f"{product.price:,.2f} {product.currency}"


def show_products(products: Sequence[Product], language: Language = "es") -> None:
    shown = screen.table("sku", "title", "price", "category", "brand", "stock", right=("price", "stock"))
    for one in products:
        shown.add_row(
            one.sku,
            one.title.said(language),
            price(one),
            one.category or "",
            one.brand,
            "" if one.stock is None else str(one.stock),
        )
    screen.show(shown)


def show_product(product: Product) -> None:
    shown = screen.table("", "")
    shown.show_header = False
    _row(shown, "sku", product.sku)
    for language in ("es", "en"):
        _row(shown, f"title {language}", getattr(product.title, language))
        _row(shown, f"description {language}", getattr(product.description, language))
    _row(shown, "category", product.category or "")
    _row(shown, "brand", product.brand)
    _row(shown, "price", price(product))
    _row(shown, "stock", "" if product.stock is None else str(product.stock))
    for name, value in product.attributes.items():
        _row(shown, name, str(value).lower() if isinstance(value, bool) else str(value))
    for one in product.pictures:
        _row(shown, "picture", f"{one.width}×{one.height}  /v1/pictures/{one.digest}")
    _row(shown, "changed", f"{product.updated_at.astimezone():%Y-%m-%d %H:%M}")
    screen.show(shown)


def show_categories(categories: Sequence[Category]) -> None:
    shown = screen.table("category", "es", "en", "products", right=("products",))
    for one in categories:
        shown.add_row(one.path, one.title.said("es"), one.title.said("en"), str(one.products))
    screen.show(shown)


def _row(shown: "Table", name: str, value: str) -> None:
    if value:
        shown.add_row(name, value)
