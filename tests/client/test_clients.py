"""Both clients, against a node."""

import hashlib
import inspect
import io
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from client.small_models import Ask, brightness, doubling
from feria import AsyncClient, Client
from feria.client import calls
from feria.errors import (
    Corrupt,
    FeriaError,
    Invalid,
    NotAModel,
    NotAnImage,
    NotFound,
    TooLarge,
    Unavailable,
)
from feria.registry.wire import Description, State


def grey(value: int) -> bytes:
    out = io.BytesIO()
    Image.new("L", (8, 8), value).save(out, "PNG")
    return out.getvalue()


def content(file: Path) -> bytes:
    return file.read_bytes()


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


async def test_a_published_file_is_listed_found_and_answers(ask: Ask, name: str, doubling_file: Path) -> None:
    model = await ask("publish", name, doubling_file, Description(card="Twice as much."))
    assert (model.name, model.version, model.card) == (name, 1, "Twice as much.")
    assert model.digest == hashlib.sha256(doubling()).hexdigest()
    assert name in {one.name for one in await ask("models")}
    for found in (await ask("model", name), await ask("model", name, 1)):
        assert found.here == 1.0
        assert found.model_dump(exclude={"here"}) == model.model_dump()
    answer = await ask("predict", name, [[2.0], [21.0]])
    assert answer.predictions == (4.0, 42.0)
    assert (answer.model, answer.version, answer.digest) == (name, 1, model.digest)
    assert answer.probabilities is None


async def test_versions_come_newest_first_and_can_be_asked_by_number(ask: Ask, name: str) -> None:
    await ask("publish", name, doubling(2.0))
    await ask("publish", name, doubling(3.0))
    assert [one.version for one in await ask("versions", name)] == [2, 1]
    assert (await ask("predict", name, [[1.0]])).predictions == (3.0,)
    assert (await ask("predict", name, [[1.0]], version=1)).predictions == (2.0,)


async def test_a_deprecated_version_is_no_longer_the_latest_until_restored(ask: Ask, name: str) -> None:
    await ask("publish", name, doubling(2.0))
    await ask("publish", name, doubling(3.0))
    changed = await ask("deprecate", name, 2, "too eager")
    assert (changed.state, changed.state_reason) == (State.deprecated, "too eager")
    assert (await ask("model", name)).version == 1
    assert (await ask("restore", name, 2)).state is State.ready
    assert (await ask("model", name)).version == 2


async def test_without_a_ready_version_there_is_no_model(ask: Ask, name: str) -> None:
    await ask("publish", name, doubling())
    await ask("deprecate", name, 1)
    with pytest.raises(NotFound, match=name):
        await ask("model", name)


async def test_what_is_deleted_is_gone(ask: Ask, name: str) -> None:
    for factor in (1.0, 2.0, 3.0):
        await ask("publish", name, doubling(factor))
    assert await ask("delete", name, 2) is None
    assert [one.version for one in await ask("versions", name)] == [3, 1]
    await ask("delete", name)
    with pytest.raises(NotFound):
        await ask("versions", name)


async def test_a_file_comes_back_byte_for_byte(
    ask: Ask, name: str, doubling_file: Path, tmp_path: Path
) -> None:
    model = await ask("publish", name, doubling_file)
    folder = tmp_path / "out"
    folder.mkdir()
    assert await ask("download", model, folder) == folder / f"{name}-1.onnx"
    by_digest = await ask("download", model.digest, str(tmp_path / "again.onnx"))
    assert content(by_digest) == content(doubling_file) == doubling()
    assert files(folder) == [f"{name}-1.onnx"]


