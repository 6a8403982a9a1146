"""Expressions over HTTP."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import anyio
import httpx
import pytest

from emotions.reading import NAMES, SESSION, base64_of, shade
from feria.emotions.emotions import Emotions
from feria.settings import EmotionSettings, Settings
from serving import Served, open_server


@pytest.fixture
async def http(served: Served) -> AsyncGenerator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=served.url, timeout=300) as http:
        yield http


async def test_one_picture_as_it_is_or_in_json(http: httpx.AsyncClient) -> None:
    picture = shade("fear")
    for sent in (
        {"content": picture, "headers": {"Content-Type": "image/jpeg"}},
        {"json": {"image": base64_of(picture)}},
        {"json": {"image": f"data:image/jpeg;base64,{base64_of(picture)}"}},
    ):
        reply = await http.post("/v1/emotions", **sent)  # type: ignore[arg-type]
        assert reply.status_code == 200, reply.text
        said = reply.json()
        assert (said["model"], said["version"], said["model_version_tag"]) == ("emotions", 1, "v1.0.0")
        [face] = said["faces"]
        assert face["emotion_name"] == "fear"
        assert face["confidence"] == face["probabilities"]["fear"] == max(face["probabilities"].values())
        assert list(face["probabilities"]) == list(NAMES)
        assert "box" not in face
        assert "stored" not in said


async def test_faces_are_looked_for_when_asked(
    http: httpx.AsyncClient, photographs: dict[str, bytes]
) -> None:
    reply = await http.post("/v1/emotions?detect=true", content=photographs["happy"])
    [face] = reply.json()["faces"]
    assert 0 < face["box"]["width"] <= 1
    reply = await http.post("/v1/emotions?detect=true", content=shade("happy"))
    assert (reply.status_code, reply.json()["error"]) == (422, "no_face")


@pytest.mark.parametrize(
    ("sent", "status", "error"),
    [
        ({"content": b""}, 415, "not_an_image"),
        ({"content": b"hello"}, 415, "not_an_image"),
        ({"json": {"image": "%%"}}, 415, "not_an_image"),
        ({"json": {"images": []}}, 422, "invalid"),
        ({"json": {"images": ["AAAA", "AAAA"]}}, 422, "invalid"),
        ({"json": [1]}, 422, "invalid"),
        ({"content": b"x", "params": {"allow": "everything"}}, 422, "invalid"),
        ({"content": b"x", "params": {"session": "short"}}, 422, "invalid"),
    ],
    ids=["nothing", "no picture", "no base64", "none", "two", "a list", "consent", "session"],
)
async def test_what_is_wrong_is_said(
    http: httpx.AsyncClient, sent: dict[str, Any], status: int, error: str
) -> None:
    reply = await http.post("/v1/emotions", **sent)
    assert (reply.status_code, reply.json()["error"]) == (status, error)


async def test_nothing_is_kept_unless_it_is_allowed(http: httpx.AsyncClient) -> None:
    await http.post("/v1/emotions", params={"session": SESSION}, content=shade("happy"))
    assert (await http.get("/v1/emotions/mood", params={"session": SESSION})).status_code == 404
    assert (await http.get("/v1/emotions/statistics")).json()["total"] == 0


async def test_what_is_allowed_is_kept_shown_counted_and_forgotten(http: httpx.AsyncClient) -> None:
    allowed = {"session": SESSION, "allow": ["mood", "statistics"]}
    for name in ("happy", "happy", "sad"):
        reply = await http.post("/v1/emotions", params=allowed, content=shade(name))
        assert reply.json()["stored"] is True
    mood = (await http.get("/v1/emotions/mood", params={"session": SESSION})).json()
    assert (mood["dominant"], mood["looks"]) == ("happy", 3)
    for step in ("minute", "hour", "day"):
        said = (await http.get("/v1/emotions/statistics", params={"step": step})).json()
        assert said["total"] == 3
        assert {one["name"]: one["count"] for one in said["classes"] if one["count"]} == {
            "happy": 2, "sad": 1,
        }  # fmt: skip
        assert sum(span["total"] for span in said["spans"]) == 3
    kept = (await http.get(f"/v1/privacy/{SESSION}")).json()["rooms"]["emotions"]
    assert [one.get("emotion_name") for one in kept[:3]] == ["happy", "happy", "sad"]
    assert (await http.delete("/v1/emotions/mood", params={"session": SESSION})).json() == {"erased": 4}
    assert (await http.get("/v1/emotions/statistics")).json()["total"] == 0


async def test_an_administrator_erases_a_session_like_any_other_person(http: httpx.AsyncClient) -> None:
    allowed = {"session": SESSION, "allow": ["mood", "statistics"]}
    await http.post("/v1/emotions", params=allowed, content=shade("sad"))
    assert (await http.delete(f"/v1/privacy/{SESSION}")).json()["rooms"]["emotions"] == 2
    assert (await http.get(f"/v1/privacy/{SESSION}")).json()["rooms"]["emotions"] == []


async def test_statistics_of_an_impossible_time_are_refused(http: httpx.AsyncClient) -> None:
    for query in (
        "since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z",
        "since=2020-01-01T00:00:00Z&until=2026-01-01T00:00:00Z&step=minute",
        "since=yesterday",
        "since=2026-01-01T00:00:00",
        "step=week",
    ):
        assert (await http.get(f"/v1/emotions/statistics?{query}")).status_code == 422, query


async def test_no_picture_and_no_name_is_in_the_database_or_anywhere_in_the_home(
    served: Served, http: httpx.AsyncClient, settings: Settings
) -> None:
    picture = shade("happy", kind="PNG")
    allowed = {"session": SESSION, "allow": ["mood", "statistics"]}
    assert (await http.post("/v1/emotions", params=allowed, content=picture)).json()["stored"]
    for file in settings.home.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert picture[:64] not in content, file
            assert SESSION.encode() not in content, file


# --------------------------------------------------------------------- a network of one's own
async def test_an_own_network_is_put_on_the_shelf_once(settings: Settings) -> None:
    from emotions.reading import by_brightness

    file = settings.home.parent / "own.onnx"
    file.write_bytes(by_brightness())
    file.with_suffix(".json").write_text(json.dumps({"labels": NAMES[::-1], "unsure_below": 0.9}))
    own = settings.model_copy(update={"emotions": EmotionSettings(model_path=file)})
    for _ in range(2):
        async with open_server(own) as served, httpx.AsyncClient(base_url=served.url, timeout=300) as http:
            with anyio.fail_after(300):
                while not await served.parts[Emotions].healthy():  # noqa: ASYNC110 - it is put beside all else
                    await anyio.sleep(0.01)
            said = (await http.post("/v1/emotions", content=shade("angry"))).json()
            assert (said["faces"][0]["emotion_name"], said["version"]) == ("surprise", 1)
            assert said["faces"][0]["unsure"] in {True, False}


@pytest.mark.parametrize(
    ("name", "said"),
    [("net.h5", "feria models convert net.h5"), ("none.onnx", "cannot be read"), ("bad.onnx", "not ONNX")],
)
async def test_an_own_network_that_is_none_is_told_in_the_log_and_the_node_goes_on(
    settings: Settings, caplog: pytest.LogCaptureFixture, name: str, said: str
) -> None:
    (settings.home.parent / "bad.onnx").write_bytes(b"no network")
    own = settings.model_copy(update={"emotions": EmotionSettings(model_path=settings.home.parent / name)})
    async with open_server(own) as served, httpx.AsyncClient(base_url=served.url, timeout=300) as http:
        with anyio.fail_after(300):
            while said not in caplog.text:  # noqa: ASYNC110
                await anyio.sleep(0.01)
        assert (await http.get("/livez")).status_code == 200


async def test_a_network_without_labels_has_the_seven_in_their_order(settings: Settings) -> None:
    from emotions.reading import by_brightness
    from feria.registry.shelf import Registry

    async with open_server(settings) as served, httpx.AsyncClient(base_url=served.url, timeout=300) as http:
        await served.parts[Registry].publish("emotions", by_brightness())
        said = (await http.post("/v1/emotions", content=shade("disgust"))).json()
        assert said["faces"][0]["emotion_name"] == "disgust"


async def test_a_model_that_reads_no_pictures_is_said_to_be_none(settings: Settings) -> None:
    import nets
    from feria.registry.shelf import Registry

    async with open_server(settings) as served, httpx.AsyncClient(base_url=served.url, timeout=300) as http:
        await served.parts[Registry].publish("emotions", nets.linear([1.0]))
        reply = await http.post("/v1/emotions", content=shade("happy"))
        assert (reply.status_code, reply.json()["error"]) == (422, "not_a_model")


# --------------------------------------------------------------------- beside shoppers' events
async def test_an_event_is_kept_with_the_mood_of_who_allowed_both(
    served: Served, http: httpx.AsyncClient
) -> None:
    sold = {"sku": "TAZA-1", "title": {"es": "Taza", "en": "Mug"}, "price": "3.50"}
    assert (await http.put("/v1/products/TAZA-1", json=sold)).is_success
    allowed = {"session": SESSION, "allow": "mood"}
    await http.post("/v1/emotions", params=allowed, content=shade("happy"))

    async def tell(number: int, **more: Any) -> dict[str, Any]:
        event = {"id": str(number), "shopper": SESSION, "kind": "view", "sku": "TAZA-1", "consent": True}
        reply = await http.post("/v1/events", json={"events": [event | more]})
        assert reply.json()["kept"] == 1, reply.text
        kept: list[dict[str, Any]] = (await http.get(f"/v1/privacy/{SESSION}")).json()["rooms"][
            "recommendations"
        ]
        return kept[-1]

    assert (await tell(1))["mood"] is None
    mood = (await tell(2, mood=True))["mood"]
    assert max(mood, key=mood.get) == "happy"
    await http.delete("/v1/emotions/mood", params={"session": SESSION})
    assert (await tell(3, mood=True))["mood"] is None
