"""A row of a shop's file as a product: prices, stock and categories as people write them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic import ValidationError

from feria.catalog.layout import Layout, plain
from feria.catalog.wire import ProductDraft
from feria.errors import Invalid


@dataclass(frozen=True, slots=True)
class Read:
    draft: ProductDraft
    pictures: tuple[str, ...]
    """As the row names them: files or addresses."""
    levels: tuple[str, ...]
    """Of its category, in the shop's own words."""


def read_row(layout: Layout, values: Mapping[str, Any], *, typed: bool, currency: str | None = None) -> Read:
    """Raises `Invalid`, naming the column, for what is no product."""

    def text(name: str) -> str:
        return _text(values.get(layout.fields[name][0])) if name in layout.fields else ""

    if not text("sku"):
        raise Invalid("it has no SKU", column=layout.fields["sku"][0])
    levels = _levels(text("category"))
    try:
        price, priced_in = read_price(values.get(layout.fields["price"][0]))
        stock = _stock(text("stock"))
        path = _path(levels)
    except ValueError as error:
        raise Invalid(str(error)) from None
    said = {
        "sku": text("sku"),
        "title": {"es": text("title.es"), "en": text("title.en")},
        "description": {"es": text("description.es"), "en": text("description.en")},
        "category": path,
        "brand": text("brand"),
        "price": price,
        "currency": text("currency").upper() or priced_in or currency or "EUR",
        "stock": stock,
        "attributes": {
            name: value
            for column, name in layout.attributes.items()
            if (value := _attribute(values.get(column), typed)) is not None
        },
    }
    try:
        draft = ProductDraft.model_validate(said)
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc'][:2]))}: {fault['msg']}".lstrip(": ")
            for fault in error.errors()[:3]
        ]
        raise Invalid("; ".join(dict.fromkeys(faults)).replace("Value error, ", "")) from None
    columns = layout.fields.get("pictures", ())
    pictures = dict.fromkeys(one for column in columns for one in _references(values.get(column)))
    return Read(draft, tuple(pictures), levels)


SYMBOLS = {"€": "EUR", "£": "GBP", "S/": "PEN", "S/.": "PEN", "US$": "USD", "R$": "BRL"}
"""Those that mean one currency; `$` means a dozen."""


_PRICE = re.compile(r"(S/\.|[^\d.,-]*)\s*(\d[\d.,' \u00a0\u202f]*)([^\d.,-]*)")
_GROUPED = re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+|[1-9]\d{0,2}(?:,\d{3})+")
_DECIMAL = re.compile(r"(\d+|\d{1,3}(?:\.\d{3})+(?=,)|\d{1,3}(?:,\d{3})+(?=\.))[.,](\d*)")


def read_price(value: Any) -> tuple[Decimal, str | None]:
    """A price as people write it, `1.234,50 €` or `$1,234.5`, and its currency where it says.

    A price has two decimals at most, so that three digits after the only mark are thousands: `1.234` is
    1234. Raises `ValueError`.
    """
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _whole_cents(Decimal(str(value))), None
    text = _text(value)
    if not text:
        raise ValueError("it has no price")
    matched = _PRICE.fullmatch(text)
    if matched is None:
        raise ValueError(f"{text[:40]!r} is no price")
    sign = (matched[1] or matched[3]).strip()
    currency = SYMBOLS.get(sign) or (sign.upper() if re.fullmatch(r"[A-Za-z]{3}", sign) else None)
    digits = re.sub(r"['\s]", "", matched[2])
    if _GROUPED.fullmatch(digits):
        digits = re.sub(r"[.,]", "", digits)
    elif parts := _DECIMAL.fullmatch(digits):
        digits = f"{re.sub(r'[.,]', '', parts[1])}.{parts[2]}"
    try:
        return _whole_cents(Decimal(digits)), currency
    except InvalidOperation:
        raise ValueError(f"{text[:40]!r} is no price") from None


def _whole_cents(price: Decimal) -> Decimal:
    if not price.is_finite() or price < 0:
        raise ValueError(f"{price} is no price")
    if price > 10**9:
        raise ValueError(f"the price {price} is beyond 1,000,000,000")
    cents = price.quantize(Decimal("0.01"))
    if abs(cents - price) > Decimal("1e-9"):  # more than a float's own error
        raise ValueError(f"the price {price} has more than two decimals")
    return cents


def _stock(text: str) -> int | None:
    if not text:
        return None
    matched = re.fullmatch(r"(\d{1,15})(?:[.,]0+)?", text)
    if matched is None:
        raise ValueError(f"{text[:40]!r} is no number of pieces")
    return int(matched[1])


def _levels(text: str) -> tuple[str, ...]:
    marks = r"\s*[>»|]\s*" if re.search(r"[>»|]", text) else r"\s*/\s*"
    return tuple(level for level in re.split(marks, text) if level)


def _path(levels: Sequence[str]) -> str | None:
    steps = [plain(level).replace("_", "-") for level in levels]
    if not all(steps):
        raise ValueError(f"the category {'/'.join(levels)[:60]!r} has a level without letters or digits")
    return "/".join(steps) or None


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return "" if value != value else f"{value:.15g}"
        case list():
            texts = [_text(one) for one in value if not isinstance(one, dict | list)]
            return ", ".join(text for text in texts if text)
        case _:
            return str(value).strip()


def _attribute(value: Any, typed: bool) -> str | int | float | bool | None:
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, bool | int | float):
        return value
    text = _text(value)[:1000]
    if typed or not text:
        return text or None
    if text in {"true", "false"}:
        return text == "true"
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        if str(number) == text and abs(number) <= 2**53:
            return number
    return text


def _references(value: Any) -> list[str]:
    if isinstance(value, list):
        named = [one.get("src") or one.get("url") if isinstance(one, dict) else one for one in value]
        return [text for one in named if (text := _text(one))]
    return [one for one in re.split(r"\s*[|;,\n]\s*", _text(value)) if one]
