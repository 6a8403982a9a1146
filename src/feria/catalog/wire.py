"""Products and categories as they cross the network."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, model_validator

MAX_TITLE, MAX_CATEGORY_TITLE = 300, 200
MAX_DESCRIPTION = 16_000
"""Characters; MariaDB's TEXT ends at 65,535 bytes, and a character takes up to four."""
MAX_BATCH = 500
"""Products of one request."""
NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, and halves of characters, which no database takes."""

Language = Literal["es", "en"]
Sort = Literal["sku", "price", "-price", "newest", "title"]


def _path(path: str) -> str:
    if len(path) > 200 or not re.fullmatch(r"[a-z0-9-]+(/[a-z0-9-]+)*", path):
        raise ValueError("a category is lower-case words with '/' between its levels, as clothing/t-shirts")
    return path


def _sku(sku: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", sku):
        raise ValueError("a SKU is up to 64 letters, digits, '.', '_' or '-', a letter or digit first")
    return sku


def _text(text: str) -> str:
    if found := NO_TEXT.search(text):
        raise ValueError(f"a text cannot hold the control character U+{ord(found[0]):04X}")
    return text.strip()


def _number(number: float) -> int | float:
    """10.0 is 10, which files and databases do not all tell apart."""
    return int(number) if number.is_integer() and abs(number) <= 2**53 else number


CategoryPath = Annotated[str, AfterValidator(_path)]
Sku = Annotated[str, AfterValidator(_sku)]
Text = Annotated[str, AfterValidator(_text)]
"""Without blanks around it. Tabs and new lines are the only control characters."""
Price = Annotated[
    Decimal,
    Field(ge=0, le=Decimal("1e9"), decimal_places=2),
    PlainSerializer(float, return_type=float, when_used="json"),
]
"""Of the currency's whole unit, to its hundredth."""
Attribute = (
    bool
    | Annotated[int, Field(ge=-(2**53), le=2**53)]
    | Annotated[float, Field(allow_inf_nan=False), AfterValidator(_number)]
    | Annotated[Text, Field(max_length=1000)]
)
"""What a product's attribute may be."""


class Wire(BaseModel):
    model_config = ConfigDict(frozen=True)


class Words(Wire):
    """A text in the shop's two languages; one that is missing is taken from the other."""

    es: Text = ""
    en: Text = ""

    def said(self, language: Language) -> str:
        """In that language, or in the other where it has none."""
        return (self.en or self.es) if language == "en" else (self.es or self.en)


class CategoryDraft(Wire):
    """A category as it is written, at the address that its path is."""

    title: Words
    position: int = Field(default=0, ge=-(2**31), lt=2**31, description="Its place among its siblings.")

    @model_validator(mode="after")
    def _titled(self) -> Self:
        _check_title(self.title, MAX_CATEGORY_TITLE)
        return self


class Category(CategoryDraft):
    path: CategoryPath
    products: int | None = Field(default=None, description="How many it holds, with those below it.")


class CategoryList(Wire):
    categories: tuple[Category, ...]


class Picture(Wire):
    """Fetched at `/v1/pictures/{digest}`; the bytes of a digest never change."""

    digest: str
    thumbnail: str
    width: int
    height: int
    source: str = Field(default="", description="sha256 of the file it was made from.")


class ProductDraft(Wire):
    """A product as it is written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sku: Sku
    title: Words
    description: Words = Words()
    category: CategoryPath | None = None
    brand: Text = Field(default="", max_length=100)
    price: Price
    currency: str = Field(default="EUR", pattern="^[A-Z]{3}$")
    attributes: dict[Annotated[Text, Field(min_length=1, max_length=64)], Attribute] = Field(
        default_factory=dict, max_length=64
    )
    stock: int | None = Field(default=None, ge=0, lt=2**63)

    @model_validator(mode="after")
    def _worded(self) -> Self:
        _check_title(self.title, MAX_TITLE)
        if max(len(self.description.es), len(self.description.en)) > MAX_DESCRIPTION:
            raise ValueError(f"a description has at most {MAX_DESCRIPTION:,} characters")
        return self


class Product(ProductDraft):
    """A product as it is read."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    pictures: tuple[Picture, ...] = ()
    created_at: datetime
    updated_at: datetime


class Count(Wire):
    value: str
    products: int


class Facets(Wire):
    """How many products each choice would leave, beside the filters of the other kinds."""

    categories: tuple[Count, ...] = Field(description="With those below them, in the order of their paths.")
    brands: tuple[Count, ...] = Field(description="The most frequent first.")
    min_price: Price | None = None
    max_price: Price | None = None


class Page(Wire):
    products: tuple[Product, ...]
    total: int = Field(description="On all pages.")
    next: str | None = Field(default=None, description="`after` of the page that follows, if one does.")
    facets: Facets | None = Field(default=None, description="With the first page only.")


class ProductBatch(Wire):
    products: tuple[dict[str, Any], ...] = Field(
        max_length=MAX_BATCH,
        description="Each as `PUT /v1/products/{sku}` takes it.",
        examples=[[{"sku": "TAZA-1", "title": {"es": "Taza", "en": "Mug"}, "price": 9.99}]],
    )


class Written(Wire):
    """What came of one product that was sent."""

    sku: str
    outcome: Literal["new", "changed", "unchanged", "refused"]
    detail: str = Field(default="", description="Why it was refused.")
    sources: tuple[str, ...] = Field(
        default=(), description="sha256 of the files that its pictures were made from, in their order."
    )


class WrittenList(Wire):
    products: tuple[Written, ...]


def _check_title(title: Words, longest: int) -> None:
    if not (title.es or title.en):
        raise ValueError("a title in one language at least is needed")
    if max(len(title.es), len(title.en)) > longest:
        raise ValueError(f"a title has at most {longest} characters")
