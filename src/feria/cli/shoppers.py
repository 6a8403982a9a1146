"""Commands for what shoppers did."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feria.cli import screen
from feria.cli.finding import speak
from feria.cli.options import NodeCommand
from feria.errors import Invalid

if TYPE_CHECKING:
    from feria.cli.screen import Report
    from feria.client import AsyncClient
    from feria.recommendations.simulation import Simulation

app = typer.Typer()


@app.command(cls=NodeCommand)
def simulate(
    shoppers: Annotated[int, typer.Option(metavar="N", min=1, max=100_000, help="How many.")] = 200,
    days: Annotated[float, typer.Option(metavar="N", min=0.1, help="For so long, until now.")] = 30,
    store: Annotated[str, typer.Option(metavar="NAME", help="Whose taste they have.")] = "lima",
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of who they are and what they do.")] = 1,
) -> None:
    """Have shoppers that never were look at products and buy them.

    Every store has a taste of its own, every shopper another within it, and
    some products go together: recommendations have something to find before
    anybody came. Their ids begin with `simulated-`; the same again counts once.

    \b
    Examples:
        feria catalog simulate
        feria catalog simulate --store madrid --shoppers 500 --days 60
    """
    from feria.cli.fair import all_products
    from feria.recommendations.simulation import Simulation

    async def live(client: "AsyncClient") -> tuple["Simulation", int]:
        products = await all_products(client)
        if len(products) < 2:
            raise Invalid("There is nothing to choose from. `feria catalog demo` fills an empty catalogue.")
        simulation = Simulation(products, store, seed)
        with screen.progress() as report:
            return simulation, await _send(client, simulation, shoppers, days, report)

    simulation, kept = speak(live)
    screen.say(f"Kept {kept:,} events of {shoppers:,} shoppers.")
    screen.say(f"One of them is {simulation.shopper(0)}.")


@app.command(cls=NodeCommand)
def rows(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where to; its name ends in .csv or .parquet.")
    ],
) -> None:
    """Write what a ranker can learn from the node's events.

    A row stands for a product a shopper could have been shown when a visit
    began: what was known then, and whether it was `bought`. Nobody's id is in
    it. A model named shop_ranker that is trained on it orders recommendations
    from then on.

    \b
    Example:
        feria catalog rows rows.csv
        feria train gradient_boosting --data rows.csv --target bought --name shop_ranker
    """
    if file.suffix.lower() not in {".csv", ".parquet"}:
        raise Invalid(f"{file} says no format; its name ends in .csv or .parquet.")

    async def ask(client: "AsyncClient") -> Path:
        return await client.recommendation_rows(file)

    screen.say(f"{speak(ask)} is there. Train on it:")
    screen.say(f"  feria train gradient_boosting --data {file} --target bought --name shop_ranker")


async def _send(
    client: "AsyncClient", simulation: "Simulation", shoppers: int, days: float, report: "Report"
) -> int:
    from datetime import UTC, datetime
    from itertools import islice

    from feria.recommendations.wire import BATCH

    events = simulation.events(shoppers, days, datetime.now(UTC))
    kept = 0
    while batch := tuple(islice(events, BATCH)):
        kept += (await client.tell(*batch)).kept
        number = int(batch[-1].shopper.rpartition("-")[2])
        report(f"shopper {number + 1:,} of {shoppers:,}", number / shoppers)
    return kept
