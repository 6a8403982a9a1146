"""The stream as our own clients speak it: ids, binary frames, batches, faces, consent, and its limits."""

import asyncio
import gc
import json
import threading
import weakref
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from emotions.reading import NAMES, SESSION, ask, base64_of, heard, publish, shade, streaming
from faces.conftest import png
from feria.access.tokens import Tokens
from feria.access.wire import Role, TokenOrder
from feria.emotions.emotions import Emotions
from feria.emotions.expressions import ExpressionPredictor
from feria.faces.boxes import Box
from feria.settings import AccessSettings, EmotionSettings, InferenceSettings, Settings
from feria.web.draining import Draining
from serving import Served, open_server, until


@pytest.fixture
async def socket(served: Served) -> AsyncGenerator[ClientConnection]:
    async with streaming(served) as socket:
        await heard(socket)
        yield socket


class Held:
    """Predictions that do not end until they are let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = 0
        self.go = threading.Event()
        answer = ExpressionPredictor.answer

        def held(predictor: ExpressionPredictor, payloads: Any) -> Any:
            self.begun += len(payloads)
            assert self.go.wait(300)
            return answer(predictor, payloads)

        monkeypatch.setattr(ExpressionPredictor, "answer", held)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Any:
    held = Held(monkeypatch)
    yield held
    held.go.set()


@asynccontextmanager
async def node(settings: Settings, **emotions: Any) -> AsyncGenerator[Served]:
    changed = settings.model_copy(update={"emotions": EmotionSettings(**emotions)})
    async with open_server(changed) as served, asyncio.timeout(300):
        await publish(served)
        yield served


# --------------------------------------------------------------------- requests and answers
async def test_the_welcome_says_what_may_be_sent(served: Served) -> None:
    async with streaming(served) as socket:
        welcome = await heard(socket)
    assert welcome["type"] == "welcome"
    assert welcome["allow"] == []
    assert welcome["limits"] == {"in_flight": 8, "message_bytes": 8 * 2**20, "pictures": 32}
    assert "predict" in welcome["commands"]


async def test_an_answer_carries_the_requests_id_and_every_probability(socket: ClientConnection) -> None:
    for id in (7, "frame-7"):
        said = await ask(socket, command="predict", id=id, image=base64_of(shade("fear")))
        assert (said["id"], said["emotion_name"], said["type"]) == (id, "fear", "prediction")
        assert list(said["probabilities"]) == list(NAMES)
        assert sum(said["probabilities"].values()) == pytest.approx(1, abs=1e-3)
        assert "stored" not in said


async def test_a_binary_frame_is_a_picture(socket: ClientConnection) -> None:
    for kind in ("JPEG", "PNG", "WEBP"):
        await socket.send(shade("surprise", kind=kind))
        assert (await heard(socket))["emotion_name"] == "surprise"


async def test_a_batch_answers_each_picture_and_one_that_is_bad_harms_no_other(
    socket: ClientConnection,
) -> None:
    images = [base64_of(shade("happy")), base64_of(b"nothing"), base64_of(shade("sad"))]
    said = await ask(socket, command="predict", id=1, images=images)
    assert (said["type"], said["id"]) == ("predictions", 1)
    first, bad, last = said["predictions"]
    assert (first["emotion_name"], last["emotion_name"]) == ("happy", "sad")
    assert (bad["type"], bad["error"]) == ("error", "not_an_image")


async def test_a_batch_of_none_or_of_too_many_is_refused(socket: ClientConnection) -> None:
    for count in (0, 33):
        said = await ask(socket, command="predict", id="x", images=["AAAA"] * count)
        assert (said["type"], said["error"], said["id"]) == ("error", "invalid", "x")


async def test_an_id_that_is_none_is_refused_and_a_bad_request_keeps_its_own(
    socket: ClientConnection,
) -> None:
    assert (await ask(socket, command="health", id=[1]))["error"] == "invalid"
    assert (await ask(socket, command="health", id="x" * 65))["error"] == "invalid"
    said = await ask(socket, command="predict", id=5, detect="maybe", image="")
    assert (said["error"], said["id"]) == ("invalid", 5)


async def test_with_ids_a_quick_answer_overtakes_a_slow_one_and_without_it_waits(
    socket: ClientConnection, held: Held
) -> None:
    picture = base64_of(shade("happy"))
    await socket.send(json.dumps({"command": "predict", "image": picture}))
    await socket.send(json.dumps({"command": "health"}))
    await socket.send(json.dumps({"command": "health", "id": "h"}))
    assert (await heard(socket))["id"] == "h"
    held.go.set()
    assert [(await heard(socket))["type"] for _ in range(2)] == ["prediction", "health"]


async def test_a_new_version_answers_from_one_frame_to_the_next(
    served: Served, socket: ClientConnection
) -> None:
    picture = base64_of(shade("angry"))
    assert (await ask(socket, command="predict", image=picture))["model_version_tag"] == "v1.0.0"
    await publish(served, labels=NAMES[::-1])
    said = await ask(socket, command="predict", image=picture)
    assert (said["model_version_tag"], said["emotion_name"]) == ("v2.0.0", "surprise")


async def test_without_a_network_the_stream_says_so_and_goes_on(settings: Settings) -> None:
    async with open_server(settings) as served, streaming(served) as socket:
        await heard(socket)
        assert (await ask(socket, command="predict", image="AAAA"))["error"] == "not_found"
        assert (await ask(socket, command="model_info"))["error"] == "not_found"
        assert (await ask(socket, command="health"))["status"] == "degraded"
        assert len((await ask(socket, command="emotions"))["emotions"]) == 7
        await publish(served)
        assert (await ask(socket, command="health"))["status"] == "healthy"


async def test_a_network_with_more_classes_tells_them_too(settings: Settings) -> None:
    from emotions.reading import by_brightness

    async with open_server(settings) as served, streaming(served) as socket:
        await publish(served, by_brightness(8), [*NAMES, "contempt"])
        await heard(socket)
        said = await ask(socket, command="emotions")
        assert said["emotions"][7] == {"id": 8, "name": "contempt", "description": ""}
        white = png(np.full((8, 8), 255, np.uint8))
        assert (await ask(socket, command="predict", image=base64_of(white)))["emotion_name"] == "contempt"


# --------------------------------------------------------------------- faces
class Corners:
    """Finds a face in the left half of every frame, and a smaller one at the right."""

    def __init__(self) -> None:
        self.looks = 0

    def find(self, frame: Any) -> list[Box]:
        self.looks += 1
        width = frame.shape[1]
        return [Box(0, 0, width // 2), Box(3 * width // 4, 0, width // 4)] if frame.max() > 60 else []


@pytest.fixture
def corners(served: Served, monkeypatch: pytest.MonkeyPatch) -> Corners:
    found = Corners()

    async def detector() -> Corners:
        return found

    monkeypatch.setattr(served.parts[Emotions], "detector", detector)
    return found


def halves(left: str, right: str) -> bytes:
    """A picture whose left half shows one expression and whose right half another."""
    frame = np.zeros((200, 400), np.uint8)
    for columns, name in ((slice(0, 200), left), (slice(200, 400), right)):
        frame[:, columns] = round((NAMES.index(name) + 0.5) / 7 * 255)
    return png(frame)


async def test_each_face_is_answered_with_where_it_is_the_largest_first(
    socket: ClientConnection, corners: Corners
) -> None:
    said = await ask(
        socket, command="predict", id=1, detect=True, image=base64_of(halves("happy", "surprise"))
    )
    assert said["emotion_name"] == "happy"
    first, second = said["faces"]
    assert (first["emotion_name"], second["emotion_name"]) == ("happy", "surprise")
    assert first["box"] == {"left": 0, "top": 0, "width": 0.5, "height": 1}
    assert second["box"] == {"left": 0.75, "top": 0, "width": 0.25, "height": 0.5}


async def test_where_no_face_is_found_it_is_said(socket: ClientConnection, corners: Corners) -> None:
    said = await ask(
        socket, command="predict", id=1, detect=True, image=base64_of(png(np.zeros((50, 50), np.uint8)))
    )
    assert (said["error"], said["id"]) == ("no_face", 1)


async def test_options_hold_for_binary_frames(socket: ClientConnection, corners: Corners) -> None:
    assert await ask(socket, command="options", detect=True) == {
        "type": "options", "status": "success", "detect": True,
    }  # fmt: skip
    await socket.send(halves("sad", "sad"))
    assert len((await heard(socket))["faces"]) == 2


async def test_a_face_that_keeps_still_is_not_looked_for_again(
    socket: ClientConnection, corners: Corners
) -> None:
    rng = np.random.default_rng(0)
    frame = png(rng.integers(0, 256, (100, 200), np.uint8))
    for _ in range(5):
        await ask(socket, command="predict", detect=True, image=base64_of(frame))
    assert corners.looks == 1


async def test_photographs_of_faces_are_found_and_read(
    served: Served, socket: ClientConnection, photographs: dict[str, bytes]
) -> None:
    for name, photograph in photographs.items():
        said = await ask(socket, command="predict", id=name, detect=True, image=base64_of(photograph))
        assert said["type"] == "prediction", (name, said)
        box = said["faces"][0]["box"]
        assert -0.2 < box["left"] < box["left"] + box["width"] < 1.2


# --------------------------------------------------------------------- limits
async def test_more_than_may_be_under_way_is_refused_at_once_and_the_rest_is_answered(
    settings: Settings, held: Held
) -> None:
    picture = base64_of(shade("happy"))
    async with node(settings, max_in_flight=2) as served, streaming(served) as socket:
        await heard(socket)
        for id in range(4):
            await socket.send(json.dumps({"command": "predict", "id": id, "image": picture}))
        refused = [await heard(socket) for _ in range(2)]
        assert [(one["id"], one["error"]) for one in refused] == [(2, "overloaded"), (3, "overloaded")]
        assert all(one["retry_after_ms"] > 0 for one in refused)
        held.go.set()
        assert {(await heard(socket))["id"] for _ in range(2)} == {0, 1}


async def test_a_node_with_too_much_to_do_says_overloaded(settings: Settings, held: Held) -> None:
    small = settings.model_copy(update={"inference": InferenceSettings(max_waiting=3)})
    picture = base64_of(shade("happy"))
    async with node(small) as served, streaming(served) as one, streaming(served) as other:
        await heard(one)
        await heard(other)
        for id in range(3):
            await one.send(json.dumps({"command": "predict", "id": id, "image": picture}))
        await until(lambda: held.begun)
        said = await ask(other, command="predict", id="late", image=picture)
        assert (said["error"], said["id"]) == ("overloaded", "late")
        assert said["retry_after_ms"] >= 1000


async def test_nothing_is_computed_for_who_has_left(settings: Settings, held: Held) -> None:
    single = settings.model_copy(update={"inference": InferenceSettings(threads=1, max_batch=1)})
    picture = base64_of(shade("happy"))
    async with node(single) as served:
        async with streaming(served) as socket:
            await heard(socket)
            for id in range(5):
                await socket.send(json.dumps({"command": "predict", "id": id, "image": picture}))
            await until(lambda: held.begun == 1)
        await until(lambda: not served.parts[Emotions].streams)
        held.go.set()
        async with streaming(served) as socket:
            await heard(socket)
            assert (await ask(socket, command="predict", image=picture))["emotion_name"] == "happy"
        assert held.begun == 2


async def test_a_large_message_is_refused_and_the_stream_goes_on(settings: Settings) -> None:
    async with node(settings, max_message_kib=4) as served, streaming(served) as socket:
        await heard(socket)
        said = await ask(socket, command="predict", image="A" * 5000)
        assert (said["error"], said["limit"]) == ("too_large", 4096)
        assert (await ask(socket, command="health"))["status"] == "healthy"


async def test_a_message_of_50_mb_ends_the_connection_with_1009_and_no_other(
    served: Served, socket: ClientConnection
) -> None:
    async with streaming(served) as other:
        await heard(other)
        with pytest.raises(ConnectionClosed) as closed:
            for _ in range(100):
                await other.send("A" * 50_000_000)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009
    assert (await ask(socket, command="health"))["status"] == "healthy"


async def test_a_message_in_many_fragments_is_one_message(socket: ClientConnection) -> None:
    text = json.dumps({"command": "predict", "image": base64_of(shade("sad"))})
    await socket.send([text[i : i + 100] for i in range(0, len(text), 100)])
    assert (await heard(socket))["emotion_name"] == "sad"


async def test_a_flood_is_read_no_faster_than_may_be_and_holds_up_nobody(settings: Settings) -> None:
    answers = 0

    async def send(socket: ClientConnection) -> None:
        for _ in range(10_000):
            await socket.send('{"command": "health"}')

    async def count(socket: ClientConnection) -> None:
        nonlocal answers
        async for _ in socket:
            answers += 1

    async with (
        node(settings, messages_per_second=200) as served,
        streaming(served) as flood,
        streaming(served) as quiet,
    ):
        await heard(flood)
        await heard(quiet)
        clock = asyncio.get_running_loop().time
        began = clock()
        flooding = {asyncio.ensure_future(send(flood)), asyncio.ensure_future(count(flood))}
        for _ in range(10):
            assert (await ask(quiet, command="health"))["status"] == "healthy"
        assert clock() - began < 5
        for task in flooding:
            task.cancel()
        await asyncio.wait(flooding)
        assert 0 < answers <= 200 * (clock() - began + 1)


async def test_who_reads_nothing_is_not_read_either(settings: Settings) -> None:
    async with node(settings, messages_per_second=1e6) as served:
        async with streaming(served, max_queue=1) as socket:
            sent = 0
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(3):
                    while True:
                        await socket.send('{"command": "emotions"}')
                        sent += 1
            stream = next(iter(served.parts[Emotions].streams))
            assert len(stream.out._unsaid) <= 256
            socket.transport.abort()
        await until(lambda: not served.parts[Emotions].streams)


async def test_more_streams_than_may_be_are_told_to_try_again_later(settings: Settings) -> None:
    async with node(settings, max_streams=1) as served, streaming(served) as first:
        await heard(first)
        async with streaming(served) as second:
            with pytest.raises(ConnectionClosed) as closed:
                await second.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1013
        assert (await ask(first, command="health"))["clients_connected"] == 1


# --------------------------------------------------------------------- the end
async def test_a_node_that_drains_takes_no_new_streams(served: Served, socket: ClientConnection) -> None:
    served.parts[Draining].begun = True
    async with streaming(served) as second:
        with pytest.raises(ConnectionClosed) as closed:
            await second.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1013
    assert (await ask(socket, command="health"))["status"] == "healthy"


async def test_a_node_that_stops_answers_what_is_under_way_and_says_1001(
    served: Served, socket: ClientConnection, held: Held
) -> None:
    await socket.send(json.dumps({"command": "predict", "id": 1, "image": base64_of(shade("happy"))}))
    await until(lambda: held.begun)
    served.server.drain()
    await until(lambda: served.parts[Emotions].leaving)
    held.go.set()
    assert (await heard(socket))["emotion_name"] == "happy"
    with pytest.raises(ConnectionClosed) as closed:
        await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001


async def test_pages_of_other_sites_open_no_stream(served: Served) -> None:
    for path in ("/", "/v1/emotions/stream"):
        with pytest.raises(InvalidStatus) as refused:
            async with streaming(served, path, origin="https://elsewhere.example"):
                pass
        assert refused.value.response.status_code == 403


async def test_a_locked_node_asks_for_a_token_and_ends_the_stream_with_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feria.access.lasting.ASK_AGAIN_SECONDS", 0.01)
    locked = settings.model_copy(update={"access": AccessSettings(locked=True)})
    async with node(locked) as served:
        for path in ("/", "/v1/emotions/stream"):
            with pytest.raises(InvalidStatus) as refused:
                async with streaming(served, path):
                    pass
            assert refused.value.response.status_code == 401
        token = await served.parts[Tokens].create(TokenOrder(name="till", role=Role.client))
        shown = {"Authorization": f"Bearer {token.token}"}
        async with streaming(served, additional_headers=shown) as socket:
            await heard(socket)
            await served.parts[Tokens].revoke(token.id)
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1008


async def test_who_may_not_predict_opens_no_stream(settings: Settings) -> None:
    locked = settings.model_copy(update={"access": AccessSettings(locked=True)})
    async with node(locked, guests=True) as served:
        token = await served.parts[Tokens].create(TokenOrder(name="screen", role=Role.viewer))
        with pytest.raises(InvalidStatus) as refused:
            async with streaming(served, additional_headers={"Authorization": f"Bearer {token.token}"}):
                pass
        assert refused.value.response.status_code == 403


async def test_guests_may_be_let_in_and_share_what_is_read_of_their_address(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feria.access.lasting.ASK_AGAIN_SECONDS", 0.01)
    locked = settings.model_copy(update={"access": AccessSettings(locked=True)})
    async with (
        node(locked, guests=True, guest_messages_per_second=20) as served,
        streaming(served, "/") as one,
        streaming(served) as other,
    ):
        await heard(one)
        await heard(other)
        clock = asyncio.get_running_loop().time
        began = clock()
        picture = base64_of(shade("sad"))
        for socket in (one, other) * 15:
            assert (await ask(socket, command="predict", image=picture))["emotion_name"] == "sad"
        assert clock() - began > (30 - 5 - 1) / 20


# --------------------------------------------------------------------- consent
async def test_a_mood_is_for_who_allowed_it_and_gone_when_they_no_longer_do(
    socket: ClientConnection,
) -> None:
    await ask(socket, command="predict", image=base64_of(shade("happy")))
    assert (await ask(socket, command="mood"))["mood"] is None
    said = await ask(socket, command="consent", allow=["mood"], session=SESSION)
    assert said == {"type": "consent", "status": "success", "allow": ["mood"], "session": SESSION}
    await ask(socket, command="predict", image=base64_of(shade("happy")))
    mood = (await ask(socket, command="mood"))["mood"]
    assert (mood["dominant"], mood["looks"]) == ("happy", 1)
    assert (await ask(socket, command="consent", allow=[]))["allow"] == []
    assert (await ask(socket, command="mood"))["mood"] is None


async def test_a_session_without_an_id_is_given_one(socket: ClientConnection) -> None:
    said = await ask(socket, command="consent", allow=["mood"])
    assert len(said["session"]) == 32


@pytest.mark.parametrize(
    "wrong",
    [{"allow": ["everything"]}, {"allow": "mood"}, {"allow": ["mood"], "session": "short"},
     {"allow": ["mood"], "session": "ana@example.org-and-more"}],
    ids=["unknown", "no list", "short", "an address"],
)  # fmt: skip
async def test_consent_that_cannot_be_meant_changes_nothing(
    socket: ClientConnection, wrong: dict[str, Any]
) -> None:
    await ask(socket, command="consent", allow=["mood"], session=SESSION)
    assert (await ask(socket, command="consent", **wrong))["error"] == "invalid"
    await ask(socket, command="predict", image=base64_of(shade("sad")))
    assert (await ask(socket, command="mood"))["mood"]["dominant"] == "sad"


async def test_labels_are_stored_when_it_is_said_and_forgotten_when_asked(
    served: Served, socket: ClientConnection
) -> None:
    await ask(socket, command="consent", allow=["statistics"], session=SESSION)
    for name in ("happy", "happy", "sad"):
        assert (await ask(socket, command="predict", image=base64_of(shade(name))))["stored"] is True
    kept = await served.parts[Emotions].export(SESSION)
    assert [one["emotion_name"] for one in kept] == ["happy", "happy", "sad"]
    assert (await ask(socket, command="forget"))["erased"] == 3
    assert await served.parts[Emotions].export(SESSION) == []


async def test_streams_that_have_ended_leave_nothing_behind(served: Served) -> None:
    ended = []
    for _ in range(3):
        async with streaming(served) as socket:
            await heard(socket)
            await ask(socket, command="predict", image=base64_of(shade("sad")))
            ended.append(weakref.ref(next(iter(served.parts[Emotions].streams))))
        await until(lambda: not served.parts[Emotions].streams)
    await until(lambda: gc.collect() or not any(one() for one in ended))
