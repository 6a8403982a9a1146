"""Keys and their values over HTTP, on bare routes: a read is shorter than the framework's work for it."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from feria.access.needs import permit
from feria.access.wire import Permission
from feria.cluster.chunks import MARK, Chunks
from feria.cluster.chunks import listed as in_a_row
from feria.cluster.kv.answers import (
    absent,
    bootstrapping,
    encode,
    listed,
    send_conflicts,
    send_nothing,
    send_value,
    send_written,
    told,
)
from feria.cluster.kv.asked import Query, condition, key_in, least_version, number, query_of, seconds_in
from feria.cluster.kv.wire import MOST_LISTED
from feria.cluster.rows import INLINE_BYTES, RESERVED, check_key
from feria.cluster.store import Lagged, Store
from feria.errors import Busy, Invalid
from feria.events.bus import EventBus
from feria.settings import Settings
from feria.web.bare import BareRoute, Gone, part, send_json, too_large
from feria.web.streams import event, event_stream, unless_gone

T = TypeVar("T")

USUAL_WAIT = 30.0
CATCH_UP_SECONDS = 5.0
"""How long an answer waits for a version that another member has told of, unless `seconds` says."""
LISTED_AT_ONCE = 100
"""Rows come with their values: so many are held in memory at a time."""


# ------------------------------------------------------------------------------- one key
async def read(scope: Scope, receive: Receive, send: Send, name: str) -> None:
    """`GET /v1/kv/{key}`: its value, its next one, or those that lost against it."""
    permit(scope, Permission.watch)
    key, query, least = key_in(scope, name), query_of(scope), least_version(scope)
    store: Store = part(scope, Store)
    found = await store.get(key)
    if least > (found.version if found is not None else 0):
        seconds = seconds_in(query, CATCH_UP_SECONDS)
        found = await _unless_over(scope, receive, store.wait(key, beyond=least - 1, seconds=seconds))
        if found is None:
            raise Busy(f"{key} has not reached version {least} on this member yet.", retry_after=1.0)
    if "wait" in query:
        beyond, seconds = number(query["wait"][0]), seconds_in(query, USUAL_WAIT)
        if found is None or found.version <= beyond:
            known = found
            found = await _unless_over(scope, receive, store.wait(key, beyond=beyond, seconds=seconds))
            if found is None:
                await send_nothing(scope, send, 204, known)
                return
    if found is None:
        raise bootstrapping() if store.bootstrapping else absent(key, None)
    if "conflicts" in query:
        await send_conflicts(scope, send, found, await store.conflicts(key))
    else:
        await send_value(scope, send, found)


async def write(scope: Scope, receive: Receive, send: Send, name: str) -> None:
    """`PUT /v1/kv/{key}`: the body is the value."""
    permit(scope, Permission.keys)
    key = key_in(scope, name)
    limit = part(scope, Settings).cluster.max_value_mib * 2**20
    announced = scope["state"]["headers"].get(b"content-length", b"")
    if announced.isdigit() and int(announced) > limit:
        raise too_large(limit)
    store: Store = part(scope, Store)
    found = await store.get(key)
    if_version = condition(scope, key, found)
    pieces = _body(receive)
    value = bytearray()
    async for piece in pieces:
        value += piece
        if len(value) > INLINE_BYTES:
            break
    row = bytes(value)
    if len(row) > INLINE_BYTES or row.startswith(MARK):
        row = in_a_row(await part(scope, Chunks).write(_rejoined(row, pieces), limit=limit))
    written = await store.put(key, row, if_version=if_version)
    await send_written(scope, send, written, 201 if found is None or found.value is None else 200)


async def remove(scope: Scope, receive: Receive, send: Send, name: str) -> None:
    """`DELETE /v1/kv/{key}`."""
    permit(scope, Permission.keys)
    key = key_in(scope, name)
    store: Store = part(scope, Store)
    found = await store.get(key)
    if found is None and store.bootstrapping:
        raise bootstrapping()
    if found is None or found.value is None:
        raise absent(key, found)
    await send_written(scope, send, await store.delete(key, if_version=condition(scope, key, found)), 200)


async def _body(receive: Receive) -> AsyncGenerator[bytes]:
    """The body as it comes. Raises `Gone` when the caller hangs up before its end."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return


