"""The tracking contract: who takes part in a federated job, and how each of them is doing.

The contract is silent on what is answered before there is anything to tell: what a client has not said is
null, and `avg_accuracy` without any accuracy is 0.0, a number as ever. A client's history has a point for
each round that it was asked in and that has ended, null where it had no answer. Who has not signed in gets
the house's own refusal.
"""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from feria.access.needs import Asking, needs
from feria.access.wire import Caller, Permission
from feria.errors import NotFound
from feria.federation.jobs import Jobs
from feria.federation.jobs_wire import NUMBER
from feria.federation.tracking import ClientStatus
from feria.web.parts import Part

router = APIRouter(tags=["compatibility: tracking"], dependencies=[needs(Permission.read)])

JobId = Annotated[int, Path(ge=-NUMBER, lt=NUMBER)]


class TrackedClient(BaseModel):
    id: str
    name: str
    ip: str
    port: int
    dataset_name: str
    status: str
    current_round: int
    accuracy: float | None
    loss: float | None
    train_samples: int | None
    test_samples: int | None
    response_time: float | None
    last_seen: str | None


class OverviewStats(BaseModel):
    total_clients: int
    active_clients: int
    warning_clients: int
    avg_accuracy: float


class TrackedClients(BaseModel):
    success: bool
    clients: list[TrackedClient]
    overview_stats: OverviewStats


class PerformanceData(BaseModel):
    labels: list[str]
    accuracy: list[float | None]
    loss: list[float | None]


class Performance(BaseModel):
    success: bool
    performance_data: PerformanceData
    client_info: TrackedClient


class Missing(BaseModel):
    success: bool
    error: str


NOT_THERE: dict[int | str, dict[str, Any]] = {404: {"model": Missing}}


@router.get(
    "/api/jobs/{job_id}/clients/",
    responses={200: {"model": TrackedClients}, **NOT_THERE},
    response_class=Response,
)
async def clients(job_id: JobId, caller: Asking, jobs: Part[Jobs]) -> Response:
    """The clients of a job of one's own, and how many of them are well."""
    if not await _is_own(job_id, caller, jobs):
        return _missing("Job")
    statuses = await jobs.statuses(job_id)
    return _answer(
        {"clients": [_client(status) for status in statuses], "overview_stats": _overview(statuses)}
    )


@router.get(
    "/api/jobs/{job_id}/clients/{client_id}/performance/",
    responses={200: {"model": Performance}, **NOT_THERE},
    response_class=Response,
)
async def performance(job_id: JobId, client_id: str, caller: Asking, jobs: Part[Jobs]) -> Response:
    """What a client came to, round by round."""
    if not await _is_own(job_id, caller, jobs):
        return _missing("Job")
    found = next((one for one in await jobs.statuses(job_id) if one.client_id == client_id), None)
    if found is None:
        return _missing("Client")
    rounds = await jobs.client_rounds(job_id, client_id)
    data = {
        "labels": [f"Round {one.round}" for one in rounds],
        "accuracy": [one.accuracy for one in rounds],
        "loss": [one.loss for one in rounds],
    }
    return _answer({"performance_data": data, "client_info": _client(found)})


async def _is_own(job_id: int, caller: Caller, jobs: Jobs) -> bool:
    try:
        return caller.owns((await jobs.find(job_id)).owner)
    except NotFound:
        return False


def _answer(said: dict[str, Any]) -> Response:
    # There may be ten thousand clients, every three seconds: the framework takes its time over each.
    return Response(msgspec.json.encode({"success": True, **said}), media_type="application/json")


def _missing(what: str) -> Response:
    return JSONResponse({"success": False, "error": f"{what} not found"}, 404)


def _client(status: ClientStatus) -> dict[str, Any]:
    return {
        "id": status.client_id,
        "name": status.connection_name,
        "ip": status.connection_ip,
        "port": status.connection_port,
        "dataset_name": status.dataset_name,
        "status": status.status,
        "current_round": status.current_round,
        "accuracy": status.accuracy,
        "loss": status.loss,
        "train_samples": status.train_samples,
        "test_samples": status.test_samples,
        "response_time": status.response_time,
        "last_seen": status.last_seen,
    }


def _overview(statuses: list[ClientStatus]) -> dict[str, Any]:
    known = [status.accuracy for status in statuses if status.accuracy is not None]
    return {
        "total_clients": len(statuses),
        "active_clients": sum(status.status in {"connected", "training"} for status in statuses),
        "warning_clients": sum(status.status in {"error", "offline"} for status in statuses),
        "avg_accuracy": sum(known) / len(known) if known else 0.0,
    }
