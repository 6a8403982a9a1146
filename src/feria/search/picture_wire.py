"""Searches by picture as they cross the network."""

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat

from feria.catalog.wire import CategoryPath, Price, Product, Text, Wire
from feria.registry.wire import ImageInput, Label

Ground = Literal["looks", "words", "category"]
"""What a product was found by."""

MOST = 100
"""Products in one answer."""


class Guess(Wire):
    """A class that the network may have seen."""

    label: Label
    probability: float | None = Field(default=None, description="0 to 1; left out where the caller saw it.")
    category: CategoryPath | None = Field(
        default=None, description="Where the catalogue keeps such things, if anybody has said."
    )


class Alike(Wire):
    product: Product
    similarity: float | None = Field(
        default=None,
        description="Cosine of the vectors of the two pictures, 1 for the same one; left out where the "
        "product was not found by its looks.",
    )


class Seen(Wire):
    """Which network looked."""

    model: str
    version: int
    digest: str


class PictureAnswer(Seen):
    predictions: tuple[Guess, ...] = Field(description="The likeliest classes, best first.")
    unsure: bool | None = Field(
        default=None,
        description="Whether the picture may well be of no class that the network knows; left out where it "
        "does not say.",
    )
    found_by: tuple[Ground, ...]
    products: tuple[Alike, ...]


class SimilarProducts(Wire):
    found_by: tuple[Ground, ...]
    products: tuple[Alike, ...]


class VectorQuery(Wire):
    """What a browser saw that ran the network by itself; the picture stays where it is."""

    model: str = Field(pattern=r"^[0-9a-f]{64}$", description="Digest of the network's file.")
    vector: Annotated[tuple[FiniteFloat, ...], Field(min_length=1, max_length=8192)] | None = None
    label: Label | None = Field(default=None, description="The likeliest class.")
    q: str = Field(default="", description="Words beside it; cut when long.")
    category: CategoryPath | None = Field(default=None, description="Only these and those below.")
    brand: tuple[Annotated[Text, Field(max_length=100)], ...] = Field(default=(), max_length=50)
    min_price: Price | None = None
    max_price: Price | None = None
    in_stock: bool = False
    limit: int = Field(default=24, ge=1, le=MOST)


class Progress(Wire):
    vectors: int = Field(description="Pictures of products that can be found by their looks.")
    waiting: int = Field(description="Products with pictures that the network has not seen yet.")
    failed: int = Field(description="Pictures that it could not see.")


class ComingNetwork(Seen):
    """A newer version, which takes over once it has seen all pictures."""

    progress: Progress


class PictureNetwork(Seen):
    """The network that pictures are searched for with, for pages that run it themselves."""

    url: str = Field(description="Its ONNX file; the bytes there never change.")
    size: int = Field(description="Bytes of that file.")
    input: ImageInput
    labels: tuple[Label, ...] | None
    unsure_below: float | None
    probabilities: str | None = Field(description="Output with a column a class.")
    embedding: str | None = Field(description="Output with the vector.")
    dimension: int | None = Field(description="Numbers of a vector; none where it makes none.")
    categories: dict[str, CategoryPath] = Field(description="From its labels to the catalogue's categories.")
    progress: Progress
    coming: ComingNetwork | None = None
