"""The tienda contract: products found by words at once, and by a picture as a task.

The contract names `/tasks/{task_id}/result` and leaves the other paths open; here they are the plainest:
`/search/text`, `/search/image`, `/classify`, `/health`. The task is the classification; the products are
those of the category that it predicts, as they are when the result is asked for. Shoppers have no account,
so a task belongs to whoever was told its id, which nobody guesses.

Where Celery workers classify, they report at `POST /webhook/task_completed`, signed; a node without workers
answers 404 there.
"""

from typing import Annotated, Any, Self

import msgspec
from fastapi import APIRouter, Depends, Query, Request, UploadFile
from fastapi.responses import JSONResponse
from pydantic import Field

from feria.catalog.catalog import Catalog
from feria.catalog.wire import CategoryPath, Language, Price, Product, Wire
from feria.errors import Busy, Invalid, NotAnImage, NotFound, TooLarge, Unavailable
from feria.inference import tasks
from feria.inference.engine import Engine
from feria.registry.wire import Label, Model
from feria.search.labels import Labels
from feria.search.pictures import PictureSearch
from feria.search.text import TextSearch
from feria.settings import Settings
from feria.tasks import errand_routes
from feria.tasks.errands import COMPLETED
from feria.tasks.queue import TaskQueue
from feria.web.parts import Part
from feria.web.streams import unless_gone

router = APIRouter(tags=["compatibility: tienda"])

SHOPPERS = "(shoppers)"
"""Owns the tasks; no token can have such a name."""
MOST_WAITING = 100
"""Of these tasks at a time: anybody may ask for one, and each keeps a picture until it has ended."""


class TiendaProduct(Wire):
    """A product in the contract's words."""

    sku: str
    name: str
    description: str
    category: CategoryPath | None
    price: Price
    currency: str
    image: str | None = Field(description="Path of its picture on this node.")

    @classmethod
    def of(cls, product: Product, language: Language) -> Self:
        return cls(
            sku=product.sku,
            name=product.title.said(language),
            description=product.description.said(language),
            category=product.category,
            price=product.price,
            currency=product.currency,
            image=f"/v1/pictures/{product.pictures[0].digest}" if product.pictures else None,
        )


class TiendaPrediction(Wire):
    label: Label
    probability: float
    category: CategoryPath | None = Field(description="Where the catalogue keeps such things.")


class TiendaProducts(Wire):
    products: tuple[TiendaProduct, ...]


class TiendaPredictions(Wire):
    predictions: tuple[TiendaPrediction, ...] = Field(description="The likeliest classes, best first.")


class TiendaResult(TiendaPredictions, TiendaProducts):
    """What the network sees in the picture, and what the shop has of that kind."""


class QueuedPicture(Wire):
    task_id: str


class NotReady(Wire):
    message: str = "The task has not ended yet."


class TiendaHealth(Wire):
    status: str
    model: str


Lang = Annotated[Language, Query(description="Whose names and descriptions are answered with.")]
Limit = Annotated[int, Query(ge=1, le=100)]


async def _uploaded(
    settings: Part[Settings], image: UploadFile | None = None, file: UploadFile | None = None
) -> bytes:
    """The picture in the form; the contract does not say what its field is called."""
    sent = image or file
    if sent is None:
        raise Invalid("The form has no file `image`.")
    most = settings.web.max_body_mib * 2**20
    picture = await sent.read(most + 1)
    if len(picture) > most:
        raise TooLarge(f"A picture has at most {most / 2**20:g} MiB on this node.", limit=most)
    if not picture:
        raise NotAnImage("The picture is empty.")
    return picture


Uploaded = Annotated[bytes, Depends(_uploaded)]


@router.get("/search/text")
async def search_text(
    search: Part[TextSearch], q: str = "", lang: Lang = "es", limit: Limit = 24
) -> TiendaProducts:
    """Products whose name or description has the words."""
    page = await search.search(q, language=lang, limit=limit)
    return TiendaProducts(products=tuple(TiendaProduct.of(hit.product, lang) for hit in page.hits))


@router.post("/search/image", status_code=202)
async def search_image(
    picture: Uploaded, search: Part[PictureSearch], queue: Part[TaskQueue]
) -> QueuedPicture:
    """Have a picture classified, and ask for the products at `/tasks/{task_id}/result`."""
    model = await _classifier(search)
    newest = await queue.tasks(owner=SHOPPERS, limit=MOST_WAITING)
    if len(newest) == MOST_WAITING and not any(task.state.final for task in newest):
        raise Busy("As many pictures wait as may.", retry_after=1.0)
    task = await queue.submit(tasks.order(model.name, model.version, [picture], owner=SHOPPERS))
    return QueuedPicture(task_id=task.id)


@router.get(
    "/tasks/{task_id}/result",
    response_model=TiendaResult,
    responses={202: {"model": NotReady, "description": "It has not ended yet."}},
)
async def task_result(
    task_id: str,
    queue: Part[TaskQueue],
    catalog: Part[Catalog],
    labels: Part[Labels],
    lang: Lang = "es",
    limit: Limit = 24,
) -> Any:
    """What the picture shows and the products of that category, or the error that the task ended with."""
    task = await queue.find(task_id)
    if task.owner != SHOPPERS:
        raise NotFound(f"No task {task_id}.")  # that there is one is nobody else's business
    if not task.state.final:
        return JSONResponse(NotReady().model_dump(), 202, {"Retry-After": "1"})
    predictions = _predictions(msgspec.json.decode(await queue.result(task_id)), labels)
    category = next((one.category for one in predictions if one.category is not None), None)
    products: tuple[Product, ...] = ()
    if category is not None:
        products = (await catalog.page(category=category, sort="newest", limit=limit)).products
    return TiendaResult(
        predictions=predictions, products=tuple(TiendaProduct.of(one, lang) for one in products)
    )


@router.post("/classify")
async def classify(
    request: Request,
    picture: Uploaded,
    search: Part[PictureSearch],
    engine: Part[Engine],
    labels: Part[Labels],
) -> TiendaPredictions:
    """What a picture shows, at once."""
    model = await _classifier(search)
    answer = await unless_gone(request, engine.predict(model.name, [picture], version=model.version))
    return TiendaPredictions(predictions=_predictions(answer, labels))


@router.get("/health")
async def health(search: Part[PictureSearch]) -> TiendaHealth:
    """Whether pictures can be classified, and which network does it."""
    return TiendaHealth(status="healthy", model=(await _classifier(search)).reference)


router.post(COMPLETED, status_code=204)(errand_routes.task_completed)


async def _classifier(search: PictureSearch) -> Model:
    """The network that pictures are searched for with. Raises `Busy`, and `Unavailable` where there is
    none, or it knows no classes."""
    model = await search.model()
    if model.output.labels is None or model.output.probabilities is None:
        raise Unavailable(
            f"{model.reference} tells no classes; a picture is searched for at /v1/search/image."
        )
    return model


def _predictions(answer: dict[str, Any], labels: Labels) -> tuple[TiendaPrediction, ...]:
    (seen,) = answer["predictions"]
    return tuple(
        TiendaPrediction(**ranked, category=labels.category(ranked["label"])) for ranked in seen["top"]
    )
