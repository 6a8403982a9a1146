"""The shelf over HTTP."""

from typing import Annotated

from fastapi import APIRouter, File, Form, UploadFile
from fastapi.responses import FileResponse
from pydantic import Json

from feria.access.needs import Asking, needs
from feria.access.wire import Permission
from feria.errors import NotFound
from feria.registry.shelf import Registry
from feria.registry.wire import Description, Model, ModelList, ShelvedModel, StateChange
from feria.web.parts import Part
from feria.web.uploads import on_disk

router = APIRouter(tags=["models"])
read, train = needs(Permission.read), needs(Permission.train)


@router.get("/v1/models", dependencies=[read])
async def list_models(registry: Part[Registry]) -> ModelList:
    """The latest ready version of every model."""
    return ModelList(models=tuple(_here(model, registry) for model in await registry.models()))


@router.get("/v1/models/{name}", dependencies=[read])
async def list_versions(name: str, registry: Part[Registry]) -> ModelList:
    """Every version of one model, the latest first."""
    versions = await registry.versions(name)
    if not versions:
        raise NotFound(f"No model {name}.")
    return ModelList(models=tuple(_here(model, registry) for model in versions))


@router.post("/v1/models/{name}", status_code=201, dependencies=[train])
async def publish(
    name: str,
    file: Annotated[UploadFile, File(description="The ONNX file, its weights inside.")],
    registry: Part[Registry],
    caller: Asking,
    description: Annotated[
        Json[Description] | None,
        Form(description='JSON: `{"labels": […], "card": "…", "input": {…}}`; all of it optional.'),
    ] = None,
    sha256: Annotated[str | None, Form(description="Refuse the file if its digest differs.")] = None,
) -> ShelvedModel:
    """Publish a file as the next version. It is checked in a process of its own, then served at once."""
    owner = await registry.check_owner(name, caller)
    async with on_disk(file) as path:
        model = await registry.publish(name, path, description, owner=owner, sha256=sha256)
    return _here(model, registry)


@router.get("/v1/models/{name}/versions/{version}", dependencies=[read])
async def show_version(name: str, version: int, registry: Part[Registry]) -> ShelvedModel:
    """One version: what it takes and answers, its metrics, where it comes from, its card."""
    return _here(await registry.find(name, version), registry)


@router.patch("/v1/models/{name}/versions/{version}", dependencies=[train])
async def change_state(
    name: str, version: int, change: StateChange, registry: Part[Registry], caller: Asking
) -> ShelvedModel:
    """Deprecate a version, which takes it off `latest`, or make it ready again."""
    await registry.check_owner(name, caller)
    return _here(await registry.change_state(name, version, change.state, change.reason), registry)


@router.delete("/v1/models/{name}/versions/{version}", status_code=204, dependencies=[train])
async def delete_version(name: str, version: int, registry: Part[Registry], caller: Asking) -> None:
    """Delete one version. Its number is not given out again; `latest` goes to the one before."""
    await registry.check_owner(name, caller)
    await registry.delete(name, version)


@router.delete("/v1/models/{name}", status_code=204, dependencies=[train])
async def delete_model(name: str, registry: Part[Registry], caller: Asking) -> None:
    """Delete every version. Their numbers are not given out again."""
    await registry.check_owner(name, caller)
    await registry.delete(name)


@router.get(
    "/v1/blobs/{sha256}",
    dependencies=[read],
    response_class=FileResponse,
    responses={
        200: {"content": {"application/octet-stream": {}}},
        206: {"description": "A range."},
    },
)
async def blob(sha256: str, registry: Part[Registry]) -> FileResponse:
    """The bytes of that digest, verified. Ranges are answered; the content never changes."""
    return FileResponse(
        await registry.blob(sha256),
        media_type="application/octet-stream",
        headers={"ETag": f'"{sha256}"', "Cache-Control": "private, max-age=31536000, immutable"},
    )


def _here(model: Model, registry: Registry) -> ShelvedModel:
    return ShelvedModel(**dict(model), here=registry.share(model))