async def test_a_failed_download_leaves_nothing_and_spares_what_was_there(ask: Ask, tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    target.write_bytes(b"mine")
    with pytest.raises(NotFound):
        await ask("download", "0" * 64, target)
    assert content(target) == b"mine"
    assert files(tmp_path) == ["model.onnx"]


async def test_an_unexpected_file_is_refused(ask: Ask, name: str) -> None:
    with pytest.raises(FeriaError, match="sha256"):
        await ask("publish", name, doubling(), sha256="0" * 64)
    with pytest.raises(NotFound):
        await ask("versions", name)


async def test_pictures_are_classified_from_files_and_bytes(ask: Ask, name: str, tmp_path: Path) -> None:
    await ask("publish", name, brightness(), Description(labels=("dark", "bright")))
    file = tmp_path / "white.png"
    file.write_bytes(grey(255))
    answer = await ask("classify", name, file, grey(0), str(file))
    assert [one.label for one in answer.predictions] == ["bright", "dark", "bright"]
    assert answer.predictions[0].confidence == pytest.approx(1.0)
    assert [one.label for one in answer.predictions[1].top] == ["dark", "bright"]


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ([["much"]], Invalid),
        ([[1.0, 2.0]], Invalid),
        ([], Invalid),
        ([{"no such": 1}], Invalid),
        ([[float("inf")]], Invalid),
        ([[1.0]] * 300_000, TooLarge),
    ],
)
async def test_bad_rows_come_back_as_the_error_they_are(ask: Ask, rows: Any, error: type[FeriaError]) -> None:
    await ask("publish", "bad-rows", doubling())
    with pytest.raises(error) as caught:
        await ask("predict", "bad-rows", rows)
    assert type(caught.value) is error
    assert caught.value.message.endswith(".")


async def test_bytes_that_are_no_picture_and_files_that_are_no_model_are_told_apart(
    ask: Ask, name: str
) -> None:
    with pytest.raises(NotAModel):
        await ask("publish", name, b"not a model")
    await ask("publish", name, brightness())
    with pytest.raises(NotAnImage):
        await ask("classify", name, b"not a picture")


async def test_a_row_error_says_which_row(ask: Ask, name: str) -> None:
    await ask("publish", name, doubling())
    with pytest.raises(Invalid) as caught:
        await ask("predict", name, [[1.0], ["x"]])
    assert caught.value.details["row"] == 1


@pytest.mark.parametrize(
    "rows",
    [[{"x1": 2.0}], [(2,)], np.array([[2.0]]), [[np.float32(2)]], [np.array([2])], [{"x1": np.int64(2)}]],
    ids=["mapping", "tuple", "array", "float32", "list of arrays", "int64"],
)
async def test_rows_may_be_what_people_have(ask: Ask, rows: Any) -> None:
    await ask("publish", "rows-of-all-kinds", doubling())
    assert (await ask("predict", "rows-of-all-kinds", rows)).predictions == (4.0,)


async def test_a_node_that_is_there_is_ready(ask: Ask) -> None:
    assert await ask("ready") is True


async def test_a_missing_file_is_said_before_anything_is_sent(ask: Ask) -> None:
    with pytest.raises(Invalid, match=r"no file nowhere\.onnx"):
        await ask("publish", "x", "nowhere.onnx")
    with pytest.raises(Invalid, match=r"no file nowhere\.csv"):
        await ask("train", "x", "svm", "nowhere.csv", "y")


async def test_the_name_of_a_model_cannot_leave_its_path(ask: Ask) -> None:
    for odd in ("../../readyz", "a/b", "a?b", "ä"):
        with pytest.raises((Invalid, NotFound)):
            await ask("model", odd)


def test_where_no_node_is_the_error_says_what_to_do() -> None:
    with Client("http://127.0.0.1:9") as client:
        assert client.ready() is False
        with pytest.raises(Unavailable, match="feria serve"):
            client.models()


async def test_where_no_node_is_the_awaited_client_says_the_same() -> None:
    async with AsyncClient("http://127.0.0.1:9") as client:
        assert await client.ready() is False
        with pytest.raises(Unavailable, match="feria serve"):
            await client.models()


@pytest.mark.parametrize("url", ["ftp://here", "localhost:8000", "http://", "nonsense"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(Invalid, match="address of a node"):
        Client(url)


def test_the_environment_names_the_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FERIA_URL", "http://stall.example:9000/")
    with Client() as client:
        assert client.url == "http://stall.example:9000"
    with Client("http://other.example") as client:
        assert client.url == "http://other.example"


def test_both_clients_have_the_same_methods_with_the_same_signatures() -> None:
    described = [name for name in vars(Client) if not name.startswith("_") and hasattr(calls, name)]
    assert "train" in described
    for method in described:
        ours, theirs = (inspect.signature(getattr(kind, method)) for kind in (Client, AsyncClient))
        assert ours == theirs
        assert getattr(Client, method).__doc__ == getattr(calls, method).__doc__
    assert "name" in inspect.signature(Client("http://x").predict).parameters


def test_a_download_that_arrives_changed_is_corrupt(tmp_path: Path) -> None:
    # No node of ours sends wrong bytes, so something else has to.
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=b"changed on the way"))
    with Client("http://node", transport=transport) as client, pytest.raises(Corrupt, match="not 0000"):
        client.download("0" * 64, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []
