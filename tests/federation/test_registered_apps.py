"""Flower apps that a node has taken in, and what it is asked to run of them."""

import shutil
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from feria.errors import FeriaError, Invalid, NotAllowed, NotFound
from feria.federation import flower
from feria.federation.orders import AppJob
from feria.storage.database import Database
from loops import Federation, federation_on

SMALL = Path(__file__).parents[1] / "small_app"


@pytest.fixture(scope="module")
def bundle() -> bytes:
    return flower.bundle(SMALL)


@pytest.fixture
async def registered(database: Database, bundle: bytes, tmp_path: Path) -> AsyncGenerator[Federation]:
    file = tmp_path / "small.fab"
    file.write_bytes(bundle)
    async with federation_on(database, tmp_path, apps=True) as federation:
        await federation.register()
        await federation.apps.register(file, owner="ana")
        yield federation


def order(**more: object) -> AppJob:
    return AppJob.model_validate({"model": "mean", "kind": "app", "app": "small-app"} | more)


async def test_an_app_is_known_by_its_name_with_its_settings(registered: Federation, bundle: bytes) -> None:
    (app,) = await registered.apps.apps()
    assert (app.name, app.version, app.publisher, app.owner) == ("small-app", "1.0.0", "feria", "ana")
    assert app.settings == {
        "num-server-rounds": 3,
        "column": "price",
        "fault": "",
        "ballast-mib": 0,
        "step.size": 0.5,
    }
    await registered.apps.remove("small-app")
    assert await registered.apps.apps() == []
    with pytest.raises(NotFound):
        await registered.apps.remove("small-app")


@pytest.mark.parametrize(
    ("said", "kind", "sentence"),
    [
        ({"app": "smallapp"}, NotFound, "perhaps you mean small-app"),
        ({"settings": {"colour": "red"}}, Invalid, "has no setting 'colour'; there are: ballast-mib, column"),
        ({"settings": {"column": 3}}, Invalid, "'column' is a str"),
        ({"settings": {"step.size": True}}, Invalid, "'step.size' is a float"),
        ({"settings": {"num-server-rounds": 0}}, Invalid, "1 is the least"),
    ],
)
async def test_an_order_is_held_to_what_the_app_says(
    registered: Federation, said: dict[str, object], kind: type[FeriaError], sentence: str
) -> None:
    with pytest.raises(kind, match=sentence):
        await registered.jobs.start(order(**said), owner="ana", model_owner="ana")
    assert await registered.jobs.jobs() == []


async def test_a_node_takes_no_apps_unless_it_is_told_to(
    database: Database, tmp_path: Path, bundle: bytes
) -> None:
    (tmp_path / "small.fab").write_bytes(bundle)
    async with federation_on(database, tmp_path) as federation:
        await federation.register()
        with pytest.raises(NotAllowed, match="FERIA_FEDERATION__APPS"):
            await federation.apps.register(tmp_path / "small.fab", owner="ana")
        with pytest.raises(NotAllowed):
            await federation.jobs.start(order(), owner="ana", model_owner="ana")


async def test_another_app_of_the_same_name_takes_its_place(
    registered: Federation, bundle: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "newer.fab"
    folder = tmp_path / "newer"
    shutil.copytree(SMALL, folder)
    project = folder / "pyproject.toml"
    project.write_text(project.read_text().replace("1.0.0", "1.1.0"))
    file.write_bytes(flower.bundle(folder))
    await registered.apps.register(file, owner="berta")
    (app,) = await registered.apps.apps()
    assert (app.version, app.owner) == ("1.1.0", "berta")
    await registered.apps.lend("small-app", tmp_path / "lent.fab")
    assert (tmp_path / "lent.fab").read_bytes() == file.read_bytes()
    assert len(list(registered.apps.folder.iterdir())) == 2
    await registered.apps.open()
    assert [one.name for one in registered.apps.folder.iterdir()] == [app.digest]
