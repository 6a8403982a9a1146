"""OpenTelemetry traces, where a collector is named. Elsewhere this file is not imported.

A request continues the trace that its caller began (W3C `traceparent`), and a task that of the request
which submitted it. How much is sampled is said by OpenTelemetry's own variables (`OTEL_TRACES_SAMPLER`).
"""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, MutableMapping
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from feria.errors import FeriaError
from feria.telemetry.context import request_id

EXPORT_SECONDS = 5
REMEMBERED = 1000

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Deed = Callable[[Any], Awaitable[Any]]

_propagator = TraceContextTextMapPropagator()


class Traces:
    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("feria")
        self._requests: OrderedDict[str, Context] = OrderedDict()

    def remember(self, span: Span) -> None:
        """What later works for this request belongs to `span`, as long as the request is one of the last."""
        self._requests[request_id.get()] = set_span_in_context(span, Context())
        if len(self._requests) > REMEMBERED:
            self._requests.popitem(last=False)

    @contextlib.contextmanager
    def span(
        self, name: str, kind: SpanKind = SpanKind.INTERNAL, parent: Context | None = None, **attributes: Any
    ) -> Iterator[Span]:
        """What happens inside belongs to the span, and so do spans begun there."""
        with self._tracer.start_as_current_span(
            name,
            parent,
            kind,
            attributes,
            record_exception=False,  # a trace may go to others; what an exception says may not
            set_status_on_exception=False,
        ) as span:
            span.set_attribute("feria.request_id", request_id.get())
            try:
                yield span
            except Exception as error:
                code = error.code if isinstance(error, FeriaError) else type(error).__name__
                span.set_attribute("error.type", code)
                span.set_status(StatusCode.ERROR)
                raise

    def following(self, kind: str, deed: Deed) -> Deed:
        """The same deed for a task, with a span around each attempt at it."""

        async def traced(work: Any) -> Any:
            about = {"feria.task.id": work.id, "feria.task.attempt": work.attempt}
            with self.span(f"task {kind}", parent=self._requests.get(request_id.get()), **about):
                return await deed(work)

        return traced


class Traced:
    """ASGI middleware: a span for each request."""

    def __init__(self, app: Callable[[Message, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        traces: Traces = scope["state"]["parts"][Traces]
        carrier = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        method = scope.get("method", "GET")
        with traces.span(
            method,
            SpanKind.SERVER,
            _propagator.extract(carrier),
            **{"http.request.method": method, "url.path": scope["path"]},
        ) as span:
            traces.remember(span)

            async def noted(message: Message) -> None:
                if status := message.get("status"):
                    span.set_attribute("http.response.status_code", status)
                    if status >= 500:
                        span.set_status(StatusCode.ERROR)
                await send(message)

            await self._app(scope, receive, noted)
            if model := scope["state"].get("model"):
                span.set_attribute("feria.model", model)
            if (route := scope.get("route")) is not None:
                span.update_name(f"{method} {route.path}")
                span.set_attribute("http.route", route.path)


@contextlib.asynccontextmanager
async def open_traces(endpoint: str, version: str) -> AsyncGenerator[Traces]:
    """Spans go to the collector in the background; what is left goes when this closes."""
    provider = TracerProvider(
        resource=Resource.create({"service.name": "feria", "service.version": version}),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    try:
        yield Traces(provider)
    finally:
        await asyncio.to_thread(provider.shutdown)