async def _rejoined(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    yield first
    async for piece in rest:
        yield piece


# ------------------------------------------------------------------------------ many keys
async def browse(scope: Scope, receive: Receive, send: Send, name: str) -> None:
    """`GET /v1/kv`: the keys that begin so, or with `watch`, what becomes of them."""
    permit(scope, Permission.watch)
    query = query_of(scope)
    prefix = query.get("prefix", [""])[0]
    if prefix:
        check_key(prefix)
    if query.get("watch", ["0"])[0] not in {"0", "false"}:
        await _watch(scope, receive, send, prefix, query)
        return
    store: Store = part(scope, Store)
    if store.bootstrapping:
        raise bootstrapping()
    limit = number(query.get("limit", ["100"])[0])
    if not 1 <= limit <= MOST_LISTED:
        raise Invalid(f"`limit` is 1 to {MOST_LISTED}.")
    found = await _page(store, prefix, query["after"][0] if "after" in query else None, limit + 1)
    more = found[limit - 1]["key"] if len(found) > limit else None
    await send_json(scope, send, encode({"keys": found[:limit], "next": more}))


async def _page(store: Store, prefix: str, after: str | None, limit: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while len(found) < limit:
        rows = await store.page(prefix, after=after, limit=min(LISTED_AT_ONCE, limit - len(found)))
        if not rows:
            break
        after = rows[-1].key
        found += [listed(row) for row in rows if not row.key.startswith(RESERVED)]
        await asyncio.sleep(0)  # others may be served between two looks
    return found


async def _watch(scope: Scope, receive: Receive, send: Send, prefix: str, query: Query) -> None:
    store: Store = part(scope, Store)
    last = scope["state"]["headers"].get(b"last-event-id", b"").decode("latin-1")
    given = query["since"][0] if "since" in query else last
    since = number(given) if given else store.place
    stream = event_stream(_changes(store, part(scope, EventBus), prefix, since))
    await stream(scope, receive, send)


async def _changes(store: Store, bus: EventBus, prefix: str, since: int) -> AsyncGenerator[bytes]:
    yield event("open", {"since": since}, since)
    # Nobody publishes this: it ends when the node closes its door, and so does the stream.
    async with bus.subscribe("kv.watched") as closing:
        closed = asyncio.ensure_future(anext(closing, None))
        try:
            async with contextlib.aclosing(store.changes(prefix, since=since, over=closed)) as changes:
                async for change in changes:
                    if not change.key.startswith(RESERVED):
                        yield event("change", told(change), change.place)
        except Lagged as lagged:
            yield event("lagged", {"since": lagged.since}, lagged.since)
        finally:
            closed.cancel()
            await asyncio.wait({closed})


# ------------------------------------------------------------------------------- waiting
async def _unless_over(scope: Scope, receive: Receive, work: Awaitable[T]) -> T | None:
    """Wait, as long as the caller does and the node's door is open; nothing when that closes."""

    async def watched() -> T | None:
        async with part(scope, EventBus).subscribe("kv.watched") as closing:
            closed = asyncio.ensure_future(anext(closing, None))
            try:
                return await _first(work, closed)
            finally:
                closed.cancel()
                await asyncio.wait({closed})

    try:
        return await unless_gone(Request(scope, receive), watched())
    except ClientDisconnect:
        raise Gone from None


async def _first(work: Awaitable[T], closed: "asyncio.Future[Any]") -> T | None:
    """What comes of the work, or nothing when `closed` is done before."""
    working = asyncio.ensure_future(work)
    try:
        await asyncio.wait({working, closed}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        await asyncio.wait({working})


READING = (
    BareRoute("GET", "/v1/kv/", "", read, name="key", deep=True),
    BareRoute("GET", "/v1/kv", "", browse, name=None),
)
WRITING = (
    BareRoute("PUT", "/v1/kv/", "", write, name="key", deep=True),
    BareRoute("DELETE", "/v1/kv/", "", remove, name="key", deep=True),
)
ROUTES = READING + WRITING
