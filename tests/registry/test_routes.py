"""The shelf over HTTP."""

import json
from typing import Any

import httpx
import pytest

import nets

NET = nets.linear([1.0])


async def publish(
    http: httpx.AsyncClient, name: str = "heart", net: bytes = NET, **form: str
) -> dict[str, Any]:
    reply = await http.post(f"/v1/models/{name}", files={"file": net}, data=form)
    assert reply.status_code == 201, reply.text
    published: dict[str, Any] = reply.json()
    return published


async def test_a_model_is_published_listed_shown_and_deleted(http: httpx.AsyncClient) -> None:
    first = await publish(http, description=json.dumps({"card": "# Hearts"}))
    second = await publish(http)
    assert (first["version"], first["card"], second["version"]) == (1, "# Hearts", 2)
    assert (await http.get("/v1/models")).json() == {"models": [second]}
    assert (await http.get("/v1/models/heart")).json() == {"models": [second, first]}
    assert (await http.get("/v1/models/heart/versions/1")).json() == first
    assert (await http.delete("/v1/models/heart/versions/2")).status_code == 204
    assert (await http.get("/v1/models")).json() == {"models": [first]}
    assert (await http.delete("/v1/models/heart")).status_code == 204
    assert (await http.get("/v1/models/heart")).status_code == 404


async def test_a_deprecated_version_says_so(http: httpx.AsyncClient) -> None:
    await publish(http)
    url = "/v1/models/heart/versions/1"
    reply = await http.patch(url, json={"state": "deprecated", "reason": "leak"})
    assert (reply.json()["state"], reply.json()["state_reason"]) == ("deprecated", "leak")
    assert (await http.get("/v1/models")).json() == {"models": []}
    assert (await http.patch(url, json={"state": "deleted"})).status_code == 422


async def test_a_file_comes_back_by_its_digest_whole_and_in_parts(http: httpx.AsyncClient) -> None:
    digest = (await publish(http))["digest"]
    url = f"/v1/blobs/{digest}"
    whole = await http.get(url)
    assert (whole.content, whole.headers["etag"]) == (NET, f'"{digest}"')
    part = await http.get(url, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, NET[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(NET)}"
    beyond = await http.get(url, headers={"Range": f"bytes={len(NET)}-"})
    assert beyond.status_code == 416
    assert (await http.get("/v1/blobs/" + "0" * 64)).status_code == 404
    assert (await http.get("/v1/blobs/short")).status_code == 422


@pytest.mark.parametrize(
    ("path", "files", "form", "status", "error"),
    [
        ("/v1/models/-bad", {"file": NET}, {}, 422, "invalid"),
        ("/v1/models/a", {"file": b""}, {}, 422, "not_a_model"),
        ("/v1/models/a", {"file": b"no model"}, {}, 422, "not_a_model"),
        ("/v1/models/a", {"other": NET}, {}, 422, "invalid"),
        ("/v1/models/a", {"file": NET}, {"sha256": "0" * 64}, 422, "invalid"),
        ("/v1/models/a", {"file": NET}, {"description": "{"}, 422, "invalid"),
        ("/v1/models/a", {"file": NET}, {"description": '{"labels": 5}'}, 422, "invalid"),
    ],
)
async def test_what_cannot_be_published_is_refused(
    http: httpx.AsyncClient, path: str, files: Any, form: Any, status: int, error: str
) -> None:
    reply = await http.post(path, files=files, data=form)
    assert (reply.status_code, reply.json()["error"]) == (status, error), reply.text
    assert (await http.get("/v1/models")).json() == {"models": []}


async def test_unknown_paths_and_methods_answer_in_the_houses_words(http: httpx.AsyncClient) -> None:
    unknown = await http.get("/v1/nothing")
    assert (unknown.status_code, unknown.json()["error"]) == (404, "not_found")
    wrong = await http.put("/v1/models")
    assert (wrong.status_code, wrong.json()["error"]) == (405, "method_not_allowed")


async def test_the_node_is_live_at_once_and_says_when_it_is_ready(http: httpx.AsyncClient) -> None:
    assert (await http.get("/livez")).json() == {"status": "live"}
    while (await http.get("/readyz")).status_code == 503:
        pass
    assert (await http.get("/readyz")).json() == {"status": "ready"}
