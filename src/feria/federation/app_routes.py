"""Users' own Flower apps over HTTP; jobs run them."""

from typing import Annotated

from fastapi import APIRouter, Path, UploadFile

from feria.access.needs import Asking, needs
from feria.access.wire import Permission
from feria.federation.apps import Apps
from feria.federation.jobs_wire import App, AppList
from feria.web.parts import Part
from feria.web.uploads import on_disk

router = APIRouter(tags=["federation"], prefix="/v1/apps")
read, administer = needs(Permission.read), needs(Permission.administer)


@router.post("", status_code=201, dependencies=[administer])
async def register_app(file: UploadFile, caller: Asking, apps: Part[Apps]) -> App:
    """Register a Flower app, or put a newer one in its place: a bundle, as `flwr build` makes it.

    It runs with all rights of the node, which takes one only where its settings say so.
    """
    async with on_disk(file, apps.folder) as bundle:
        return await apps.register(bundle, owner=caller.subject)


@router.get("", dependencies=[read])
async def list_apps(apps: Part[Apps]) -> AppList:
    """The registered apps, by name."""
    return AppList(apps=tuple(await apps.apps()))


@router.delete("/{name}", status_code=204, dependencies=[administer])
async def remove_app(name: Annotated[str, Path(max_length=64)], apps: Part[Apps]) -> None:
    """Remove an app; jobs that have begun with it go on."""
    await apps.remove(name)
