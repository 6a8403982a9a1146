"""The demo fair: products with texts in two languages, for pictures that our own code draws."""

from feria.catalog.fair.goods import Good, fair
from feria.catalog.fair.stalls import categories

__all__ = ["Good", "categories", "fair"]
