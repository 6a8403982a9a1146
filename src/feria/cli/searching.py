"""The command that finds products."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from feria.cli import screen
from feria.cli.finding import speak
from feria.cli.options import Json, MaxPrice, MinPrice, NodeCommand, OfBrands, OfCategory
from feria.cli.similar import search_picture
from feria.errors import Invalid

if TYPE_CHECKING:
    from feria.client import AsyncClient
    from feria.search.wire import SearchPage

app = typer.Typer()


@app.command(cls=NodeCommand, rich_help_panel="Shop")
def search(
    text: Annotated[
        str, typer.Argument(metavar="[WORDS]", help="What to look for; without, the newest products.")
    ] = "",
    image: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A picture that the products shall look like; words may go with it."
        ),
    ] = None,
    category: OfCategory = None,
    brand: OfBrands = None,
    min_price: MinPrice = None,
    max_price: MaxPrice = None,
    in_stock: Annotated[bool, typer.Option("--in-stock", help="Only what is there.")] = False,
    lang: Annotated[
        str | None,
        typer.Option(metavar="es|en", help="Whose words count more, and whose are shown.", show_default="es"),
    ] = None,
    sort: Annotated[
        str, typer.Option(metavar="ORDER", help="relevance, price, -price (dearest first) or newest.")
    ] = "relevance",
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=100, help="Most products.")] = 10,
    json: Json = False,
) -> None:
    """Find products by words, by a picture, or by both.

    In Spanish or English, singular or plural, with accents or without. What a
    word may begin or be misspelt for comes after what has it as it stands.

    \b
    Examples:
        feria search "zapatillas rojas"
        feria search teapot --max-price 30 --lang en
        feria search --category clothing --sort newest --json
        feria search --image photo.jpg
        feria search --image photo.jpg "sin mangas" --in-stock
    """
    from feria.cli.found import show_found

    order: Any = sort
    language: Any = lang
    if image is not None:
        if sort != "relevance":
            raise Invalid("What a picture finds comes in the order of its likeness: leave --sort out.")
        filters = {
            "category": category,
            "brand": brand,
            "min_price": min_price,
            "max_price": max_price,
            "in_stock": in_stock,
            "limit": limit,
        }
        search_picture(image, text, language or "es", json, filters)
        return

    async def ask(client: "AsyncClient") -> "SearchPage":
        return await client.search(
            text,
            category=category,
            brand=brand,
            min_price=min_price,
            max_price=max_price,
            in_stock=in_stock,
            lang=language,
            sort=order,
            limit=limit,
        )

    page = speak(ask)
    if json:
        screen.say(page.model_dump_json(indent=2))
    else:
        show_found(page, language or "es")
