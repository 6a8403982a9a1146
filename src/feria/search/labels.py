"""From what a network calls things to where the shop keeps them."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from feria.catalog.wire import CategoryPath
from feria.errors import Invalid
from feria.registry.wire import Label

FRUIT, VEGETABLES, DAIRY = "groceries/fruit", "groceries/vegetables", "groceries/dairy-and-juice"

OURS: Mapping[str, str] = {
    "t-shirt": "clothing/t-shirts",
    "longsleeve": "clothing/jumpers",
    "shirt": "clothing/shirts",
    "dress": "clothing/dresses",
    "skirt": "clothing/skirts",
    "pants": "clothing/trousers",
    "shorts": "clothing/shorts",
    "outwear": "clothing/outerwear",
    "shoes": "footwear",
    "hat": "hats",
    **dict.fromkeys(
        (
            *("apple", "avocado", "banana", "kiwi", "lemon", "lime", "mango", "melon", "nectarine", "orange"),
            *("papaya", "passion-fruit", "peach", "pear", "pineapple", "plum", "pomegranate"),
            *("red-grapefruit", "satsumas"),
        ),
        FRUIT,
    ),
    **dict.fromkeys(
        (
            *("asparagus", "aubergine", "cabbage", "carrots", "cucumber", "garlic", "ginger", "leek"),
            *("mushroom", "onion", "pepper", "potato", "red-beet", "tomato", "zucchini"),
        ),
        VEGETABLES,
    ),
    **dict.fromkeys(
        (
            *("juice", "milk", "oat-milk", "oatghurt", "sour-cream", "sour-milk", "soy-milk", "soyghurt"),
            "yoghurt",
        ),
        DAIRY,
    ),
}
"""Of the network that comes with feria, to the categories of the demo fair."""

_MAP: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, CategoryPath])


class Labels:
    def __init__(self, categories: Mapping[str, str]) -> None:
        self._categories = categories

    def category(self, label: Label) -> str | None:
        """Where such things are; None where nobody has said."""
        return self._categories.get(str(label))


def read_labels(path: Path | None) -> Labels:
    """The map in that JSON file, or ours. Raises `Invalid` for a file that holds none."""
    if path is None:
        return Labels(OURS)
    try:
        return Labels(_MAP.validate_json(path.read_bytes()))
    except OSError as error:
        raise Invalid(
            f"FERIA_SEARCH__LABELS names {path}, and it cannot be read: {error.strerror}."
        ) from None
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(str(step) for step in fault["loc"])
        raise Invalid(
            f"{path} maps no labels to categories; it shall be JSON such as "
            f'{{"boot": "footwear/boots"}}. {place}: {fault["msg"]}.'
        ) from None
