"""Telling a node what shoppers did, and asking what they may like."""

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from feria.catalog.wire import Language
from feria.client.answers import Parsed, SavedFile
from feria.client.calls.call import MINUTE, Call, given
from feria.recommendations.wire import Event, Kept, Recommendations


def tell(*events: Event | Mapping[str, Any]) -> Call[Kept]:
    """Have the node keep what shoppers did, up to 500 events, all or none.

        client.tell({"shopper": id, "kind": "cart", "sku": "MUG-1", "consent": True})

    `kind` is view, cart or purchase; `at` and `store` may be added. One without an `id` is given one, so
    that sending it again counts once. Raises `Invalid` for one to which the shopper did not consent.
    """
    said = [one.model_dump(mode="json") if isinstance(one, Event) else dict(one) for one in events]
    return Call(
        method="POST",
        path="/v1/events",
        reader=lambda: Parsed(Kept.model_validate_json),
        body={"events": [{"id": uuid.uuid4().hex} | one for one in said]},
    )


def recommendations(
    shopper: str | None = None,
    *,
    sku: str | None = None,
    lang: Language | None = None,
    limit: int | None = None,
) -> Call[Recommendations]:
    """What a shopper may like, or what is popular where nothing is known of them.

    With `sku`, what is often bought together with that product. Raises `NotFound` for one that is not there.
    """
    return Call(
        method="GET",
        path="/v1/recommendations",
        reader=lambda: Parsed(Recommendations.model_validate_json),
        query=given(shopper=shopper, sku=sku, lang=lang, limit=limit),
    )


def recommendation_rows(to: str | Path) -> Call[Path]:
    """Save what a ranker can learn from the node's events, as CSV, or as Parquet where `to` ends in that."""
    target = Path(to)
    return Call(
        method="GET",
        path="/v1/recommendations/rows",
        reader=lambda: SavedFile(target, None),
        query={"format": "parquet" if target.suffix.lower() == ".parquet" else "csv"},
        seconds=10 * MINUTE,
    )
