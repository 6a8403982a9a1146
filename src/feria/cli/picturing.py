"""Pictures, and what a model sees in them."""

import json as encoding
from collections.abc import Iterator
from pathlib import Path

from feria.cli import screen
from feria.cli.finding import speak
from feria.cli.options import Reference
from feria.client import AsyncClient
from feria.errors import Invalid
from feria.inference.wire import PicturePrediction

TOGETHER_BYTES = 8 * 2**20
TOGETHER = 16
"""Pictures that go in one request."""


def classify_pictures(model: Reference, pictures: list[Path], top: int, json: bool) -> None:
    for picture in pictures:
        if not picture.is_file():
            raise Invalid(f"There is no file {picture}.")

    async def classify(client: AsyncClient) -> list[PicturePrediction]:
        found = await client.model(*model)
        if found.input.type != "image":
            raise Invalid(f"{found.reference} takes no pictures; are they rows, with --data?")
        seen: list[PicturePrediction] = []
        with screen.progress() as report:
            for some in _together(pictures):
                answer = await client.classify(found.name, *some, version=found.version)
                seen += answer.predictions
                report(f"looking, {len(seen)} pictures", len(seen) / len(pictures))
        return seen

    seen = speak(classify)
    if json:
        said = [
            {"picture": str(picture)} | one.model_dump(exclude_none=True)
            for picture, one in zip(pictures, seen, strict=True)
        ]
        screen.say(encoding.dumps(said, indent=2))
        return
    shown = screen.table("picture", "class", "probability", right=("probability",))
    for picture, one in zip(pictures, seen, strict=True):
        for place, ranked in enumerate(one.top[:top]):
            label = f"{ranked.label} (unsure)" if one.unsure and not place else str(ranked.label)
            shown.add_row("" if place else str(picture), label, f"{ranked.probability:.1%}")
    screen.show(shown)


def _together(pictures: list[Path]) -> Iterator[list[Path]]:
    """As many pictures at once as a node takes in one body, and no more."""
    some: list[Path] = []
    size = 0
    for picture in pictures:
        size += picture.stat().st_size
        if some and (len(some) == TOGETHER or size > TOGETHER_BYTES):
            yield some
            some, size = [], picture.stat().st_size
        some.append(picture)
    yield some
