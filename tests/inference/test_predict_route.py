"""The hot route, by every way in and with everything that can be wrong."""

import asyncio
import base64
import io
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from PIL import Image
from starlette.types import Message

import nets
from feria.app import open_app
from feria.inference.engine import Engine
from feria.inference.wire import PicturePredictions, RowPredictions
from feria.settings import InferenceSettings, Settings, WebSettings
from listening import listening


def png(colour: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (20, 20), colour).save(file, "PNG")
    return file.getvalue()


RED, BLUE = png("red"), png("blue")
LABELS = {"labels": ["red", "green", "blue"]}


async def publish(http: httpx.AsyncClient, name: str, net: bytes, **description: Any) -> dict[str, Any]:
    reply = await http.post(
        f"/v1/models/{name}", files={"file": net}, data={"description": json.dumps(description)}
    )
    assert reply.status_code == 201, reply.text
    published: dict[str, Any] = reply.json()
    return published


async def test_rows_are_answered_with_the_version_that_answered(http: httpx.AsyncClient) -> None:
    published = await publish(http, "sum", nets.linear([1.0, 10.0]))
    await publish(http, "sum", nets.linear([0.0, 0.0]))
    reply = await http.post("/v1/models/sum/predict?version=1", json={"rows": [[1, 2], [3, 4]]})
    assert reply.json() == {
        "model": "sum",
        "version": 1,
        "digest": published["digest"],
        "predictions": [21.0, 43.0],
    }
    RowPredictions.model_validate(reply.json())
    assert (await http.post("/v1/models/sum/predict", json={"rows": [[1, 2]]})).json()["version"] == 2


async def test_every_way_to_send_a_picture_is_answered_alike(http: httpx.AsyncClient) -> None:
    await publish(http, "colours", nets.mean_colour(), **LABELS)
    url = "/v1/models/colours/predict"
    encoded = [base64.b64encode(picture).decode() for picture in (RED, BLUE)]
    replies = [
        await http.post(url, files=[("image", RED), ("image", BLUE)]),
        await http.post(url, json={"images": encoded}),
        await http.post(url, json={"image": encoded[0], "images": encoded[1:]}),
    ]
    for reply in replies:
        PicturePredictions.model_validate(reply.json())
        assert [one["label"] for one in reply.json()["predictions"]] == ["red", "blue"]
    raw = await http.post(url, content=RED, headers={"Content-Type": "image/png"})
    [prediction] = raw.json()["predictions"]
    assert prediction["label"] == prediction["top"][0]["label"] == "red"
    assert prediction["confidence"] == prediction["top"][0]["probability"] > 0.99
    assert len(prediction["top"]) == 3


async def test_a_picture_of_no_class_is_told_from_one_of_a_class(http: httpx.AsyncClient) -> None:
    """The nearer the mean colour is to grey, the less sure this network is of its three classes."""
    url = "/v1/models/colours/predict"
    sent = [("image", RED), ("image", png("gray")), ("image", BLUE)]
    await publish(http, "colours", nets.mean_colour(), **LABELS)
    plain = (await http.post(url, files=sent)).json()["predictions"]
    assert all(set(one) == {"label", "confidence", "top"} for one in plain)

    published = await publish(http, "colours", nets.mean_colour(), **LABELS, unsure_below=0.5)
    assert published["output"]["unsure_below"] == 0.5
    reply = (await http.post(url, files=sent)).json()
    assert [one.pop("unsure") for one in reply["predictions"]] == [False, True, False]
    assert reply["predictions"] == plain
    task = await http.post(url, files=sent, headers={"Prefer": "respond-async"})
    told = (await http.get(f"{task.headers['Location']}/result?wait=30")).json()
    assert [one.unsure for one in PicturePredictions.model_validate(told).predictions] == [False, True, False]


@pytest.mark.parametrize("limit", [-0.1, 1.1, "often"])
async def test_a_limit_that_is_no_probability_is_refused(http: httpx.AsyncClient, limit: Any) -> None:
    described = json.dumps(LABELS | {"unsure_below": limit})
    reply = await http.post(
        "/v1/models/colours", files={"file": nets.mean_colour()}, data={"description": described}
    )
    assert reply.status_code == 422
    assert "unsure_below" in reply.text


async def test_a_model_of_tensors_answers_with_tensors(http: httpx.AsyncClient) -> None:
    await publish(http, "add", nets.doubled())
    cube = [[[1, 2], [3, 4]]]
    url = "/v1/models/add/predict"
    reply = await http.post(url, json={"inputs": {"a": cube, "b": cube}})
    assert reply.json()["outputs"] == {"sum": [[[2, 4], [6, 8]]]}
    for inputs in (
        {"a": cube},
        {"a": cube, "b": [[1], [2, 3]]},
        {"a": cube, "b": "x"},
        {"a": cube, "b": [1]},
    ):
        assert (await http.post(url, json={"inputs": inputs})).status_code == 422


