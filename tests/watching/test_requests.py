"""The id that a request carries, and the line it leaves."""

import json
import logging
import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from cli.running import Feria
from feria.app import open_app
from feria.node import Node
from feria.registry.shelf import Registry
from feria.settings import Settings, TelemetrySettings
from feria.tasks.processes import Processes
from feria.web.draining import Draining

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "watch-a-node.md"
OWN = re.compile(r"[0-9a-f]{8}-[0-9]+")


@pytest.fixture
def feria(tmp_path: Path) -> Feria:
    (tmp_path / "folder").mkdir()
    return Feria(tmp_path / "home", tmp_path / "folder")


@pytest.fixture
async def pair(settings: Settings) -> AsyncGenerator[tuple[httpx.AsyncClient, Node]]:
    loud = settings.model_copy(update={"telemetry": TelemetrySettings(log_requests=True)})
    async with (
        open_app(loud) as (app, node),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as http,
    ):
        yield http, node


@pytest.mark.parametrize("path", ["/livez", "/v1/models/none", "/nowhere", "/v1/models/none/predict"])
async def test_every_answer_says_which_request_it_answers(http: httpx.AsyncClient, path: str) -> None:
    method = "POST" if path.endswith("predict") else "GET"
    first, second = [(await http.request(method, path)).headers["x-request-id"] for _ in range(2)]
    assert OWN.fullmatch(first)
    assert OWN.fullmatch(second)
    assert first != second
    answer = await http.request(method, path, headers={"X-Request-Id": "till-3_42.a"})
    assert answer.headers.get_list("x-request-id") == ["till-3_42.a"]


@given(st.text(st.characters(max_codepoint=255), max_size=80))
@hypothesis(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
async def test_an_id_is_taken_when_it_is_well_formed_and_only_then(
    http: httpx.AsyncClient, given: str
) -> None:
    headers = [(b"X-Request-Id", given.encode("latin-1"))]
    answered = (await http.get("/livez", headers=headers)).headers["x-request-id"]
    if re.fullmatch(r"[A-Za-z0-9._-]{1,64}", given):
        assert answered == given
    else:
        assert OWN.fullmatch(answered)


async def test_a_bug_of_ours_is_answered_with_the_id_it_is_logged_under(
    pair: tuple[httpx.AsyncClient, Node], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    http, node = pair

    async def stumble() -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(node.parts[Registry], "models", stumble)
    answer = await http.get("/v1/models", headers={"X-Request-Id": "lima-1"})
    assert (answer.status_code, answer.json()["request_id"]) == (500, "lima-1")
    assert answer.headers["x-request-id"] == "lima-1"
    assert [r.message for r in caplog.records if r.exc_info] == ["A bug of ours."]


async def test_a_line_says_what_was_asked_and_nothing_that_is_secret(
    pair: tuple[httpx.AsyncClient, Node], caplog: pytest.LogCaptureFixture
) -> None:
    http, _ = pair
    caplog.set_level(logging.INFO, "feria")
    await http.post(
        "/v1/models/a%0Ab/predict?token=s3cret",
        headers={"Authorization": "Bearer s3cret", "Cookie": "session=s3cret"},
        content=b'{"rows": ["s3cret"]}',
    )
    (line,) = [record for record in caplog.records if record.message == "request"]
    said = line.__dict__
    assert (said["method"], said["path"], said["status"]) == ("POST", "/v1/models/a%0Ab/predict", 422)
    assert said["caller"] == "local"
    assert said["bytes"] > 0
    assert said["milliseconds"] > 0
    assert "s3cret" not in str(said)


async def test_a_quiet_node_writes_a_line_for_what_went_wrong_only(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from feria.errors import Busy, Unavailable

    caplog.set_level(logging.INFO, "feria")
    async with (
        open_app(settings) as (app, node),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as http,
    ):
        errors: list[Exception] = [Busy("Too many."), Unavailable("Away.")]

        async def fail() -> Any:
            raise errors.pop(0)

        monkeypatch.setattr(node.parts[Registry], "models", fail)
        assert [(await http.get("/v1/models")).status_code for _ in range(2)] == [503, 503]
        await http.get("/livez")
        await http.get("/nowhere")
    lines = [record.__dict__["path"] for record in caplog.records if record.message == "request"]
    assert lines == ["/v1/models"]  # that of `Unavailable`: refusals under load are only counted
    assert node.parts[Processes]


def test_the_line_in_the_guide_is_one_that_a_node_writes(feria: Feria) -> None:
    shown = json.loads(re.findall(r'^\{"time".*\}$', GUIDE.read_text("utf-8"), re.M)[0])
    (feria.folder / ".env").write_text("FERIA_TELEMETRY__LOG_REQUESTS=true\n")
    with feria.node() as node:
        httpx.post(
            f"{node.url}/v1/models/none/predict?token=s3cret",
            headers={"X-Request-Id": shown["request_id"]},
            timeout=300,
        )
        _, said = node.stop()
    told = [json.loads(line) for line in said.splitlines()]
    (line,) = [line for line in told if line["event"] == "request"]  # a slow machine has another to say
    assert list(line) == list(shown)
    assert {key: line[key] for key in ("level", "logger", "event", "request_id", "method", "caller")} == {
        key: shown[key] for key in ("level", "logger", "event", "request_id", "method", "caller")
    }


async def test_a_no_of_readyz_and_of_the_door_is_counted_by_its_reason_and_leaves_no_line(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "feria")
    async with (
        open_app(settings) as (app, node),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as http,
    ):
        node.parts[Draining].begun = True
        answer = await http.get("/readyz")
        assert (answer.status_code, answer.json()) == (503, {"status": "draining"})
        assert answer.headers["connection"] == "close"
        assert (await http.get("/livez", headers={"Host": "elsewhere.example"})).status_code == 403
        counted = (await http.get("/metrics")).text
    assert 'feria_refusals_total{reason="draining"} 1.0' in counted
    assert 'feria_refusals_total{reason="not_allowed"} 1.0' in counted
    assert [record for record in caplog.records if record.message == "request"] == []
