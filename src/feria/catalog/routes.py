"""The catalogue over HTTP. Reading it is open to everybody: shoppers have no account."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response, UploadFile
from fastapi.responses import FileResponse
from pydantic import Field, ValidationError

from feria.access.needs import needs
from feria.access.wire import Permission
from feria.catalog.catalog import Catalog
from feria.catalog.pictures import MEDIA_TYPE, Pictures
from feria.catalog.wire import (
    Category,
    CategoryDraft,
    CategoryList,
    CategoryPath,
    Page,
    Price,
    Product,
    ProductBatch,
    ProductDraft,
    Sku,
    Sort,
    Text,
    Written,
    WrittenList,
)
from feria.errors import Invalid, OverLimit, TooLarge
from feria.settings import Settings
from feria.web.parts import Part
from feria.web.replies import sentence

router = APIRouter(tags=["catalog"])
write = needs(Permission.catalog)

Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


@router.get("/v1/products")
async def list_products(
    catalog: Part[Catalog],
    category: Annotated[CategoryPath | None, Query(description="With those below it.")] = None,
    brand: Annotated[
        list[Annotated[Text, Field(max_length=100)]] | None,
        Query(description="May be repeated: products of any of these.", max_length=50),
    ] = None,
    min_price: Price | None = None,
    max_price: Price | None = None,
    sort: Sort = "sku",
    after: Annotated[
        str | None, Query(description="`next` of the page before, in the same order.", max_length=2000)
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 24,
) -> Page:
    """Products, page by page. The first page counts what each filter would leave."""
    return await catalog.page(
        category=category,
        brand=brand,
        min_price=min_price,
        max_price=max_price,
        sort=sort,
        after=after,
        limit=limit,
    )


@router.get("/v1/products/{sku}")
async def show_product(sku: Sku, catalog: Part[Catalog]) -> Product:
    """One product, with its pictures."""
    return await catalog.find(sku)


@router.post("/v1/products", dependencies=[write])
async def put_products(batch: ProductBatch, catalog: Part[Catalog]) -> WrittenList:
    """Insert or replace many, by SKU; one that is refused does not hold up the others."""
    written: list[Written | None] = []
    drafts: list[ProductDraft] = []
    seen: set[str] = set()
    for said in batch.products:
        try:
            draft = ProductDraft.model_validate(said)
            if draft.sku in seen:
                raise Invalid(f"The SKU {draft.sku} is there twice; the first one counts.")
        except ValidationError as error:
            written.append(_refused(said.get("sku"), sentence(map(dict, error.errors()))))
        except Invalid as error:
            written.append(_refused(draft.sku, error.message))
        else:
            seen.add(draft.sku)
            drafts.append(draft)
            written.append(None)
    done = iter(await catalog.put_all(drafts))
    return WrittenList(products=tuple(one or next(done) for one in written))


@router.put(
    "/v1/products/{sku}",
    dependencies=[write],
    responses={201: {"model": Product, "description": "It is new."}},
)
async def put_product(sku: Sku, draft: ProductDraft, catalog: Part[Catalog], response: Response) -> Product:
    """Insert or replace a product; its pictures stay. A category that is not there is made."""
    if draft.sku != sku:
        raise Invalid(f"The product is {draft.sku}, and the address says {sku}.")
    (written,) = await catalog.put_all([draft])
    if written.outcome == "new":
        response.status_code = 201
    return await catalog.find(sku)


@router.delete("/v1/products/{sku}", status_code=204, dependencies=[write])
async def remove_product(sku: Sku, catalog: Part[Catalog]) -> None:
    """Take a product out of the catalogue."""
    await catalog.remove(sku)


@router.put("/v1/products/{sku}/pictures", dependencies=[write])
async def put_pictures(
    sku: Sku, pictures: list[UploadFile], catalog: Part[Catalog], settings: Part[Settings]
) -> Product:
    """Give a product these pictures, in this order, instead of those it has. Each is kept upright, at most
    1,024 pixels on its longer side, as WebP, with a thumbnail."""
    limits = settings.catalog
    if len(pictures) > limits.max_pictures:
        raise OverLimit(f"A product has at most {limits.max_pictures} pictures.")
    if any((one.size or 0) > limits.max_picture_mib * 2**20 for one in pictures):
        raise TooLarge(f"A picture has at most {limits.max_picture_mib} MiB on this node.")
    return await catalog.put_pictures(sku, [await one.read() for one in pictures])


@router.delete("/v1/products/{sku}/pictures", dependencies=[write])
async def remove_pictures(sku: Sku, catalog: Part[Catalog]) -> Product:
    """Take all its pictures off a product."""
    return await catalog.put_pictures(sku, [])


@router.get(
    "/v1/pictures/{digest}",
    response_class=FileResponse,
    responses={
        200: {"content": {MEDIA_TYPE: {}}},
        206: {"description": "A range."},
        304: {"description": "The caller has it: the bytes of a digest never change."},
    },
)
async def picture(
    digest: Digest,
    pictures: Part[Pictures],
    if_none_match: Annotated[str | None, Header(max_length=1000)] = None,
) -> Response:
    """A picture or thumbnail."""
    headers = {
        "ETag": f'"{digest}"',
        "Cache-Control": "public, max-age=31536000, immutable",
        "Cross-Origin-Resource-Policy": "cross-origin",  # a shop's page may show it from another address
    }
    if if_none_match and (digest in if_none_match or if_none_match.strip() == "*"):
        return Response(status_code=304, headers=headers)
    return FileResponse((await pictures.find(digest)).path, media_type=MEDIA_TYPE, headers=headers)


@router.get("/v1/categories")
async def list_categories(catalog: Part[Catalog]) -> CategoryList:
    """The tree, with how many products each holds and those below it."""
    return CategoryList(categories=tuple(await catalog.categories()))


@router.put("/v1/categories/{path:path}", status_code=204, dependencies=[write])
async def put_category(path: CategoryPath, draft: CategoryDraft, catalog: Part[Catalog]) -> None:
    """Make a category or give it other words; those above it are made where they are not there."""
    await catalog.put_category(Category(path=path, title=draft.title, position=draft.position))


@router.delete("/v1/categories/{path:path}", status_code=204, dependencies=[write])
async def remove_category(path: CategoryPath, catalog: Part[Catalog]) -> None:
    """Take away a category that holds nothing; one that does is a conflict."""
    await catalog.remove_category(path)


def _refused(sku: object, why: str) -> Written:
    # Whatever was sent as a SKU, said back as text that can be sent.
    said = str("" if sku is None else sku)[:80].encode(errors="replace").decode()
    return Written(sku=said, outcome="refused", detail=why)
