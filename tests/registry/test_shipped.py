"""What comes with feria is on the shelf once, and is its operator's from then on."""

import json
import logging
import tomllib
from pathlib import Path

import httpx
import pytest

import nets
from feria.access.tokens import Tokens
from feria.access.wire import HOUSE, LOCAL, PERMISSIONS, Caller, Role, TokenOrder
from feria.app import open_app
from feria.errors import Invalid, NotFound
from feria.inference.engine import Engine
from feria.node import Node, _putting_shipped, open_node
from feria.registry import shipped
from feria.registry.shelf import Registry
from feria.registry.shipped import put_shipped
from feria.registry.wire import State
from feria.settings import AccessSettings, RegistrySettings, Settings
from serving import until

COLOURS, NEWER = nets.mean_colour(8), nets.mean_colour(16)
SAID = {
    "kind": "cnn",
    "labels": ["red", "green", "blue"],
    "unsure_below": 0.5,
    "metrics": {"accuracy": 0.9},
    "trained_from": {"data": "colours"},
}
ANA = Caller("ana", PERMISSIONS[Role.operator], Role.operator)
BEA = Caller("bea", PERMISSIONS[Role.operator], Role.operator)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "colours.onnx").write_bytes(COLOURS)
    (folder / "colours.json").write_text(json.dumps(SAID))
    (folder / "colours.md").write_text("# Colours\n\nKnows three.")
    return folder


@pytest.fixture
def registry(node: Node) -> Registry:
    registry: Registry = node.parts[Registry]
    return registry


async def references(registry: Registry, name: str = "colours") -> list[str]:
    return [row.reference for row in await registry.versions(name)]


async def test_a_file_and_what_is_said_of_it_are_published_once(registry: Registry, folder: Path) -> None:
    [put] = await put_shipped(registry, folder)
    assert (put.reference, put.owner, put.kind) == ("colours@1", HOUSE, "cnn")
    assert (put.output.labels, put.output.unsure_below) == (("red", "green", "blue"), 0.5)
    assert (put.metrics, put.trained_from) == (SAID["metrics"], SAID["trained_from"])
    assert put.card.startswith("# Colours")
    assert await registry.find("colours") == put
    assert await put_shipped(registry, folder) == []
    assert await references(registry) == ["colours@1"]


async def test_a_file_alone_is_enough(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "plain.onnx").write_bytes(COLOURS)
    [put] = await put_shipped(registry, tmp_path)
    assert (put.reference, put.kind, put.card) == ("plain@1", "onnx", "")


@pytest.mark.parametrize("deed", ["delete", "delete all", "deprecate"])
async def test_what_was_taken_off_the_shelf_stays_off(deed: str, registry: Registry, folder: Path) -> None:
    await put_shipped(registry, folder)
    match deed:
        case "delete":
            await registry.delete("colours", 1)
        case "delete all":
            await registry.delete("colours")
        case _:
            await registry.change_state("colours", 1, State.deprecated)
    assert await put_shipped(registry, folder) == []
    with pytest.raises(NotFound):
        await registry.find("colours")


async def test_a_new_file_is_a_new_version_and_the_old_one_again_is_none(
    registry: Registry, folder: Path
) -> None:
    await put_shipped(registry, folder)
    (folder / "colours.onnx").write_bytes(NEWER)
    [put] = await put_shipped(registry, folder)
    assert (put.reference, put.owner) == ("colours@2", HOUSE)
    (folder / "colours.onnx").write_bytes(COLOURS)
    assert await put_shipped(registry, folder) == []
    assert (await registry.find("colours")).version == 2


async def test_who_publishes_on_top_has_the_name(registry: Registry, folder: Path) -> None:
    await put_shipped(registry, folder)
    owner = await registry.check_owner("colours", ANA)
    own = await registry.publish("colours", nets.mean_colour(4), owner=owner)
    assert (own.reference, own.owner) == ("colours@2", "ana")
    with pytest.raises(NotFound, match="another's"):
        await registry.check_owner("colours", BEA)
    (folder / "colours.onnx").write_bytes(NEWER)
    assert await put_shipped(registry, folder) == []  # a newer one of ours does not come before theirs
    assert await registry.find("colours") == own
    await registry.delete("colours", 2)
    assert await registry.check_owner("colours", BEA) == "bea"
    assert [put.reference for put in await put_shipped(registry, folder)] == ["colours@3"]


