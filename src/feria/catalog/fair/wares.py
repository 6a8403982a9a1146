"""What is told of things beyond what their pictures show; written in `texts/`."""

import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict

from feria.catalog.wire import Attribute, CategoryPath, Price, Words


class Text(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Material(Text):
    code: str
    name: Words
    """As it stands in mid-sentence."""
    care: Words
    """A sentence, true of whatever is made of it."""


class Wares(Text):
    """One kind of drawing as a stall sells it.

    Sentences may name {material} and {colours}, and English ones {A}, the article that the material takes.
    A Spanish one agrees with the noun of its kind, while material and colour stand for themselves ("de piel",
    "en rojo"), so that nothing has to agree with them.
    """

    category: CategoryPath
    hues: tuple[str, ...]
    """The main colour of each product, so also how many there are."""
    prices: tuple[float, float]
    brands: tuple[str, ...]
    materials: tuple[str, ...]
    says_material: bool = False
    """Whether the title does: `Jarra de barro`."""
    attributes: dict[str, Attribute] = {}
    openings: tuple[Words, ...]
    uses: tuple[Words, ...]
    cuts: dict[str, Words] = {}
    """What is worth saying of a cut, by its name."""


class Sort(Text):
    """One product of the greengrocer or the dairy, all of it written by hand."""

    kind: str
    category: CategoryPath
    form: str = ""
    """The name of the colour or of the cut that its drawing must have; empty where all will do."""
    title: Words
    description: Words
    price: Price
    brand: str
    unit: str
    """What the price buys: `1 kg`, `500 g`, `1 l`, `each`, `bunch`."""
    crate: bool = False
    """Shown as a crate full of them."""
    organic: bool = False


def materials() -> Mapping[str, Material]:
    return {name: Material.model_validate(one) for name, one in _read("materials").items()}


def wares() -> Mapping[str, Wares]:
    """By kind, stall after stall."""
    stalls = [_read(stall) for stall in ("garments", "shoes", "hats", "crockery")]
    return {kind: Wares.model_validate(one) for stall in stalls for kind, one in stall.items()}


def sorts() -> Iterator[Sort]:
    """Those of a kind one after the other."""
    for stall in ("greengrocer", "dairy"):
        yield from map(Sort.model_validate, _read(stall)["goods"])


def _read(name: str) -> dict[str, Any]:
    text = files("feria.catalog.fair").joinpath("texts", f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
