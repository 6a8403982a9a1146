"""From a node to an ASGI application."""

import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

import feria
from feria.access import routes as access
from feria.access.door import CHAT, Door
from feria.access.exposure import is_locked
from feria.access.needs import needs
from feria.access.wire import Permission
from feria.catalog import routes as catalog
from feria.chat import routes as chat
from feria.chat.deeds import DEEDS
from feria.chat.socket import SocketIO
from feria.cluster import routes as cluster
from feria.cluster.kv import described as kv_described
from feria.cluster.kv import routes as kv
from feria.compat import mensaje, nodo, tienda, tracking, visionai
from feria.emotions import routes as emotions
from feria.emotions import socket as emotion_stream
from feria.federation import app_routes as federation_apps
from feria.federation import routes as federation
from feria.inference import routes as inference
from feria.inference.engine import Engine
from feria.learning import routes as learning
from feria.node import Node, open_node
from feria.recommendations import routes as recommendations
from feria.registry import routes as registry
from feria.search import picture_routes
from feria.search import routes as search
from feria.settings import Settings
from feria.superlink import callback_routes as callbacks
from feria.superlink import routes as superlink
from feria.tasks import errand_routes as errands
from feria.tasks import routes as tasks
from feria.watching import routes as watching
from feria.watching import socket as events
from feria.web.bare import BareRoutes, BodyLimit
from feria.web.draining import Draining
from feria.web.pages import add_pages
from feria.web.parts import Part
from feria.web.replies import DOCUMENTED, add_error_replies
from feria.web.watch import Watch

MIB = 2**20
HOT = (inference.ROUTE, *kv.ROUTES)
"""What the framework does not answer."""


def create_app(settings: Settings) -> ASGIApp:
    """The application; its lifespan opens and closes the node."""
    web = settings.web
    limited = BodyLimit(
        create_api(settings), body_bytes=web.max_body_mib * MIB, upload_bytes=web.max_upload_mib * MIB
    )
    inside = SocketIO(BareRoutes(limited, HOT), DEEDS | mensaje.deeds(settings.chat))
    guest_sockets = (CHAT, *(emotion_stream.PATHS if settings.emotions.guests else ()))
    door = Door(inside, locked=is_locked(settings), origins=web.origins, guest_sockets=guest_sockets)
    app = _answering_other_sites(door, web.origins) if web.origins else door
    if settings.telemetry.otlp_endpoint is not None:
        from feria.telemetry.traces import Traced

        app = Traced(app)
    return Watch(app, log_requests=settings.telemetry.log_requests)


def create_api(settings: Settings) -> FastAPI:
    """All that FastAPI answers and describes; the hot routes, which it does not, are described here too."""

    @contextlib.asynccontextmanager
    async def lifespan(api: FastAPI) -> AsyncGenerator[dict[str, Any]]:
        async with open_node(settings) as node:
            yield {"parts": node.parts}

    api = FastAPI(
        title="feria",
        version=feria.__version__,
        description="Train, publish and serve models. Data stay home.",
        lifespan=lifespan,
        responses=DOCUMENTED,
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
    )
    add_error_replies(api)
    for routes in (
        access,
        registry,
        learning,
        tasks,
        errands,
        catalog,
        search,
        picture_routes,
        recommendations,
        federation,
        federation_apps,
        superlink,
        callbacks,
        chat,
        cluster,
        mensaje,
        nodo,
        tienda,
        tracking,
        visionai,
        emotions,
        emotion_stream,
        watching,
        events,
    ):
        api.include_router(routes.router)
    _add_health(api)
    add_pages(api, [needs(Permission.read)])
    _describe_hot_routes(api)
    return api


@contextlib.asynccontextmanager
async def open_app(settings: Settings) -> AsyncGenerator[tuple[ASGIApp, Node]]:
    """An application with its node open, for callers in this process that speak no lifespan."""
    app = create_app(settings)
    async with open_node(settings) as node:

        async def with_parts(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, "state": {"parts": node.parts}}, receive, send)

        yield with_parts, node


def _answering_other_sites(app: ASGIApp, origins: tuple[str, ...]) -> ASGIApp:
    """CORS, around the door: its refusals are answers too. Cookies do not come along (SameSite)."""
    methods, exposed = ("GET", "POST", "PUT", "PATCH", "DELETE"), ("Retry-After", "X-Request-Id", "Location")
    return CORSMiddleware(
        app, allow_origins=origins, allow_methods=methods, allow_headers=("*",), expose_headers=exposed
    )


def _add_health(api: FastAPI) -> None:
    @api.get("/livez", tags=["node"])
    async def live() -> dict[str, str]:
        """The process answers."""
        return {"status": "live"}

    @api.get("/readyz", tags=["node"], responses={503: {"description": "Still warming up, or told to stop."}})
    async def ready(request: Request, engine: Part[Engine], draining: Part[Draining]) -> JSONResponse:
        """Every model on the shelf that fits is loaded and warm, and the node goes on."""
        if engine.ready and not draining.begun:
            return JSONResponse({"status": "ready"})
        request.state.error = status = "draining" if draining.begun else "warming"
        return JSONResponse({"status": status}, 503, {"Retry-After": "1"})


def _describe_hot_routes(api: FastAPI) -> None:
    """Complete the API's description with what FastAPI does not read or answer itself."""
    described = api.openapi

    def openapi() -> dict[str, Any]:
        if api.openapi_schema is None:
            document = described()
            schemas = document["components"]["schemas"]
            for model in (*inference.DESCRIBED, *learning.DESCRIBED, *kv_described.DESCRIBED):
                schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
                for name, one in {**schema.pop("$defs", {}), model.__name__: schema}.items():
                    assert schemas.setdefault(name, one) == one, f"two schemas are called {name}"
            document["paths"] |= inference.OPENAPI | kv_described.OPENAPI
            api.openapi_schema = document
        return api.openapi_schema

    api.openapi = openapi  # type: ignore[method-assign]