async def test_whose_the_name_was_before_has_it(registry: Registry, folder: Path) -> None:
    await registry.publish("colours", nets.mean_colour(4), owner="ana")
    assert await put_shipped(registry, folder) == []
    await registry.erase("ana")
    assert await put_shipped(registry, folder) == []
    assert await references(registry) == ["colours@1"]


async def test_nobody_is_called_as_the_house_is(node: Node, registry: Registry, folder: Path) -> None:
    with pytest.raises(Invalid, match="taken by what comes with feria"):
        await node.parts[Tokens].create(TokenOrder(name=HOUSE, role=Role.operator))
    await put_shipped(registry, folder)
    assert await registry.export(HOUSE) == []
    assert await registry.erase(HOUSE) == 0
    assert (await registry.find("colours")).owner == HOUSE
    assert await registry.check_owner("colours", LOCAL) == LOCAL.subject


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("colours.json", b"{", "colours.json or colours.md cannot be read"),
        ("colours.json", b"[1]", "colours.json or colours.md"),
        ("colours.json", b'{"labels": ["one"]}', "1 labels for 3 classes"),
        ("colours.json", b'{"metrics": 1}', "metrics"),
        ("colours.md", b"\xff\xff", "colours.json or colours.md cannot be read"),
        ("colours.md", b"x" * 70_000, "card"),
        ("colours.onnx", b"no network", "is not ONNX"),
        ("colours.onnx", b"", "empty"),
    ],
)
async def test_a_faulty_file_is_told_in_the_log_and_keeps_no_other_away(
    caplog: pytest.LogCaptureFixture, file: str, content: bytes, said: str, registry: Registry, folder: Path
) -> None:
    (folder / "zebra.onnx").write_bytes(NEWER)
    (folder / file).write_bytes(content)
    with caplog.at_level(logging.ERROR):
        assert [put.name for put in await put_shipped(registry, folder)] == ["zebra"]
    [line] = caplog.records
    assert "colours, which comes with feria, is not on the shelf" in line.getMessage()
    assert said in line.getMessage()


async def test_no_folder_and_a_node_that_closes_are_no_matter(registry: Registry, folder: Path) -> None:
    assert await put_shipped(registry, folder / "nowhere") == []
    assert await put_shipped(registry, folder, closing=lambda: True) == []


async def test_a_node_puts_on_its_shelf_what_its_package_brings_unless_told_not_to(
    settings: Settings,
) -> None:
    brought = {file.stem for file in shipped.FOLDER.glob("*.onnx")}
    async with open_node(settings) as node:
        pass
    async with open_node(settings) as node:
        assert await node.parts[Registry].models() == []
    settings = settings.model_copy(update={"registry": RegistrySettings(shipped=True)})
    for _ in range(2):
        async with open_node(settings) as node:
            engine = node.parts[Engine]
            await until(lambda: all(engine.latest(name) for name in brought))  # noqa: B023 - awaited here
    async with open_node(settings) as node:
        assert {model.reference for model in await node.parts[Registry].models()} == {
            f"{name}@1" for name in brought
        }


async def test_a_node_that_closes_has_put_a_model_whole_or_not_at_all(node: Node, folder: Path) -> None:
    registry: Registry = node.parts[Registry]
    (folder / "zebra.onnx").write_bytes(NEWER)
    async with _putting_shipped(registry, folder):
        pass
    for model in await registry.models():
        assert (await registry.file(model)).read_bytes() in {COLOURS, NEWER}


async def test_an_operator_of_a_locked_node_may_change_them(settings: Settings, folder: Path) -> None:
    locked = settings.model_copy(update={"access": AccessSettings(locked=True)})
    async with open_app(locked) as (app, node):
        await put_shipped(node.parts[Registry], folder)
        tokens = node.parts[Tokens]
        keys = {
            role: (await tokens.create(TokenOrder(name=f"{role}-1", role=role))).token
            for role in (Role.client, Role.operator)
        }
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http:

            async def publish(role: Role) -> httpx.Response:
                bearer = {"Authorization": f"Bearer {keys[role]}"}
                return await http.post("/v1/models/colours", files={"file": NEWER}, headers=bearer)

            assert (await publish(Role.client)).status_code == 403
            reply = await publish(Role.operator)
            assert (reply.status_code, reply.json()["owner"]) == (201, "operator-1")


def test_the_wheel_brings_the_folder_along() -> None:
    """hatch takes whatever is not Python from the package's folder too; what git ignores it leaves out."""
    root = Path(__file__).parents[2]
    built = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert built["packages"] == ["src/feria"]
    assert "exclude" not in built
    assert root / "src" / "feria" / "assets" / "models" == shipped.FOLDER
