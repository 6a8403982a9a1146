"""What a node says of itself to the programs that watch it."""

from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import Response

from feria.access.needs import needs
from feria.access.wire import Permission
from feria.telemetry.metrics import Metrics
from feria.web.parts import Part

router = APIRouter(tags=["node"])


@router.get(
    "/metrics",
    dependencies=[needs(Permission.watch)],
    response_class=Response,
    responses={200: {"content": {"text/plain": {}, "application/openmetrics-text": {}}}},
)
async def metrics(metrics: Part[Metrics], accept: Annotated[str, Header()] = "") -> Response:
    """Figures for Prometheus: how long predictions take and wait, what is refused, tasks, the process."""
    content, content_type = await metrics.expose(accept)
    return Response(content, headers={"Content-Type": content_type})
