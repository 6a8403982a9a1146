"""The demo fair's stores, and the model that they train together."""

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from feria.catalog.wire import Product
from feria.cli import screen
from feria.client import AsyncClient
from feria.federation.jobs_wire import JobState
from feria.tasks.processes import Processes

STORES = {"Tienda Lima": "lima", "Tienda Cusco": "cusco", "Tienda Madrid": "madrid"}
SHOPPERS, DAYS = 120, 21.0
ROUNDS = 10
MODEL, TARGET = "shop_ranker", "bought"
CARD = """\
Whether a shopper takes a product when a visit begins. Trained by `feria up` on simulated shoppers of
three demo stores, each of which kept its rows; it orders the node's recommendations. Deprecate it when
real shoppers come.
"""


async def train_together(client: AsyncClient, products: Sequence[Product], processes: Processes) -> None:
    """Where there are no clients and no ranker yet. Says how to watch it, and what came of it."""
    ranked = any(model.name == MODEL for model in await client.models())
    if ranked or len(products) < 2 or await client.clients():
        return
    until = datetime.now(UTC).isoformat()
    sold = [product.model_dump(mode="json") for product in products]
    with tempfile.TemporaryDirectory() as folder:
        for name, store in STORES.items():
            file = Path(folder, f"{store}.parquet")
            await processes.run(_rows, sold, store, SHOPPERS, DAYS, until, str(file))
            await client.register_client(name, file, dataset="simulated visits")
    job = await client.start_job(MODEL, "logistic_regression", TARGET, rounds=ROUNDS, card=CARD)
    screen.say(f"\n{len(STORES)} demo stores train {MODEL} together, and keep their rows:")
    screen.say(f"  feria jobs watch {job.number}")
    if await client.follow_job(job) == JobState.completed:
        screen.say(f"{MODEL} orders recommendations from now on: feria jobs show {job.number}")


def _rows(*args: object) -> object:
    # A worker process imports this when it is asked; the command itself never needs it.
    from feria.recommendations.stores import write_rows

    return write_rows(*args)  # type: ignore[arg-type]
