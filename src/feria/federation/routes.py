"""Clients and federated jobs over HTTP: register rows, order a training, follow it, stop and resume it."""

import ipaddress
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Form, Header, Path, Query, Request, UploadFile
from fastapi.responses import Response

from feria.access.needs import Asking, needs
from feria.access.wire import Caller, Permission
from feria.errors import NotFound
from feria.federation.clients import Clients
from feria.federation.jobs import Jobs
from feria.federation.jobs_wire import (
    NUMBER,
    Client,
    ClientList,
    ClientName,
    Job,
    JobClientList,
    JobList,
    JobState,
    Round,
    RoundList,
)
from feria.federation.orders import JobOrder
from feria.registry.shelf import Registry
from feria.settings import Settings
from feria.web.parts import Part
from feria.web.streams import EVENTS_CONTENT, event, event_stream
from feria.web.uploads import on_disk

router = APIRouter(tags=["federation"])
read, train = needs(Permission.read), needs(Permission.train)

JobNumber = Annotated[int, Path(ge=0, lt=NUMBER)]
Owner = Annotated[
    str | None, Query(max_length=128, description="Whose, for who may see others'; one's own when left out.")
]


# ------------------------------------------------------------------- clients
@router.post("/v1/clients", status_code=201, dependencies=[train])
async def register_client(
    request: Request,
    name: Annotated[ClientName, Form(description="Whose rows these are, as people know them.")],
    file: UploadFile,
    caller: Asking,
    clients: Part[Clients],
    settings: Part[Settings],
    dataset: Annotated[str, Form(max_length=200, description="The file's name when left out.")] = "",
) -> Client:
    """Register a client, with its rows in a CSV or Parquet file. Nobody is given the rows: jobs of the same
    owner train on them here."""
    host, port = origin(request, settings)
    async with on_disk(file, clients.folder) as rows:
        dataset = (dataset.strip() or file.filename or name)[:200]
        return await clients.register(name, dataset, rows, owner=caller.subject, host=host, port=port)


@router.get("/v1/clients", dependencies=[read])
async def list_clients(caller: Asking, clients: Part[Clients]) -> ClientList:
    """One's own clients, by name; an administrator's are everybody's."""
    return ClientList(clients=tuple(await clients.clients(whose(caller))))


@router.delete("/v1/clients/{name}", status_code=204, dependencies=[train])
async def remove_client(
    name: Annotated[str, Path(max_length=100)],
    caller: Asking,
    clients: Part[Clients],
    jobs: Part[Jobs],
    owner: Owner = None,
) -> None:
    """Remove a client and its rows. Models that were trained on them stay. A store is shut out at once, also
    in the middle of a job, and comes back with a new invitation only."""
    of = owner or caller.subject
    if not caller.owns(of):
        raise NotFound(f"You have no client '{name}'.")
    if (await clients.find(of, name)).where == "store":
        await clients.remove(of, name)
    else:
        await jobs.remove_client(of, name)


def origin(request: Request, settings: Settings) -> tuple[str, int]:
    """Whose client it becomes: their address, or this node's where they are on this machine."""
    host, port = request.client or ("", 0)
    try:
        is_remote = not ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_remote = False  # a socket without an address
    if is_remote:
        return host, port
    server = request.scope.get("server") or (None, None)
    return "127.0.0.1", server[1] or settings.web.port


# ------------------------------------------------------------------- jobs
@router.post("/v1/jobs", status_code=202, dependencies=[train])
async def start_job(
    order: JobOrder, caller: Asking, response: Response, jobs: Part[Jobs], registry: Part[Registry]
) -> Job:
    """Have clients train a model together; it is published under its name and served when they are done.

    The job goes on whatever happens to who ordered it, also after a crash of the node.
    """
    model_owner = await registry.check_owner(order.model, caller)
    job = await jobs.start(order, owner=caller.subject, model_owner=model_owner)
    response.headers["Location"] = f"/v1/jobs/{job.number}"
    return job


