"""What may narrow a search, by words or by picture alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from feria.catalog.wire import Product
from feria.errors import Invalid


@dataclass(frozen=True, slots=True)
class Filters:
    """All that are given hold at once; of several brands, any. Raises `Invalid` for a range that ends
    before it begins."""

    category: str | None = None
    """With all below it."""
    brands: tuple[str, ...] = ()
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    in_stock: bool = False
    """Only what is there; what nobody counts is."""

    def __post_init__(self) -> None:
        if self.min_price is not None and self.max_price is not None and self.min_price > self.max_price:
            raise Invalid(f"No price is from {self.min_price} to {self.max_price}: min_price is the greater.")

    def __bool__(self) -> bool:
        return self != Filters()

    def take(self, product: Product) -> bool:
        """Whether the product passes; an index must answer as this does."""
        path = product.category or ""
        return (
            (self.category is None or path == self.category or path.startswith(f"{self.category}/"))
            and (not self.brands or product.brand in self.brands)
            and (self.min_price is None or product.price >= self.min_price)
            and (self.max_price is None or product.price <= self.max_price)
            and (not self.in_stock or product.stock is None or product.stock > 0)
        )


def counted(facet: Mapping[str, int], limit: int = 100) -> dict[str, int]:
    """The commonest of a facet's values, then by name."""
    return dict(sorted(facet.items(), key=lambda value: (-value[1], value[0]))[:limit])
