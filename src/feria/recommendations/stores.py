"""What stores that never were bring to a ranker that is trained together: rows of their own shoppers."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from feria.catalog.wire import Product
from feria.recommendations.assortment import Assortment
from feria.recommendations.events import KINDS, LOGGED, Log
from feria.recommendations.simulation import Simulation
from feria.recommendations.training import Past, as_file, examples
from feria.tasks.processes import Report


def write_rows(
    products: list[dict[str, Any]],
    store: str,
    shoppers: int,
    days: float,
    until: str,
    out: str,
    report: Report,
) -> int:
    """Simulate a store's shoppers, and write what a ranker can learn from them to `out`, Parquet; how many
    rows that is. All arguments are JSON: `products` as the catalogue tells them, `until` in ISO 8601."""
    goods = [Product.model_validate(product) for product in products]
    rows = list(examples(*_past(goods, store, shoppers, days, datetime.fromisoformat(until))))
    Path(out).write_bytes(as_file(rows, "parquet"))
    return sum(len(bought) for _, bought in rows)


def _past(
    products: Sequence[Product], store: str, shoppers: int, days: float, until: datetime
) -> tuple[Past, Assortment]:
    assortment = Assortment()
    numbers = {product.sku: number for number, product in enumerate(products, 1)}
    for product in products:
        assortment.put(numbers[product.sku], product)
    known: dict[str, int] = {}
    told = [
        (
            event.at.timestamp() if event.at is not None else 0.0,
            known.setdefault(event.shopper, len(known)),
            KINDS.index(event.kind),
            numbers[event.sku],
        )
        for event in Simulation(products, store).events(shoppers, days, until)
    ]
    rows = np.array([(*event, number) for number, event in enumerate(sorted(told), 1)], LOGGED)
    return Past(Log(rows, list(known)), assortment), assortment