@router.get("/v1/jobs", dependencies=[read])
async def list_jobs(
    caller: Asking,
    jobs: Part[Jobs],
    state: JobState | None = None,
    before: Annotated[int | None, Query(ge=0, lt=NUMBER, description="A job's number.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> JobList:
    """One's own jobs, the newest first; an administrator's are everybody's."""
    found = await jobs.jobs(owner=whose(caller), state=state, before=before, limit=limit + 1)
    return JobList(jobs=tuple(found[:limit]), more=len(found) > limit)


@router.get("/v1/jobs/{number}", dependencies=[read])
async def show_job(number: JobNumber, caller: Asking, jobs: Part[Jobs]) -> Job:
    """How a job stands."""
    return await _own(number, caller, jobs)


@router.get(
    "/v1/jobs/{number}/clients",
    dependencies=[read],
    responses={200: {"model": JobClientList}},
    response_class=Response,
)
async def job_clients(number: JobNumber, caller: Asking, jobs: Part[Jobs]) -> Response:
    """How each of its clients stands, by name."""
    await _own(number, caller, jobs)
    clients = [
        {
            "id": status.client_id,
            "name": status.connection_name,
            "host": status.connection_ip,
            "port": status.connection_port,
            "dataset": status.dataset_name,
            "status": status.status,
            "round": status.current_round,
            "accuracy": status.accuracy,
            "loss": status.loss,
            "train_samples": status.train_samples,
            "test_samples": status.test_samples,
            "response_time": status.response_time,
            "last_seen": status.last_seen,
        }
        for status in await jobs.statuses(number)
    ]
    # There may be ten thousand, asked for again and again: the framework takes its time over each.
    return Response(msgspec.json.encode({"clients": clients}), media_type="application/json")


@router.get("/v1/jobs/{number}/rounds", dependencies=[read])
async def job_rounds(number: JobNumber, caller: Asking, jobs: Part[Jobs]) -> RoundList:
    """How each of its rounds went, of those that have ended."""
    await _own(number, caller, jobs)
    return RoundList(rounds=tuple(_round(ended) for ended in await jobs.rounds(number)))


@router.post("/v1/jobs/{number}/stop", dependencies=[train])
async def stop_job(number: JobNumber, caller: Asking, jobs: Part[Jobs]) -> Job:
    """Stop a job, also in the middle of a round. Its last round is kept, so it can be resumed."""
    await _own(number, caller, jobs)
    return await jobs.stop(number)


@router.post("/v1/jobs/{number}/resume", status_code=202, dependencies=[train])
async def resume_job(number: JobNumber, caller: Asking, jobs: Part[Jobs]) -> Job:
    """Go on with a job that was stopped or has failed, after the last round it has kept."""
    await _own(number, caller, jobs)
    return await jobs.resume(number)


@router.get(
    "/v1/jobs/{number}/events",
    dependencies=[read],
    responses={
        200: {"content": EVENTS_CONTENT},
        204: {"description": "It has ended, and there is nothing after that event: no need to ask again."},
    },
    response_class=Response,
)
async def job_events(
    number: JobNumber,
    caller: Asking,
    jobs: Part[Jobs],
    last_event_id: Annotated[int, Header(ge=0, lt=NUMBER, description="Only what was told after it.")] = 0,
    after: Annotated[
        int,
        Query(ge=0, lt=NUMBER, description="The same where no header can be set: a browser's first request."),
    ] = 0,
) -> Response:
    """Server-sent events, from the first or from `Last-Event-ID` on, until the job has ended: `changed` (its
    state), `round_began`, `sent`, `replied`, `failed`, `straggled`, `alive`, `waiting`, `round_ended` and
    `ended` (its training)."""
    job = await _own(number, caller, jobs)
    told = max(last_event_id, after)
    if job.state.final and job.last_event <= told:
        return Response(status_code=204)
    return event_stream(_events(number, told, jobs))


async def _events(number: int, after: int, jobs: Jobs) -> AsyncGenerator[bytes]:
    async for at, told in jobs.events(number, after):
        yield event(str(told.__struct_config__.tag), told, at)


async def _own(number: int, caller: Caller, jobs: Jobs) -> Job:
    job = await jobs.find(number)
    if not caller.owns(job.owner):
        raise NotFound(f"No job {number}.")  # that there is one is nobody else's business
    return job


def whose(caller: Caller) -> str | None:
    """None for everybody's."""
    return None if Permission.administer in caller.permissions else caller.subject


def _round(ended: dict[str, Any]) -> Round:
    measured = ended["evaluate"] or ended["central"]
    return Round(
        at=datetime.fromtimestamp(ended["at"], UTC),
        loss=measured.get("loss"),
        accuracy=measured.get("accuracy"),
        **{name: ended[name] for name in Round.model_fields if name in ended and name != "at"},
    )
