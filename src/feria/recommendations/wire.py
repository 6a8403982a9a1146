"""Shoppers' events as they come in, and recommendations as they go out."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from feria.catalog.wire import Product, Sku, Text

BATCH = 500
"""Events of one request."""

SHOPPER = r"^[A-Za-z0-9][A-Za-z0-9._-]{15,63}$"
"""Long, so that nobody guesses one, and without `@`, so that nobody's address becomes one."""


class Kind(StrEnum):
    """What a shopper did with a product."""

    view = "view"
    cart = "cart"
    purchase = "purchase"


class Wire(BaseModel):
    model_config = ConfigDict(frozen=True)


class Event(Wire):
    """One deed of one shopper. There is no room for more than this: a field it does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(
        pattern=r"^[!-~]{1,64}$",
        description="Made by the sender; the same event sent again counts once.",
    )
    shopper: str = Field(
        pattern=SHOPPER,
        description="A random text that the page made and keeps, as `crypto.randomUUID()` does. The node "
        "keeps a keyed hash of it only.",
    )
    kind: Kind
    sku: Sku
    store: Text | None = Field(default=None, min_length=1, max_length=64, description="Where, if it matters.")
    at: AwareDatetime | None = Field(default=None, description="When; left out, now.")
    consent: bool = Field(
        default=False, description="That the shopper said yes to this; without it nothing is kept."
    )
    mood: bool = Field(
        default=False,
        description="That they said yes, too, to keeping with it what their face shows: the mood of a stream "
        "of expressions whose session is this shopper's id, if there is one now.",
    )


class EventBatch(Wire):
    model_config = ConfigDict(frozen=True, extra="forbid")

    events: tuple[Event, ...] = Field(min_length=1, max_length=BATCH)


class Kept(Wire):
    """What became of a batch; durable when this is answered."""

    kept: int
    repeated: int = Field(description="Were there already.")
    unknown: tuple[Sku, ...] = Field(
        default=(), description="SKUs that the catalogue does not hold; their events were left out."
    )


Basis = Literal["ranker", "rule", "popular", "together"]


class Recommended(Wire):
    title: str = Field(description="In the language that was asked for.")
    score: float = Field(description="Comparable within this answer only.")
    product: Product


class Recommendations(Wire):
    """Best first. May be shorter than was asked for, or empty: nothing is made up."""

    basis: Basis = Field(
        description="`ranker`: ordered by the model; `rule`: by the shopper's own events, no model being "
        "there; `popular`: nothing is known of this shopper; `together`: what is bought with that product."
    )
    model: str | None = Field(default=None, description="Which model ordered them, `name@version`.")
    products: tuple[Recommended, ...]


class ShopperEvent(Wire):
    """An event as it is kept, for who asks what is known of a shopper."""

    kind: Kind
    sku: str | None = Field(description="Nothing once the product is gone.")
    store: str | None
    at: datetime
    mood: dict[str, float] | None = Field(
        default=None, description="A share for each expression; of events that were to be kept with it."
    )
