"""Traces, as a collector receives them."""

import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import anyio
import httpx
import pytest

import nets
from feria.app import open_app
from feria.settings import InferenceSettings, Settings, TelemetrySettings

proto = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")


class Collector:
    """Takes OTLP over HTTP."""

    def __init__(self) -> None:
        self.spans: list[dict[str, Any]] = []
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    import gzip

                    body = gzip.decompress(body)
                assert self.path == "/v1/traces"
                collector.take(body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def take(self, body: bytes) -> None:
        for resource in proto.ExportTraceServiceRequest.FromString(body).resource_spans:
            named = {a.key: a.value.string_value for a in resource.resource.attributes}
            assert named["service.name"] == "feria"
            for span in resource.scope_spans[0].spans:
                about = {a.key: a.value.string_value or a.value.int_value for a in span.attributes}
                self.spans.append(
                    {
                        "name": span.name,
                        "trace": span.trace_id.hex(),
                        "parent": span.parent_span_id.hex(),
                        "id": span.span_id.hex(),
                        "error": span.status.code == 2,
                        **about,
                    }
                )

    def named(self, name: str) -> dict[str, Any]:
        (found,) = [span for span in self.spans if span["name"] == name]
        return found


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    thread = threading.Thread(target=collector.server.serve_forever)
    thread.start()
    yield collector
    collector.server.shutdown()
    collector.server.server_close()
    thread.join()


async def test_requests_and_tasks_go_on_with_the_callers_trace(
    settings: Settings, collector: Collector
) -> None:
    traced = settings.model_copy(update={"telemetry": TelemetrySettings(otlp_endpoint=collector.url)})
    trace, caller = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    headers = {"traceparent": f"00-{trace}-{caller}-01", "X-Request-Id": "lima-1"}
    async with (
        open_app(traced) as (app, _),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as http,
    ):
        await http.post("/v1/models/one", files={"file": nets.linear([1.0])})
        path = "/v1/models/one/predict"
        assert (await http.post(path, json={"rows": [[1]]}, headers=headers)).status_code == 200
        queued = {**headers, "Prefer": "respond-async", "X-Request-Id": "lima-2"}
        task = (await http.post(path, json={"rows": [[1]]}, headers=queued)).json()
        with anyio.fail_after(300):
            await http.get(f"/v1/tasks/{task['id']}/result", params={"wait": 20})
        await http.get("/v1/models/two/versions/1")
    asked, ordered = [span for span in collector.spans if span["name"] == "POST /v1/models/{name}/predict"]
    assert (asked["trace"], asked["parent"]) == (trace, caller)
    assert (asked["feria.model"], asked["feria.request_id"]) == ("one", "lima-1")
    assert asked["http.response.status_code"] == 200
    done = next(span for span in collector.spans if span["name"].startswith("task "))
    assert (done["trace"], done["parent"]) == (trace, ordered["id"])
    assert (done["feria.task.id"], done["feria.request_id"]) == (task["id"], "lima-2")
    refused = collector.named("GET /v1/models/{name}/versions/{version}")
    assert refused["http.response.status_code"] == 404
    assert refused["trace"] != trace
    assert not refused["error"]


async def test_a_bug_is_an_error_in_the_trace_and_what_it_says_is_not(
    settings: Settings, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    from feria.registry.shelf import Registry

    traced = settings.model_copy(
        update={
            "telemetry": TelemetrySettings(otlp_endpoint=collector.url),
            "inference": InferenceSettings(max_loaded=1),
        }
    )

    async def stumble() -> Any:
        raise ZeroDivisionError("private")

    async with (
        open_app(traced) as (app, node),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as http,
    ):
        monkeypatch.setattr(node.parts[Registry], "models", stumble)
        assert (await http.get("/v1/models")).status_code == 500
    (span,) = collector.spans
    assert span["error"]
    assert "private" not in str(span)


def test_nothing_of_it_is_imported_where_no_collector_is_named() -> None:
    script = "import feria.app, sys; print([m for m in sys.modules if m.startswith('opentelemetry')])"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"
