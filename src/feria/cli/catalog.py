"""Commands for what the shop sells."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from feria.cli import screen
from feria.cli.finding import speak
from feria.cli.options import Json, MaxPrice, MinPrice, NodeCommand, OfBrands, OfCategory

if TYPE_CHECKING:
    from feria.catalog.wire import Category, Page, Product
    from feria.client import AsyncClient

app = typer.Typer(no_args_is_help=True, help="What the shop sells: bring it in, look, take it out.")

Sku = Annotated[str, typer.Argument(metavar="SKU", help="The product's SKU.")]


@app.command("import", cls=NodeCommand)
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Products, as CSV, JSON or Parquet.")],
    images: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder in which the pictures are that the file names.")
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="COLUMN=FIELD",
            help="What a column is: sku, title.es, title.en, description.es, description.en, category, "
            "brand, price, currency, stock, pictures or attributes.NAME; nothing leaves it out. May be "
            "repeated.",
        ),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(
            metavar="es|en",
            help="The language of titles and descriptions whose column does not say.",
            show_default="the column's own",
        ),
    ] = None,
    currency: Annotated[
        str | None,
        typer.Option(metavar="CODE", help="The currency of rows that name none.", show_default="EUR"),
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(metavar="NAME", help="The text's encoding.", show_default="found out")
    ] = None,
    separator: Annotated[
        str | None,
        typer.Option(metavar="CHAR", help="What stands between values of CSV.", show_default="found out"),
    ] = None,
    errors: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Write down every row that was refused, and why.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look for mistakes and change nothing.")] = False,
) -> None:
    """Bring products in, or up to date, by their SKU.

    A row that cannot be taken is reported and does not stop the others. The
    same file again changes nothing. Exits with 1 when there was something to
    report.

    \b
    Examples:
        feria catalog import products.csv --images pictures/
        feria catalog import tienda.csv --map "Ref. interna=sku" --map PVP=price
        feria catalog import products.json --dry-run --errors refused.csv
    """
    from feria.cli.importing import Wishes, import_file, report

    wishes = Wishes(
        images=images,
        said=tuple(map_ or ()),
        language=language,
        currency=currency,
        encoding=encoding,
        separator=separator,
        dry_run=dry_run,
    )
    done = import_file(file, wishes)
    report(done, errors)
    if done.problems:
        raise typer.Exit(1)


@app.command(cls=NodeCommand)
def export(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where to: its name ends in .csv, .json or .parquet.")
    ],
    images: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Save the pictures here, as SKU-1.webp.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write all products to a file, as `feria catalog import` takes them.

    The file appears whole or not at all. JSON keeps everything to the letter;
    in CSV a number and a text of digits look alike.

    \b
    Examples:
        feria catalog export products.csv
        feria catalog export backup.json --images pictures/
    """
    from feria.cli.exporting import export_file

    count = export_file(file, images, force=force)
    screen.say(f"{file} has {_products(count)}.")


@app.command(cls=NodeCommand)
def demo(
    products: Annotated[
        int, typer.Option(metavar="N", min=1, max=300, help="How many of its products.")
    ] = 300,
) -> None:
    """Bring in the demo fair: products with texts in two languages and pictures.

    From clothes to crockery, in twenty categories, all made up and drawn by
    feria's own code. Their SKUs begin with DEMO-. Given again, it completes
    what an interrupted run left, and puts right what was changed.

    \b
    Examples:
        feria catalog demo
        feria search "zapatillas rojas"
    """
    from feria.cli.fair import bring_here, summary

    screen.say(summary(bring_here(products)))


@app.command("list", cls=NodeCommand)
def list_(
    category: OfCategory = None,
    brand: OfBrands = None,
    min_price: MinPrice = None,
    max_price: MaxPrice = None,
    sort: Annotated[
        str, typer.Option(metavar="ORDER", help="sku, price, -price (dearest first), newest or title.")
    ] = "sku",
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=200, help="Most products.")] = 24,
    json: Json = False,
) -> None:
    """Products, and which brands and categories there are.

    \b
    Examples:
        feria catalog list --category clothing --sort price
        feria catalog list --brand "Sol" --max-price 20 --json
    """
    from feria.cli.goods import show_products

    order: Any = sort

    async def ask(client: "AsyncClient") -> "Page":
        return await client.products(
            category=category,
            brand=brand,
            min_price=min_price,
            max_price=max_price,
            sort=order,
            limit=limit,
        )

    page = speak(ask)
    if json:
        screen.say(page.model_dump_json(indent=2))
        return
    if not page.products:
        screen.note("No products. Bring some in with `feria catalog import`, or try `feria catalog demo`.")
        return
    show_products(page.products)
    if page.total > len(page.products):
        screen.note(f"{len(page.products)} of {_products(page.total)}.")


@app.command(cls=NodeCommand)
def show(sku: Sku, json: Json = False) -> None:
    """All that is known of one product.

    \b
    Example:
        feria catalog show TAZA-1
    """
    from feria.cli.goods import show_product

    async def ask(client: "AsyncClient") -> "Product":
        return await client.product(sku)

    product = speak(ask)
    if json:
        screen.say(product.model_dump_json(indent=2))
    else:
        show_product(product)


@app.command(cls=NodeCommand)
def categories(json: Json = False) -> None:
    """The tree of categories, with how many products each holds.

    \b
    Example:
        feria catalog categories
    """
    from feria.cli.goods import show_categories

    async def ask(client: "AsyncClient") -> "tuple[Category, ...]":
        return await client.categories()

    found = speak(ask)
    if json:
        from feria.catalog.wire import CategoryList

        screen.say(CategoryList(categories=found).model_dump_json(indent=2))
    else:
        show_categories(found)


@app.command(cls=NodeCommand)
def remove(
    sku: Annotated[list[str], typer.Argument(metavar="SKU…", help="Products to take out, by their SKU.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Take products out of the catalogue for good.

    \b
    Example:
        feria catalog remove TAZA-1 TAZA-2
    """
    if not yes:
        typer.confirm(f"Remove {', '.join(sku)} for good?", abort=True, err=True)

    async def take_out(client: "AsyncClient") -> None:
        for one in sku:
            await client.remove_product(one)

    speak(take_out)
    screen.say(f"Removed {', '.join(sku)}.")


@app.command(cls=NodeCommand)
def reindex() -> None:
    """Make the search index anew, beside the one in use.

    A node makes it by itself when it is missing, damaged or another's; this
    is for when you have put an older database in its place.

    \b
    Example:
        feria catalog reindex
    """

    async def make(client: "AsyncClient") -> int:
        task = await client.reindex()
        with screen.progress() as report:
            await client.follow(task, report)
        done: int = (await client.result(task))["products"]
        return done

    screen.say(f"The search index holds {_products(speak(make))}.")


def _products(count: int) -> str:
    return f"{count:,} product{'' if count == 1 else 's'}"
