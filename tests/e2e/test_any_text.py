"""Any text in any place of a request that reaches the database, on each of them: answered, and no bug."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nets
from feria.app import open_app
from feria.settings import Settings, StorageSettings

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    [
        "\0",
        "a\0b",
        "%",
        "_",
        "'",
        '"',
        "\\",
        "\N{PILE OF POO}" * 64,
        "é" * 200,
        "0" * 28,
        "latest",
        "-0",
        "1e5",
    ]
)
HEADER = st.text(st.characters(codec="latin-1", categories=["L", "N", "P", "S", "Zs"]), max_size=140)
PATHS = st.sampled_from(
    [
        "GET /v1/tasks/{}", "GET /v1/tasks/{}/result", "GET /v1/tasks/{}/events", "DELETE /v1/tasks/{}",
        "GET /v1/tasks?kind={}", "GET /v1/tasks?before={}", "GET /v1/tasks?limit={}",
        "GET /v1/tasks?state={}",
        "GET /v1/models/{}", "GET /v1/models/sum/versions/{}", "DELETE /v1/models/{}", "GET /v1/blobs/{}",
        "DELETE /v1/tokens/{}", "GET /v1/privacy/{}", "DELETE /v1/privacy/{}",
        "POST /v1/models/{}/predict", "POST /v1/models/sum/predict?version={}",
        "POST /v1/models/sum/predict?priority={}", "POST /v1/models/{}/train", "POST /predict_model/{}",
    ]
)  # fmt: skip
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "Idempotency-Key",
            "Prefer",
            "Authorization",
            "Cookie",
            "X-Request-Id",
            "traceparent",
            "Content-Type",
        ]
    ),
    HEADER | st.just("respond-async"),
    max_size=3,
)


@pytest.fixture
async def http(storage_settings: StorageSettings, tmp_path: Path) -> AsyncGenerator[httpx.AsyncClient]:
    settings = Settings(home=tmp_path / "home", storage=storage_settings, _env_file=None)
    async with (
        open_app(settings) as (app, _),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http,
    ):
        published = await http.post("/v1/models/sum", files={"file": nets.linear([2.0])})
        assert published.status_code == 201, published.text
        yield http


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=PATHS, text=TEXT, headers=HEADERS)
async def test_any_text_is_answered_without_a_bug(
    http: httpx.AsyncClient, asked: str, text: str, headers: dict[str, str]
) -> None:
    method, _, path = asked.partition(" ")
    body: dict[str, Any] = {"json": {"rows": [[1]]}} if method == "POST" else {}
    sent = {name: value.encode("latin-1") for name, value in headers.items()}
    reply = await http.request(method, path.format(quote(text, safe="")), headers=sent, **body)
    assert reply.status_code < 500, f"{asked} {text!r} {headers}: {reply.text}"
