"""A node with goods in its shop and clients that can train together."""

import csv
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cli.running import Feria, RunningNode

AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
PRODUCTS = 40
STORES = ("Tienda Lima", "Librería Oaxaca", "Farmacia Bogotá")
ROWS = 120


@dataclass(frozen=True)
class Site:
    url: str
    feria: Feria
    node: RunningNode


@contextmanager
def opened_fair(feria: Feria, products: int = PRODUCTS, **settings: str) -> Iterator[Site]:
    """Its settings by the names of environment variables."""
    with feria.node(FERIA_REGISTRY__SHIPPED="true", **settings) as node:
        feria("catalog", "demo", "--products", str(products))
        for number, name in enumerate(STORES):
            rows = feria.folder / f"visits-{number}.csv"
            write_visits(rows, seed=number)
            feria("clients", "add", name, "--data", rows)
        yield Site(node.url, feria, node)


def write_visits(file: Path, seed: int, rows: int = ROWS) -> None:
    """Visits to a shop: who stays long and looks at much, buys."""
    chance = random.Random(seed)
    with file.open("w", newline="", encoding="utf-8") as opened:
        table = csv.writer(opened)
        table.writerow(["minutes", "pages", "returning", "bought"])
        for _ in range(rows):
            minutes, pages = chance.uniform(0, 30), chance.randint(1, 20)
            returning = chance.random() < 0.4
            bought = minutes / 30 + pages / 20 + 0.3 * returning + chance.gauss(0, 0.2) > 1.1
            table.writerow([f"{minutes:.1f}", pages, "yes" if returning else "no", "yes" if bought else "no"])
