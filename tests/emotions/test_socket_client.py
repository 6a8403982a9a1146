"""The SDK's stream: many at once, a node that has too much to do, and one that goes away and comes back."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

from emotions.reading import NAMES, SESSION, publish, shade
from feria import AsyncClient
from feria.access.tokens import Tokens
from feria.access.wire import Role, TokenOrder
from feria.cli.serving import listen
from feria.client.emotions import EmotionSocket
from feria.emotions.emotions import Emotions
from feria.emotions.expressions import ExpressionPredictor
from feria.emotions.wire import Prediction
from feria.errors import FeriaError, NotAnImage, NotSignedIn, Unavailable
from feria.settings import AccessSettings, EmotionSettings, Settings
from serving import Served, open_server, until

EXAMPLE = Path(__file__).parents[2] / "examples" / "emotions_client.py"


@pytest.fixture
async def faces(served: Served) -> AsyncGenerator[EmotionSocket]:
    async with EmotionSocket(served.url) as faces:
        yield faces


async def test_a_picture_by_its_bytes_or_its_path(faces: EmotionSocket, tmp_path: Path) -> None:
    file = tmp_path / "face.jpg"
    file.write_bytes(shade("fear"))
    for picture in (shade("fear"), file, str(file)):
        said = await faces.predict(picture)
        assert (said.emotion_name, said.model_version_tag) == ("fear", "v1.0.0")
        assert set(said.probabilities) == set(NAMES)


async def test_what_is_wrong_is_raised_as_the_node_raised_it(faces: EmotionSocket) -> None:
    with pytest.raises(NotAnImage):
        await faces.predict(b"nothing")
    with pytest.raises(FeriaError, match="no file"):
        await faces.predict("missing.jpg")
    good, bad = await faces.predict_many([shade("sad"), b"nothing"])
    assert isinstance(good, Prediction)
    assert isinstance(bad, NotAnImage)


async def test_what_there_is_to_ask_beside_predictions(faces: EmotionSocket) -> None:
    assert [one.name for one in await faces.emotions()] == list(NAMES)
    assert (await faces.model_info()).input_shape == "(None, 96, 96, 3)"
    assert (await faces.health())["status"] == "healthy"


async def test_a_hundred_pictures_come_back_in_their_order(faces: EmotionSocket) -> None:
    wanted = [NAMES[i % 7] for i in range(100)]

    async def frames() -> AsyncGenerator[bytes]:
        for name in wanted:
            yield shade(name)

    got = [answer async for _, answer in faces.follow(frames())]
    assert [one.emotion_name for one in got if isinstance(one, Prediction)] == wanted


async def test_no_more_pictures_are_taken_than_are_answered(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, answer, taken = threading.Event(), ExpressionPredictor.answer, 0

    def held(predictor: ExpressionPredictor, payloads: Any) -> Any:
        assert go.wait(300)
        return answer(predictor, payloads)

    monkeypatch.setattr(ExpressionPredictor, "answer", held)

    async def frames() -> AsyncGenerator[bytes]:
        nonlocal taken
        for _ in range(50):
            taken += 1
            yield shade("happy")

    async with EmotionSocket(served.url, in_flight=3) as faces:
        reading = asyncio.ensure_future(anext(faces.follow(frames())))
        await until(lambda: taken == 3)
        for _ in range(20):
            await asyncio.sleep(0)
        assert taken == 3
        go.set()
        await reading


async def test_more_tasks_than_the_node_takes_at_once_all_get_their_answer(settings: Settings) -> None:
    few = settings.model_copy(update={"emotions": EmotionSettings(max_in_flight=1)})
    async with open_server(few) as served, asyncio.timeout(300):
        await publish(served)
        async with EmotionSocket(served.url, in_flight=8) as faces:
            said = await asyncio.gather(*(faces.predict(shade(NAMES[i % 7])) for i in range(30)))
    assert [one.emotion_name for one in said] == [NAMES[i % 7] for i in range(30)]


async def test_a_node_that_restarts_is_found_again_and_what_was_allowed_still_is(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_server(settings) as served:
        await publish(served)
        port = int(served.url.rsplit(":", 1)[1])
        faces = EmotionSocket(served.url)
        await faces.__aenter__()
        assert await faces.allow("mood", session=SESSION) == SESSION
        await faces.predict(shade("happy"))
    await until(lambda: faces.reconnected)
    waiting = asyncio.ensure_future(faces.predict(shade("sad")))
    monkeypatch.setattr("serving.listen", lambda host, _: listen(host, port))
    async with open_server(settings) as served, asyncio.timeout(300):
        assert (await waiting).emotion_name == "sad"
        assert faces.reconnected == 1
        mood = await faces.mood()
        assert mood is not None
        assert mood.dominant == "sad"
        assert served.parts[Emotions].mood(SESSION) is not None
        await faces.__aexit__(None, None, None)


async def test_who_waits_for_a_node_that_does_not_come_back_is_told(settings: Settings) -> None:
    async with open_server(settings) as served:
        await publish(served)
        faces = EmotionSocket(served.url, patience=0.3)
        await faces.__aenter__()
    with pytest.raises(Unavailable):
        await faces.predict(shade("happy"))
    with pytest.raises(Unavailable):
        await faces.predict(shade("happy"))
    await faces.__aexit__(None, None, None)


async def test_where_no_node_is_it_is_said_at_once() -> None:
    with pytest.raises(Unavailable):
        async with EmotionSocket("http://127.0.0.1:9", patience=0):
            pass
    with pytest.raises(Unavailable, match="not open"):
        await EmotionSocket().predict(b"")


async def test_a_locked_node_is_shown_the_token(settings: Settings) -> None:
    locked = settings.model_copy(update={"access": AccessSettings(locked=True)})
    async with open_server(locked) as served:
        await publish(served)
        token = await served.parts[Tokens].create(TokenOrder(name="till", role=Role.client))
        async with EmotionSocket(served.url, token=token.token) as faces:
            assert (await faces.predict(shade("angry"))).emotion_name == "angry"
        for wrong in (None, "feria_000000000000_nothing"):
            with pytest.raises(NotSignedIn):
                async with EmotionSocket(served.url, token=wrong):
                    pass


async def test_the_clients_ask_over_http_too(served: Served) -> None:
    async with AsyncClient(served.url) as client, EmotionSocket(served.url) as faces:
        said = await client.read_expression(shade("disgust"))
        assert said.faces[0].emotion_name == "disgust"
        await faces.allow("mood", "statistics", session=SESSION)
        assert (await faces.predict(shade("sad"))).stored is True
        assert (await client.mood(SESSION)).dominant == "sad"
        assert (await client.emotion_statistics(step="day")).total == 1
        assert (await client.forget_mood(SESSION)).erased == 2
        assert await faces.forget() == 0


async def test_the_example_asks_for_all_and_shows_a_folder(served: Served, tmp_path: Path) -> None:
    for name in ("happy", "sad"):
        (tmp_path / f"{name}.jpg").write_bytes(shade(name))
    (tmp_path / "notes.txt").write_text("no picture")
    command = [sys.executable, str(EXAMPLE), "--url", served.url]

    async def run(*words: str) -> "subprocess.CompletedProcess[str]":
        return await anyio.to_thread.run_sync(
            lambda: subprocess.run([*command, *words], capture_output=True, text=True)
        )

    done = await run("--health", "--emotions", "--model-info", str(tmp_path / "happy.jpg"))
    assert done.returncode == 0, done.stderr
    for said in ("VisionAI Backend: healthy, 1 connected", "surprise", "(None, 96, 96, 3)", "happy.jpg"):
        assert said in done.stdout
    (tmp_path / "broken.png").write_bytes(b"nothing")
    done = await run("--folder", str(tmp_path))
    assert done.returncode == 1
    assert [word for word in ("happy.jpg", "sad.jpg", "not_an_image") if word not in done.stdout] == []
    assert "notes.txt" not in done.stdout
    assert (await run()).returncode == 2