@pytest.mark.parametrize(
    ("path", "body", "status", "error", "said"),
    [
        ("/v1/models/nobody/predict", b"{}", 404, "not_found", "No model nobody"),
        ("/v1/models/sum/predict?version=7", b"{}", 404, "not_found", "No version 7"),
        ("/v1/models/sum/predict?version=x", b"{}", 422, "invalid", "`version` is a number"),
        ("/v1/models/-x/predict", b"{}", 422, "invalid", "is no model name"),
        ("/v1/models/sum/predict", b"", 422, "invalid", "not JSON"),
        ("/v1/models/sum/predict", b'{"rows": [[1]]}', 422, "invalid", "Row 0 has 1 values"),
        ("/v1/models/sum/predict", b'{"rows": [["a", 1]]}', 422, "invalid", "'a' is not a number"),
        ("/v1/models/colours/predict", b"", 415, "not_an_image", "empty"),
        ("/v1/models/colours/predict", b"hello", 415, "not_an_image", "no JPEG"),
        ("/v1/models/colours/predict", RED[:60], 415, "not_an_image", "picture"),
        ("/v1/models/colours/predict", b'{"image": "!"}', 415, "not_an_image", "Base64"),
        ("/v1/models/colours/predict", b'{"images": []}', 422, "invalid", "no pictures"),
        ("/v1/models/colours/predict", b'{"rows": [[1]]}', 422, "invalid", "The body must be"),
    ],
)
async def test_a_bad_request_is_told_why(
    http: httpx.AsyncClient, path: str, body: bytes, status: int, error: str, said: str
) -> None:
    await publish(http, "sum", nets.linear([1.0, 10.0]))
    await publish(http, "colours", nets.mean_colour(), **LABELS)
    reply = await http.post(path, content=body)
    assert (reply.status_code, reply.json()["error"]) == (status, error)
    assert said in reply.json()["detail"]


async def test_one_bad_picture_of_several_is_named(http: httpx.AsyncClient) -> None:
    await publish(http, "colours", nets.mean_colour(), **LABELS)
    files = [("image", RED), ("image", BLUE), ("image", b"no picture"), ("image", RED)]
    reply = await http.post("/v1/models/colours/predict", files=files)
    assert reply.status_code == 415
    assert reply.json()["picture"] == 2


async def test_more_pictures_than_a_batch_holds_come_back_in_order(http: httpx.AsyncClient) -> None:
    await publish(http, "colours", nets.mean_colour(), **LABELS)
    sent = [RED, BLUE, BLUE] * 9
    reply = await http.post("/v1/models/colours/predict", files=[("image", one) for one in sent])
    assert [p["label"] for p in reply.json()["predictions"]] == ["red", "blue", "blue"] * 9


async def test_a_body_beyond_the_limit_is_refused_announced_or_not(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, web=WebSettings(max_body_mib=1, max_upload_mib=2), _env_file=None)

    async def endless() -> Any:
        for _ in range(64):
            yield b" " * 65536

    async with (
        open_app(settings) as (app, _),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http,
    ):
        await publish(http, "sum", nets.linear([1.0]))
        for path in ("/v1/models/sum/predict", "/v1/models/sum/train", "/train_model/mlp"):
            for content in (b" " * 2_000_000, endless()):
                reply = await http.post(path, content=content)
                assert (reply.status_code, reply.json()["error"]) == (413, "too_large")
        reply = await http.post("/v1/models/sum", files={"file": bytes(3_000_000)})
        assert reply.status_code == 413


async def test_a_hundred_million_values_are_refused_unread(http: httpx.AsyncClient) -> None:
    reply = await http.post(
        "/v1/models/sum/train", content=b"[", headers={"Content-Length": str(200_000_000)}
    )
    assert reply.status_code == 413


class Gate:
    """A model that holds its worker until the gate opens."""

    name = "gate"
    max_jobs = 1
    expected_seconds = 0.001

    def __init__(self) -> None:
        self.opened = threading.Event()

    def answer(self, payloads: Sequence[Any]) -> list[Any]:
        self.opened.wait(300)
        return list(payloads)


VANISHING = 1000


