"""What `feria up` puts on an empty shelf and into an empty catalogue, and how to ask for it."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from feria.access.wire import HOUSE
from feria.catalog.fair import Good
from feria.cli import screen
from feria.cli.demo_stores import train_together
from feria.cli.fair import all_products, begin, draw
from feria.cli.finding import reaching
from feria.cli.node_lock import Reach
from feria.client import AsyncClient
from feria.errors import FeriaError
from feria.node import PROCESS_MODULES
from feria.settings import Settings
from feria.tasks.processes import Processes, open_processes

NAME = "breast_cancer"
CARD = """\
Whether a breast tumour is malignant or benign, from 30 measurements of cell nuclei in a digitised
image of a fine needle aspirate. Trained by `feria up` as a first thing to try; not for diagnosis.

Data: Breast Cancer Wisconsin (Diagnostic), W. Wolberg, O. Mangasarian, N. Street, W. Street, 1995,
https://doi.org/10.24432/C5DW2B, as it comes with scikit-learn.
"""

EXAMPLE = [
    17.99, 10.38, 122.8, 1001.0, 0.1184, 0.2776, 0.3001, 0.1471, 0.2419, 0.07871,
    1.095, 0.9053, 8.589, 153.4, 0.006399, 0.04904, 0.05373, 0.01587, 0.03003, 0.006193,
    25.38, 17.33, 184.6, 2019.0, 0.1622, 0.6656, 0.7119, 0.2654, 0.4601, 0.1189,
]  # fmt: skip
"""The first of the records; to read them all takes longer than a start should."""


@dataclass(frozen=True)
class Records:
    columns: list[str]
    """Measurements, and last the diagnosis."""
    rows: list[list[Any]]


async def show_round(reach: Reach, settings: Settings) -> None:
    """Bring what is missing of a first model and of the demo fair, and say how to go on; the fair's pictures
    come last, for they take longest."""
    async with reaching(reach) as client:
        try:
            bare = await begin(client, settings.catalog.demo_products)
            if all(model.owner == HOUSE for model in await client.models()):
                await _train(client)
            if any(model.name == NAME for model in await client.models()):
                _how_to_ask(reach)
            if bare:
                async with open_processes(settings.workers, PROCESS_MODULES) as processes:
                    await _open_fair(client, bare, processes)
        except FeriaError as error:  # the node itself goes on
            screen.fail(error)


async def _open_fair(client: AsyncClient, bare: list[Good], processes: Processes) -> None:
    screen.say(
        f"\nThe demo fair is open: {len(bare)} products. Their pictures are being drawn, while you go on."
    )
    screen.say('Look for something there, in another terminal: feria search "zapatillas rojas"')
    await train_together(client, await all_products(client), processes)
    await draw(client, bare, processes, lambda *_: None)
    screen.say("\nThe demo fair's pictures are all drawn. Find things by one: feria search --image FILE")


async def _train(client: AsyncClient) -> None:
    records = await asyncio.to_thread(breast_cancer)
    with screen.progress() as report:
        model = await client.train(
            NAME,
            "logistic_regression",
            records.rows,
            "diagnosis",
            columns=records.columns,
            card=CARD,
            on_progress=report,
        )
    accuracy = model.metrics.get("accuracy")
    measured = f", right on {accuracy:.1%} of the rows it has not seen" if isinstance(accuracy, float) else ""
    screen.say(f"Trained {model.reference}, a {model.kind.replace('_', ' ')}{measured}.")


def _how_to_ask(reach: Reach) -> None:
    url, body = reach.url, json.dumps({"rows": [EXAMPLE]})
    token = ' -H "Authorization: Bearer $FERIA_TOKEN"' if reach.token else ""
    screen.say("\nAsk it, with the measurements of one tumour:")
    screen.say(f"  curl {url}/v1/models/{NAME}/predict -d '{body}'{token}")
    screen.say("\nTrain one of your own, in another terminal, and see what is on the shelf:")
    screen.say("  feria train random_forest --data yours.csv --target COLUMN")
    screen.say("  feria models list")
    screen.say(f"\nRead on: `feria --help`, the README, and the API at {url}/openapi.json")


def breast_cancer() -> Records:
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    columns = [str(name).replace(" ", "_") for name in data.feature_names]
    diagnoses = [str(data.target_names[number]) for number in data.target]
    rows = [[*row, said] for row, said in zip(data.data.tolist(), diagnoses, strict=True)]
    return Records([*columns, "diagnosis"], rows)
