"""Contract 6, replayed: expressions over a WebSocket at the root."""

import json
import re
from collections.abc import AsyncGenerator
from datetime import datetime
from pathlib import Path

import anyio
import pytest
from sqlalchemy import text
from websockets.asyncio.client import ClientConnection

from emotions.reading import ask, base64_of, heard, publish, shade, streaming
from feria.settings import EmotionSettings, Settings
from feria.storage.database import Database
from serving import Served, open_server

PREDICTION = [
    "type", "status", "emotion_name", "confidence", "model_version_tag", "processing_time_ms", "timestamp",
]  # fmt: skip


@pytest.fixture
async def served(settings: Settings) -> AsyncGenerator[Served]:
    async with open_server(settings) as served:
        await publish(served)
        with anyio.fail_after(300):
            yield served


@pytest.fixture
async def socket(served: Served) -> AsyncGenerator[ClientConnection]:
    async with streaming(served, "/") as socket:
        assert (await heard(socket))["type"] == "welcome"
        yield socket


async def test_the_server_speaks_first(served: Served) -> None:
    async with streaming(served, "/") as socket:
        welcome = await heard(socket)
    assert (welcome["type"], welcome["status"]) == ("welcome", "success")
    assert welcome["message"]


async def test_a_prediction_has_the_contracts_members_and_no_others(socket: ClientConnection) -> None:
    said = await ask(socket, command="predict", image=base64_of(shade("happy")))
    assert list(said) == PREDICTION
    assert (said["type"], said["status"], said["emotion_name"]) == ("prediction", "success", "happy")
    assert 0.5 < said["confidence"] <= 1
    assert said["confidence"] == round(said["confidence"], 4)
    assert said["model_version_tag"] == "v1.0.0"
    assert isinstance(said["processing_time_ms"], int)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", said["timestamp"])
    assert datetime.fromisoformat(said["timestamp"]).tzinfo is None


async def test_the_seven_emotions_by_number(socket: ClientConnection) -> None:
    said = await ask(socket, command="emotions")
    assert list(said) == ["type", "status", "emotions"]
    assert (said["type"], said["status"]) == ("emotions", "success")
    assert said["emotions"][0] == {"id": 1, "name": "angry", "description": "Enojo o ira"}
    assert [(one["id"], one["name"]) for one in said["emotions"]] == [
        (1, "angry"), (2, "disgust"), (3, "fear"), (4, "happy"), (5, "neutral"), (6, "sad"), (7, "surprise"),
    ]  # fmt: skip
    assert all(one["description"] for one in said["emotions"])


async def test_what_the_model_is(socket: ClientConnection) -> None:
    assert await ask(socket, command="model_info") == {
        "type": "model_info",
        "status": "success",
        "info": {
            "status": "loaded",
            "input_shape": "(None, 96, 96, 3)",
            "num_classes": 7,
            "total_params": 9,  # the loaded network's own
        },
    }


async def test_how_the_service_is_and_how_many_are_connected(
    served: Served, socket: ClientConnection
) -> None:
    async with streaming(served, "/") as second, streaming(served) as third:
        await heard(second)
        await heard(third)
        assert await ask(socket, command="health") == {
            "type": "health",
            "status": "healthy",
            "service": "VisionAI Backend",
            "clients_connected": 3,
        }


async def test_a_data_url_and_base64_in_lines_are_pictures_too(socket: ClientConnection) -> None:
    picture = base64_of(shade("sad"))
    lines = "\n".join(picture[i : i + 76] for i in range(0, len(picture), 76))
    for image in (f"data:image/jpeg;base64,{picture}", lines):
        assert (await ask(socket, command="predict", image=image))["emotion_name"] == "sad"


