"""Searching by picture over HTTP. Like all that shoppers do it is open to everybody."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import FileResponse
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from feria.access.needs import permit
from feria.access.wire import Permission
from feria.catalog.wire import Sku
from feria.errors import Invalid, NotAnImage, TooLarge
from feria.inference.pictures import pictures_in_json
from feria.registry.shelf import Registry
from feria.search import picture_tasks
from feria.search.filters import Filters
from feria.search.picture_wire import MOST, PictureAnswer, PictureNetwork, SimilarProducts, VectorQuery
from feria.search.pictures import PictureSearch, Wish
from feria.search.routes import Typed, filters_asked
from feria.settings import Settings
from feria.tasks.queue import TaskQueue
from feria.tasks.routes import ACCEPTED, IdempotencyKey, Prefer, Priority, accepted, wants_task
from feria.web.parts import Part
from feria.web.streams import unless_gone

router = APIRouter(tags=["search"])

_BINARY = {"type": "string", "format": "binary"}
_REQUEST = {
    "required": True,
    "content": {
        "image/*": {"schema": _BINARY},
        "multipart/form-data": {
            "schema": {"type": "object", "required": ["image"], "properties": {"image": _BINARY}}
        },
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["image"],
                "properties": {"image": {"type": "string", "description": "Base64, or a `data:` URL."}},
            }
        },
    },
}


Limit = Annotated[int, Query(ge=1, le=MOST)]


@router.post(
    "/v1/search/image",
    response_model=PictureAnswer,
    openapi_extra={"requestBody": _REQUEST},
    responses=ACCEPTED,
)
async def search_image(
    request: Request,
    search: Part[PictureSearch],
    queue: Part[TaskQueue],
    settings: Part[Settings],
    filters: Annotated[Filters, Depends(filters_asked)],
    q: Typed = "",
    limit: Limit = 24,
    prefer: Prefer = None,
    idempotency_key: IdempotencyKey = None,
    priority: Priority = 0,
) -> Any:
    """Products that look like a picture, and what the network takes it for. With words as well, both
    rankings become one. The picture is not kept; as a task, not longer than the task."""
    wish = Wish(q, filters, limit)
    if not wants_task(prefer):
        picture = await _picture(request, settings.web.max_body_mib * 2**20)
        return await unless_gone(request, search.by_picture(picture, wish))
    caller = permit(request.scope, Permission.predict)
    await search.model()  # without one, the task would wait for it for ever
    order = picture_tasks.order(
        await _picture(request, settings.web.max_body_mib * 2**20),
        wish,
        owner=caller.subject,
        priority=priority,
        idempotency_key=idempotency_key,
    )
    return await accepted(queue, order)


@router.post("/v1/search/vector")
async def search_vector(query: VectorQuery, search: Part[PictureSearch]) -> PictureAnswer:
    """The same for a page that ran the network itself and keeps the picture: by the vector it saw, or else
    by the label. A digest other than that of the network in use is a conflict."""
    filters = Filters(query.category, query.brand, query.min_price, query.max_price, query.in_stock)
    wish = Wish(query.q, filters, query.limit)
    return await search.by_sight(query.model, query.vector, query.label, wish)


@router.get("/v1/search/model")
async def search_model(search: Part[PictureSearch]) -> PictureNetwork:
    """The network that pictures are searched for with: where its file is, what it takes and answers, and how
    many of the catalogue's pictures it has seen."""
    return await search.network()


@router.get(
    "/v1/search/model/{digest}",
    response_class=FileResponse,
    responses={
        200: {"content": {"application/octet-stream": {}}},
        206: {"description": "A range."},
    },
)
async def search_model_file(
    digest: Annotated[str, Path(pattern="^[0-9a-f]{64}$")],
    search: Part[PictureSearch],
    registry: Part[Registry],
) -> FileResponse:
    """That network's ONNX file, open to everybody while it is in use; the bytes of a digest never change."""
    return FileResponse(
        await registry.file(await search.model_of(digest)),
        media_type="application/octet-stream",
        headers={"ETag": f'"{digest}"', "Cache-Control": "public, max-age=31536000, immutable"},
    )


@router.get("/v1/products/{sku}/similar")
async def similar_products(
    sku: Sku,
    search: Part[PictureSearch],
    filters: Annotated[Filters, Depends(filters_asked)],
    limit: Limit = 12,
) -> SimilarProducts:
    """Products that look like this one; where its pictures have not been seen yet, others of its category."""
    return await search.similar(sku, Wish("", filters, limit))


async def _picture(request: Request, most: int) -> bytes:
    """What was sent: as a form's `image`, in JSON, or as the body. Raises `Invalid`, `NotAnImage`,
    `TooLarge`."""
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/form-data"):
        picture = await _uploaded(request, most)
    else:
        picture = await request.body()
        if kind.startswith("application/json"):
            found = pictures_in_json(picture)
            if len(found) != 1:
                raise Invalid(f"One picture is searched for at a time; these are {len(found)}.")
            picture = found[0]
    if not picture:
        raise NotAnImage("The picture is empty.")
    if len(picture) > most:
        raise TooLarge(f"A picture has at most {most / 2**20:g} MiB on this node.", limit=most)
    return picture


async def _uploaded(request: Request, most: int) -> bytes:
    try:
        async with request.form(max_files=1, max_fields=10) as form:
            image = form.get("image")
            if not isinstance(image, UploadFile):
                raise Invalid("The form has no file `image`.")
            return await image.read(most + 1)
    except HTTPException as error:
        raise Invalid(f"The form cannot be read: {error.detail}") from None
    except UnicodeError:
        raise Invalid("The form cannot be read: it is not in the charset it names.") from None
