"""Shoppers' events in, recommendations out. Shoppers need no account."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from feria.access.limits import neighbourhood, refuse_after
from feria.access.needs import needs
from feria.access.wire import Permission
from feria.catalog.wire import Language, Sku
from feria.recommendations.recommender import Recommender
from feria.recommendations.training import MEDIA_TYPES, Format
from feria.recommendations.wire import SHOPPER, EventBatch, Kept, Recommendations, Recommended
from feria.web.parts import Part

router = APIRouter(tags=["recommendations"])

Shopper = Annotated[
    str | None, Query(pattern=SHOPPER, description="The id that the shopper's events were sent with.")
]


@router.post("/v1/events")
async def tell(batch: EventBatch, request: Request, recommender: Part[Recommender]) -> Kept:
    """Keep what shoppers did, all of it or nothing; durable when this answers.

    Every event says that the shopper agreed: one without `consent: true` is refused, and the rest with it.
    """
    if request.scope["state"].get("caller") is None:
        address = neighbourhood(request.client.host if request.client else "")
        refuse_after(recommender.rate.take(address, len(batch.events)), "This address sends too many events.")
    return await recommender.tell(batch.events)


@router.get("/v1/recommendations")
async def recommend(
    recommender: Part[Recommender],
    shopper: Shopper = None,
    sku: Annotated[Sku | None, Query(description="Ask what is often bought with this product.")] = None,
    lang: Annotated[Language, Query(description="Of the titles.")] = "es",
    limit: Annotated[int, Query(ge=1, le=100)] = 10,
) -> Recommendations:
    """What this shopper may like; with `sku`, what is often bought together with that product."""
    picks = (
        await recommender.for_shopper(shopper, limit)
        if sku is None
        else await recommender.together_with(sku, shopper, limit)
    )
    return Recommendations(
        basis=picks.basis,
        model=picks.model,
        products=tuple(
            Recommended(title=product.title.said(lang), score=score, product=product)
            for product, score in picks.products
        ),
    )


@router.get(
    "/v1/recommendations/rows",
    dependencies=[needs(Permission.train)],
    response_class=Response,
    responses={200: {"content": {kind: {} for kind in MEDIA_TYPES.values()}}},
)
async def training_rows(recommender: Part[Recommender], format: Format = "csv") -> Response:
    """What a ranker can learn from this node's events: features and `bought`, and nobody's id."""
    return Response(await recommender.training_rows(format), media_type=MEDIA_TYPES[format])