async def test_several_requests_are_answered_in_their_order(socket: ClientConnection) -> None:
    wanted = ["angry", "happy", "surprise", "fear"]
    for name in wanted:
        await socket.send(json.dumps({"command": "predict", "image": base64_of(shade(name))}))
    await socket.send(json.dumps({"command": "health"}))
    said = [await heard(socket) for _ in range(5)]
    assert [one["emotion_name"] for one in said[:4]] == wanted
    assert said[4]["type"] == "health"


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("not JSON", "invalid"),
        ("[1]", "invalid"),
        ('{"command": "dance"}', "invalid"),
        ('{"image": "aGVsbG8="}', "invalid"),
        ('{"command": "predict"}', "invalid"),
        ('{"command": "predict", "image": 5}', "invalid"),
        ('{"command": "predict", "image": "%%%"}', "invalid"),
        ('{"command": "predict", "image": ""}', "not_an_image"),
        ('{"command": "predict", "image": "aGVsbG8gd29ybGQ="}', "not_an_image"),
    ],
    ids=["text", "a list", "unknown", "no command", "no image", "a number", "no base64", "empty", "garbage"],
)
async def test_what_is_wrong_is_said_and_the_stream_goes_on(
    socket: ClientConnection, message: str, error: str
) -> None:
    await socket.send(message)
    said = await heard(socket)
    assert (said["type"], said["status"], said["error"]) == ("error", "error", error)
    assert said["message"] == said["detail"] != ""
    assert (await ask(socket, command="health"))["status"] == "healthy"


async def test_every_prediction_is_stored_where_the_operator_answers_for_it(settings: Settings) -> None:
    allowing = settings.model_copy(update={"emotions": EmotionSettings(allow=("statistics",))})
    async with open_server(allowing) as served:
        model = await publish(served)
        async with streaming(served, "/") as socket:
            await heard(socket)
            for name in ("happy", "sad", "happy"):
                assert list(await ask(socket, command="predict", image=base64_of(shade(name)))) == PREDICTION
        query = text(
            "SELECT emotion_classes.name, model_versions.tag, model_versions.digest, session "
            "FROM predictions_log JOIN emotion_classes ON emotion_classes.id = emotion_id "
            "JOIN model_versions ON model_versions.id = model_version_id ORDER BY number"
        )
        async with served.parts[Database].transaction(read_only=True) as session:
            rows = [tuple(row) for row in await session.execute(query)]
    assert rows == [(name, "v1.0.0", model.digest, None) for name in ("happy", "sad", "happy")]


async def test_nothing_is_stored_of_who_has_not_allowed_it(served: Served, socket: ClientConnection) -> None:
    await ask(socket, command="predict", image=base64_of(shade("happy")))
    async with served.parts[Database].transaction(read_only=True) as session:
        assert await session.scalar(text("SELECT count(*) FROM predictions_log")) == 0


# --------------------------------------------------------------------- `.env`
def read(folder: Path, *lines: str) -> Settings:
    (folder / ".env").write_text("\n".join(lines))
    return Settings(_env_file=folder / ".env")


def test_the_contracts_env_is_understood(tmp_path: Path) -> None:
    said = read(
        tmp_path,
        "DATABASE_URL=postgresql+psycopg2://vision:secret@db:5432/vision",
        "HOST=127.0.0.1",
        "PORT=8765",
        "MODEL_PATH=models/emotions.onnx",
        "DEBUG=True",
    )
    assert said.storage.url == "postgresql+psycopg2://vision:secret@db:5432/vision"
    assert (said.web.host, said.web.port) == ("127.0.0.1", 8765)
    assert said.emotions.model_path == Path("models/emotions.onnx")
    assert said.telemetry.log_level == "debug"


def test_our_own_names_go_before_the_contracts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FERIA_WEB__HOST", "localhost")
    said = read(tmp_path, "HOST=0.0.0.0", "PORT=1", "FERIA_WEB__PORT=2", "MODEL_PATH=a.onnx", "DEBUG=false")
    assert (said.web.host, said.web.port, said.telemetry.log_level) == ("localhost", 2, "info")


def test_an_env_without_a_model_is_another_programs(tmp_path: Path) -> None:
    said = read(tmp_path, "DATABASE_URL=mysql://shop", "HOST=0.0.0.0", "PORT=80", "DEBUG=1")
    assert said.model_dump() == Settings(_env_file=None).model_dump()
