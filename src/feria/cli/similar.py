"""Products by their looks: the command, and how what was found is shown."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from feria.cli import screen
from feria.cli.finding import speak
from feria.cli.options import Json, NodeCommand

if TYPE_CHECKING:
    from feria.catalog.wire import Language
    from feria.client import AsyncClient
    from feria.search.picture_wire import Alike, PictureAnswer, SimilarProducts

app = typer.Typer()


@app.command(cls=NodeCommand)
def similar(
    sku: Annotated[str, typer.Argument(metavar="SKU", help="The product's SKU.")],
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=100, help="Most products.")] = 10,
    in_stock: Annotated[bool, typer.Option("--in-stock", help="Only what is there.")] = False,
    json: Json = False,
) -> None:
    """Show the products that look like one.

    Where no network has seen its pictures yet, others of its category.

    \b
    Examples:
        feria catalog similar SKU-1
        feria catalog similar SKU-1 --limit 3 --in-stock --json
    """

    async def ask(client: "AsyncClient") -> "SimilarProducts":
        return await client.similar(sku, in_stock=in_stock, limit=limit)

    found = speak(ask)
    if json:
        screen.say(found.model_dump_json(indent=2))
        return
    if found.found_by == ("category",):
        screen.note(f"Nobody has seen {sku} yet; these are of its category.")
    _show(found.products, "es")


def search_picture(
    image: Path, words: str, language: "Language", json: bool, filters: dict[str, Any]
) -> None:
    """What `feria search --image` does."""

    async def ask(client: "AsyncClient") -> "PictureAnswer":
        return await client.search_image(image, q=words, **filters)

    answer = speak(ask)
    if json:
        screen.say(answer.model_dump_json(indent=2))
        return
    if answer.predictions:
        best = answer.predictions[0]
        sure = "Unsure what it shows; perhaps" if answer.unsure else "It shows"
        place = f", which is in {best.category}" if best.category else ""
        screen.note(f"{sure} {best.label} ({best.probability or 0:.0%}){place}.")
    _show(answer.products, language)


def _show(found: "Iterable[Alike]", language: "Language") -> None:
    from feria.cli.goods import price

    shown = screen.table("sku", "title", "price", "category", "similarity", right=("price", "similarity"))
    for one in found:
        product = one.product
        shown.add_row(
            product.sku,
            product.title.said(language),
            price(product),
            product.category or "",
            "" if one.similarity is None else f"{one.similarity:.2f}",
        )
    if shown.row_count:
        screen.show(shown)
    else:
        screen.note("Nothing was found. `feria catalog list` shows what there is.")