async def test_callers_who_hang_up_cost_no_work(settings: Settings, tmp_path: Path) -> None:
    patient = InferenceSettings(threads=1, max_waiting=2 * VANISHING, max_wait_milliseconds=600_000)
    async with (
        open_app(settings.model_copy(update={"inference": patient})) as (app, node),
        listening(app, tmp_path / "socket", settings.web) as held,
    ):
        transport = httpx.AsyncHTTPTransport(uds=str(tmp_path / "socket"))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            await publish(http, "colours", nets.mean_colour(), **LABELS)
            gate = Gate()
            blocked = node.parts[Engine].submit(gate, "blocked", str)  # type: ignore[arg-type]
            head = b"POST /v1/models/colours/predict HTTP/1.1\r\nhost: 127.0.0.1\r\n"
            request = head + b"content-length: %d\r\n\r\n" % len(RED) + RED
            leaving = []
            for _ in range(VANISHING):
                _, writer = await asyncio.open_unix_connection(tmp_path / "socket")
                writer.write(request)
                leaving.append(writer)
            with anyio.fail_after(300):
                while await figure(http, "feria_predictions_waiting") < 1 + VANISHING:
                    continue
                for writer in leaving:
                    writer.close()
                while held.tasks:  # noqa: ASYNC110 - a server tells nobody that it noticed
                    await asyncio.sleep(0)
            gate.opened.set()
            assert await blocked == "blocked"
            reply = await http.post("/v1/models/colours/predict", content=RED)
            assert reply.json()["predictions"][0]["label"] == "red"
            assert await figure(http, "feria_batch_size_sum") == 2  # the one at the gate, the one who stayed
            assert await figure(http, "feria_predictions_cancelled_total") == VANISHING


async def figure(http: httpx.AsyncClient, name: str) -> float:
    lines = (await http.get("/metrics")).text.splitlines()
    [found] = [line for line in lines if line.split(" ")[0] == name]
    return float(found.split(" ")[1])


async def test_a_full_node_refuses_a_body_unread(settings: Settings) -> None:
    """Spoken in raw ASGI, for only there can one see that nothing was read."""
    full = settings.model_copy(update={"inference": InferenceSettings(threads=1, max_waiting=1)})
    async with open_app(full) as (app, node):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http:
            await publish(http, "colours", nets.mean_colour(), **LABELS)
        gate, sent = Gate(), list[Message]()
        held = node.parts[Engine].submit(gate, "held", str)  # type: ignore[arg-type]

        async def receive() -> Message:
            raise AssertionError("The body was asked for.")

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "scheme": "http",
            "method": "POST",
            "path": "/v1/models/colours/predict",
            "query_string": b"",
            "headers": [(b"host", b"127.0.0.1"), (b"content-length", b"30000000")],
        }
        await app(scope, receive, send)
        assert sent[0]["status"] == 503
        assert b"retry-after" in dict(sent[0]["headers"])
        gate.opened.set()
        assert await held == "held"


FOOTWEAR = ("shoe", "boot", "sandal", "clog", "Loafer", "sock")
NETWORKS = {
    "squeezenet1_0_dc": (
        "synset.txt",
        {
            "input": "data",
            "width": 227,
            "height": 227,
            "channels": "BGR",
            "mean": [104, 117, 123],
            "scale": [1],
        },
        (16, 27),
    ),
    "mobilenet_v2_1.0_224_u8w": (
        "labels_1001.txt",
        {"input": "input", "width": 224, "height": 224, "mean": [127.5], "scale": [1 / 127.5]},
        (31, 39),
    ),
}


@pytest.mark.parametrize("network", NETWORKS)
async def test_real_photographs_are_classified(
    network: str, http: httpx.AsyncClient, shared_data: Path
) -> None:
    """Forty photographs of shoes, 128 px: how many are footwear at first guess, and among the first five."""
    labels, wanted, (first, among_five) = NETWORKS[network]
    names = (shared_data / "models/imagenet" / labels).read_text().splitlines()
    net = (shared_data / f"models/imagenet/{network}.onnx").read_bytes()
    await publish(http, "net", net, labels=names, input={"type": "image", **wanted})
    photographs = sorted((shared_data / "photos/clothing/shoes").glob("*.jpg"))[:40]
    files = [("image", photograph.read_bytes()) for photograph in photographs]
    reply = await http.post("/v1/models/net/predict", files=files)
    tops = [[one["label"] for one in prediction["top"]] for prediction in reply.json()["predictions"]]
    assert sum(is_footwear(top[:1]) for top in tops) >= first - 2
    assert sum(is_footwear(top) for top in tops) >= among_five - 2


def is_footwear(labels: list[str]) -> bool:
    return any(word in label for label in labels for word in FOOTWEAR)


async def test_a_burst_of_every_kind_at_once_is_answered_each_with_its_own(http: httpx.AsyncClient) -> None:
    await publish(http, "sum", nets.linear([1.0, 10.0]))
    await publish(http, "colours", nets.mean_colour(), **LABELS)

    async def row(n: int) -> bool:
        reply = await http.post("/v1/models/sum/predict", json={"rows": [[n, n]]})
        return bool(reply.json()["predictions"] == [11.0 * n])

    async def picture(n: int) -> bool:
        colour = ("red", "blue")[n % 2]
        reply = await http.post("/v1/models/colours/predict", content=(RED, BLUE)[n % 2])
        return bool(reply.json()["predictions"][0]["label"] == colour)

    async def bad(n: int) -> bool:
        return (await http.post("/v1/models/colours/predict", content=b"bad")).status_code == 415

    assert all(await asyncio.gather(*(deed(n) for n in range(50) for deed in (row, picture, bad))))
