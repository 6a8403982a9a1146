"""Keys over HTTP, one member: what a client may send, and what it is told."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from urllib.parse import quote

import anyio
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.kv_app import Served, open_kv
from feria.cluster.chunks import MARK
from feria.cluster.kv.wire import Conflicts, KeyList, WrittenKey
from feria.cluster.rows import INLINE_BYTES
from serving import until

MIB = 2**20


@pytest.fixture
async def kv(tmp_path: Path) -> AsyncGenerator[Served]:
    async with open_kv(tmp_path, max_value_mib=8) as served:
        yield served


def path(key: str) -> str:
    return f"/v1/kv/{quote(key, safe='')}"


# ------------------------------------------------------------------------------- one key
async def test_what_is_written_is_read_byte_for_byte_with_its_version(kv: Served) -> None:
    value = bytes(range(256))
    first = await kv.http.put("/v1/kv/prices/mug", content=value)
    assert (first.status_code, first.headers["etag"]) == (201, '"1"')
    assert WrittenKey.model_validate(first.json()) == WrittenKey(key="prices/mug", version=1)
    second = await kv.http.put("/v1/kv/prices/mug", content=b"")
    assert (second.status_code, second.json()["version"]) == (200, 2)
    read = await kv.http.get("/v1/kv/prices/mug")
    assert (read.status_code, read.content) == (200, b"")
    assert read.headers["content-type"] == "application/octet-stream"
    assert (read.headers["etag"], read.headers["x-feria-version"]) == ('"2"', "2")
    await kv.http.put("/v1/kv/prices/mug", content=value)
    assert (await kv.http.get("/v1/kv/prices/mug")).content == value


async def test_a_value_is_answered_as_bytes_whatever_it_was_sent_as(kv: Served) -> None:
    page = b"<script>alert(1)</script>"
    await kv.http.put("/v1/kv/page.html", content=page, headers={"Content-Type": "text/html"})
    read = await kv.http.get("/v1/kv/page.html")
    assert read.headers["content-type"] == "application/octet-stream"
    assert read.headers["x-content-type-options"] == "nosniff"


async def test_a_deleted_key_tells_the_version_of_its_deletion_and_counts_on(kv: Served) -> None:
    absent = await kv.http.get("/v1/kv/mug")
    assert (absent.status_code, absent.json()["error"], absent.json()["version"]) == (404, "not_found", 0)
    assert (await kv.http.delete("/v1/kv/mug")).status_code == 404
    await kv.http.put("/v1/kv/mug", content=b"1")
    gone = await kv.http.delete("/v1/kv/mug")
    assert (gone.status_code, gone.json()) == (200, {"key": "mug", "version": 2})
    absent = await kv.http.get("/v1/kv/mug")
    assert (absent.status_code, absent.json()["version"]) == (404, 2)
    assert (await kv.http.delete("/v1/kv/mug")).json()["version"] == 2
    again = await kv.http.put("/v1/kv/mug", content=b"3")
    assert (again.status_code, again.json()["version"]) == (201, 3)


async def test_conditions_hold_or_nothing_is_written(kv: Served) -> None:
    mug = "/v1/kv/mug"
    for headers in ({"If-Match": '"1"'}, {"If-Match": "7"}, {"If-Match": "*"}):
        refused = await kv.http.put(mug, content=b"x", headers=headers)
        assert (refused.status_code, refused.json()["error"]) == (409, "conflict")
    assert (await kv.http.put(mug, content=b"1", headers={"If-None-Match": "*"})).status_code == 201
    refused = await kv.http.put(mug, content=b"x", headers={"If-None-Match": "*"})
    assert (refused.status_code, refused.json()["version"]) == (409, 1)
    assert (await kv.http.put(mug, content=b"x", headers={"If-Match": "0"})).status_code == 409
    assert (await kv.http.put(mug, content=b"2", headers={"If-Match": '"1"'})).json()["version"] == 2
    assert (await kv.http.put(mug, content=b"3", headers={"If-Match": "2"})).json()["version"] == 3
    assert (await kv.http.put(mug, content=b"4", headers={"If-Match": 'W/"3"'})).json()["version"] == 4
    assert (await kv.http.put(mug, content=b"5", headers={"If-Match": "*"})).json()["version"] == 5
    assert (await kv.http.delete(mug, headers={"If-Match": "4"})).status_code == 409
    assert (await kv.http.delete(mug, headers={"If-Match": "5"})).json()["version"] == 6
    for headers in ({"If-Match": "0"}, {"If-None-Match": "*"}):  # it was there, and is not
        assert (await kv.http.put(mug, content=b"", headers=headers)).status_code == 201
        await kv.http.delete(mug)


@pytest.mark.parametrize(
    "headers",
    [
        {"If-Match": "one"}, {"If-Match": '"1", "2"'}, {"If-Match": "-1"}, {"If-Match": ""},
        {"If-Match": "1" * 19}, {"If-Match": "²"}, {"If-Match": "1\x00"}, {"If-Match": '"1'},
        {"If-None-Match": "1"}, {"If-Match": "1", "If-None-Match": "*"},
    ],
)  # fmt: skip
async def test_a_condition_that_is_none_is_refused(kv: Served, headers: dict[str, str]) -> None:
    encoded = {name: value.encode() for name, value in headers.items()}
    refused = await kv.http.put("/v1/kv/mug", content=b"x", headers=encoded)
    assert (refused.status_code, refused.json()["error"]) == (422, "invalid")
    assert (await kv.http.get("/v1/kv/mug")).status_code == 404


async def test_of_many_who_compare_and_set_at_once_one_succeeds_each_time(kv: Served) -> None:
    async def add_one() -> int:
        tries = 0
        while True:
            tries += 1
            read = await kv.http.get("/v1/kv/sum")
            there = read.headers["etag"] if read.status_code == 200 else "0"
            more = str(int(read.content) + 1 if read.status_code == 200 else 1).encode()
            written = await kv.http.put("/v1/kv/sum", content=more, headers={"If-Match": there})
            if written.status_code < 300:
                return tries

    assert sum(await asyncio.gather(*(add_one() for _ in range(20)))) >= 20
    assert (await kv.http.get("/v1/kv/sum")).content == b"20"


async def test_who_has_the_version_already_is_spared_the_value(kv: Served) -> None:
    await kv.http.put("/v1/kv/mug", content=b"12.50")
    for shown in ('"1"', 'W/"1"'):
        spared = await kv.http.get("/v1/kv/mug", headers={"If-None-Match": shown})
        assert (spared.status_code, spared.content, spared.headers["etag"]) == (304, b"", '"1"')
    assert (await kv.http.get("/v1/kv/mug", headers={"If-None-Match": '"2"'})).status_code == 200


# --------------------------------------------------------------------------------- its name
@pytest.mark.parametrize(
    "key",
    [
        "a", "a/b", "/", "//", "/a", "a/", "a//b", "../../etc/passwd", "a/../b", "...", "%", "%2F", "a%00b",
        "a b", " ", "a+b", "a?b=c", "a#b", "ñandú", "日本語", "🥭", "e\u0301", "\u202e", "\ufffd", "é" * 256,
        "x" * 512, "🥭" * 512, "livez", "v1/kv/a", "predict", "\u00a0", "'; DROP TABLE rows; --", "a_%b",
    ],
)  # fmt: skip
async def test_any_text_may_be_a_key(kv: Served, key: str) -> None:
    assert (await kv.http.put(path(key), content=key.encode())).json() == {"key": key, "version": 1}
    assert (await kv.http.get(path(key))).content == key.encode()
    assert [one["key"] for one in (await kv.http.get("/v1/kv")).json()["keys"]] == [key]
    listed = (await kv.http.get("/v1/kv", params={"prefix": key[:1]})).json()
    assert [one["key"] for one in listed["keys"]] == [key]
    assert (await kv.http.delete(path(key))).status_code == 200


@pytest.mark.parametrize(
    "key", ["", "\x00", "\x00members/a", "a\nb", "\x7f", "\x85", "a\x00", "x" * 513, "🥭" * 513]
)
async def test_a_key_that_is_none_is_refused_by_every_route(kv: Served, key: str) -> None:
    for method in ("GET", "PUT", "DELETE"):
        for query in ("", "?wait=0", "?conflicts=1"):
            refused = await kv.http.request(method, path(key) + query, content=b"x")
            assert (refused.status_code, refused.json()["error"]) == (422, "invalid")
    if key:
        assert (await kv.http.get("/v1/kv", params={"prefix": key})).status_code == 422


@pytest.mark.parametrize("raw", ["%ff", "%C3", "a%ED%A0%80b", "%F5%80%80%80", "%C0%AF"])
async def test_bytes_that_are_no_text_are_no_key(kv: Served, raw: str) -> None:
    refused = await kv.http.put(f"/v1/kv/{raw}", content=b"x")
    assert (refused.status_code, refused.json()["error"]) == (422, "invalid")
    assert (await kv.http.get("/v1/kv", params={})).json()["keys"] == []
    assert (await kv.http.get(f"/v1/kv?prefix={raw}")).status_code == 422


async def test_a_dot_segment_is_a_key_when_it_is_escaped(kv: Served) -> None:
    for raw in ("%2E", "%2E%2E", "a/%2E%2E/b"):
        assert (await kv.http.put(f"/v1/kv/{raw}", content=b"x")).status_code == 201
    assert [one["key"] for one in (await kv.http.get("/v1/kv")).json()["keys"]] == [".", "..", "a/../b"]


async def test_the_rows_of_the_cluster_itself_are_nobodys_to_see(kv: Served) -> None:
    await kv.store.writer.run(lambda replica: replica.write("\x00members/a", b"secret"))
    await kv.http.put("/v1/kv/a", content=b"1")
    assert [one["key"] for one in (await kv.http.get("/v1/kv")).json()["keys"]] == ["a"]
    assert (await kv.http.get("/v1/kv/%00members/a")).status_code == 422
    assert (await kv.http.get("/v1/kv?prefix=%00")).status_code == 422
    async with kv.http.stream("GET", "/v1/kv?watch=1&since=0") as stream, asyncio.timeout(60):
        assert [one["key"] async for one in changes(stream, 1)] == ["a"]


async def test_other_methods_are_told_which_there_are(kv: Served) -> None:
    for method in ("POST", "PATCH", "OPTIONS"):
        refused = await kv.http.request(method, "/v1/kv/a")
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, PUT, DELETE")
    assert (await kv.http.put("/v1/kv")).headers["allow"] == "GET"
    assert (await kv.http.get("/v1/kva")).text == "not a key"


# ------------------------------------------------------------------------------ many keys
async def test_keys_are_listed_page_by_page_each_once_in_their_order(kv: Served) -> None:
    keys = sorted({f"{letter}{number}" for letter in "aAñ_%🥭" for number in range(60)})
    for key in keys:
        await kv.store.put(key, key.encode())
    await kv.store.delete(keys[7])
    found: list[str] = []
    after: str | None = None
    while True:
        query = {"limit": "37"} | ({} if after is None else {"after": after})
        page = KeyList.model_validate((await kv.http.get("/v1/kv", params=query)).json())
        found += [one.key for one in page.keys]
        assert all((one.version, one.size) == (1, len(one.key.encode())) for one in page.keys)
        after = page.next
        if after is None:
            break
        assert len(page.keys) == 37
    assert found == [key for key in keys if key != keys[7]]
    for prefix in ("a", "%", "_1", "🥭5", "ñ59", "zz"):
        listed = (await kv.http.get("/v1/kv", params={"prefix": prefix})).json()
        assert [one["key"] for one in listed["keys"]] == [key for key in found if key.startswith(prefix)]
        assert listed["next"] is None


async def test_a_page_that_just_ends_says_that_nothing_follows(kv: Served) -> None:
    for key in "abcd":
        await kv.store.put(key, b"")
    assert (await kv.http.get("/v1/kv?limit=4")).json()["next"] is None
    assert (await kv.http.get("/v1/kv?limit=3")).json()["next"] == "c"
    assert (await kv.http.get("/v1/kv?limit=3&after=c")).json()["keys"] == [
        {"key": "d", "version": 1, "size": 0}
    ]


async def test_long_values_do_not_shorten_a_list(kv: Served) -> None:
    for number in range(150):
        await kv.store.put(f"{number:03}", bytes(INLINE_BYTES))
    listed = (await kv.http.get("/v1/kv?limit=140")).json()
    assert (len(listed["keys"]), listed["next"]) == (140, "139")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=x",
        "limit=",
        "prefix=%00",
        "prefix=%ff",
        "&" * 40 + "a=1&" * 40,
    ],
)
async def test_a_list_that_cannot_be_is_refused(kv: Served, query: str) -> None:
    assert (await kv.http.get(f"/v1/kv?{query}")).status_code == 422


# ------------------------------------------------------------------------------- waiting
async def test_a_caller_who_waits_is_answered_with_the_next_version(kv: Served) -> None:
    async with asyncio.TaskGroup() as group:
        first = group.create_task(kv.http.get("/v1/kv/mug?wait=0&seconds=60"))
        other = group.create_task(kv.http.get("/v1/kv/mug?wait=0&seconds=60"))
        later = group.create_task(kv.http.get("/v1/kv/mug?wait=1&seconds=60"))
        await asyncio.sleep(0.01)
        await kv.http.put("/v1/kv/cup", content=b"not this one")
        await kv.http.put("/v1/kv/mug", content=b"1")
        assert (await first).content == (await other).content == b"1"
        assert not later.done()
        await kv.http.put("/v1/kv/mug", content=b"2")
    assert (later.result().content, later.result().headers["etag"]) == (b"2", '"2"')
    assert (await kv.http.get("/v1/kv/mug?wait=0")).content == b"2"  # that has been already


async def test_a_wait_in_vain_is_answered_with_nothing_and_the_version_there_is(kv: Served) -> None:
    nothing = await kv.http.get("/v1/kv/mug?wait=0&seconds=0.01")
    assert (nothing.status_code, nothing.content) == (204, b"")
    await kv.http.put("/v1/kv/mug", content=b"1")
    nothing = await kv.http.get("/v1/kv/mug?wait=1&seconds=0")
    assert (nothing.status_code, nothing.headers["x-feria-version"]) == (204, "1")


async def test_who_waits_for_a_key_that_is_deleted_hears_that(kv: Served) -> None:
    await kv.http.put("/v1/kv/mug", content=b"1")
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(kv.http.get("/v1/kv/mug?wait=1&seconds=60"))
        await asyncio.sleep(0.01)
        await kv.http.delete("/v1/kv/mug")
    assert (waiting.result().status_code, waiting.result().json()["version"]) == (404, 2)


@pytest.mark.parametrize(
    "query",
    [
        "wait=-1", "wait=x", "wait=", "wait=1.5", "wait=" + "9" * 19, "wait=1&seconds=-1",
        "wait=1&seconds=nan", "wait=1&seconds=inf", "wait=1&seconds=1e9",
    ],
)  # fmt: skip
async def test_a_wait_for_what_cannot_be_is_refused(kv: Served, query: str) -> None:
    assert (await kv.http.get(f"/v1/kv/mug?{query}")).status_code == 422


async def test_a_node_that_closes_its_door_lets_waiting_callers_go(kv: Served) -> None:
    async with asyncio.TaskGroup() as group, asyncio.timeout(50):
        waiting = group.create_task(kv.http.get("/v1/kv/mug?wait=0&seconds=60"))
        watching = group.create_task(kv.http.get("/v1/kv?watch=1"))
        await asyncio.sleep(0.01)
        kv.bus.close()
    assert waiting.result().status_code == 204
    assert watching.result().status_code == 200
    assert (await kv.http.get("/v1/kv/mug?wait=0&seconds=60")).status_code == 204


async def test_a_caller_who_leaves_is_waited_for_no_longer(kv: Served) -> None:
    with anyio.move_on_after(0.05):
        await kv.http.get("/v1/kv/mug?wait=0&seconds=60")
    await until(lambda: not kv.store._waiting)


async def test_a_version_seen_elsewhere_is_waited_for_and_then_asked_for_again(kv: Served) -> None:
    await kv.http.put("/v1/kv/mug", content=b"1")
    assert (await kv.http.get("/v1/kv/mug", headers={"X-Min-Version": "1"})).content == b"1"
    busy = await kv.http.get("/v1/kv/mug?seconds=0.01", headers={"X-Min-Version": "2"})
    assert (busy.status_code, busy.json()["error"], busy.headers["retry-after"]) == (503, "busy", "1")
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(kv.http.get("/v1/kv/mug?seconds=60", headers={"X-Min-Version": "2"}))
        await asyncio.sleep(0.01)
        await kv.http.put("/v1/kv/mug", content=b"2")
    assert waiting.result().content == b"2"
    assert (await kv.http.get("/v1/kv/mug", headers={"X-Min-Version": "x"})).status_code == 422


# ------------------------------------------------------------------------------- watching
async def changes(stream: httpx.Response, count: int) -> AsyncGenerator[dict[str, object]]:
    name = ""
    async for line in stream.aiter_lines():
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: ") and name == "change":
            yield json.loads(line[6:])
            count -= 1
            if not count:
                return


async def test_a_watch_tells_of_each_key_that_changes_under_its_prefix(kv: Served) -> None:
    await kv.http.put("/v1/kv/prices/old", content=b"1")
    async with kv.http.stream("GET", "/v1/kv?watch=1&prefix=prices/") as stream, asyncio.timeout(60):
        assert stream.headers["content-type"].startswith("text/event-stream")
        await kv.http.put("/v1/kv/other", content=b"no")
        await kv.http.put("/v1/kv/prices/mug", content=b"12.50")
        heard = [one async for one in changes(stream, 1)]
        place = heard[0].pop("place")
        assert heard == [
            {"key": "prices/mug", "version": 1, "size": 5, "value": base64.b64encode(b"12.50").decode()}
        ]
    await kv.http.delete("/v1/kv/prices/mug")
    await kv.http.put("/v1/kv/prices/cup", content=bytes(MIB))
    for headers, since in (({}, f"&since={place}"), ({"Last-Event-ID": str(place)}, "")):
        async with kv.http.stream("GET", f"/v1/kv?watch=1&prefix=prices/{since}", headers=headers) as stream:
            async with asyncio.timeout(60):
                heard = [one async for one in changes(stream, 2)]
        assert [(one["key"], one["version"], one.get("deleted"), one.get("size")) for one in heard] == [
            ("prices/mug", 2, True, None),
            ("prices/cup", 1, None, MIB),
        ]


async def test_a_watch_from_the_beginning_tells_of_all_there_is_first(kv: Served) -> None:
    for number in range(600):
        await kv.store.put(f"{number:03}", b"")
    async with kv.http.stream("GET", "/v1/kv?watch=1&since=0") as stream, asyncio.timeout(60):
        assert [one["key"] async for one in changes(stream, 600)] == [f"{number:03}" for number in range(600)]


async def test_a_watch_begins_with_its_place_so_that_nothing_is_missed_before_its_first_event(
    kv: Served,
) -> None:
    await kv.http.put("/v1/kv/a", content=b"1")
    async with kv.http.stream("GET", "/v1/kv?watch=1") as stream, asyncio.timeout(60):
        lines = stream.aiter_lines()
        said = [await anext(lines) for _ in range(3)]
        assert said == ["id: 1", "event: open", 'data: {"since":1}']


@pytest.mark.parametrize("query", ["since=-1", "since=x", "prefix=%00"])
async def test_a_watch_of_what_cannot_be_is_refused(kv: Served, query: str) -> None:
    assert (await kv.http.get(f"/v1/kv?watch=1&{query}")).status_code == 422


# --------------------------------------------------------------------------- large values
@pytest.mark.parametrize("size", [INLINE_BYTES - 1, INLINE_BYTES, INLINE_BYTES + 1, MIB, 3 * MIB + 1])
async def test_a_value_of_any_size_comes_back_and_says_how_long_it_is(kv: Served, size: int) -> None:
    value = bytes(n % 251 for n in range(size))
    assert (await kv.http.put("/v1/kv/model", content=value)).status_code == 201
    read = await kv.http.get("/v1/kv/model")
    assert read.content == value
    assert read.headers["content-length"] == str(size)
    assert (await kv.http.get("/v1/kv")).json()["keys"] == [{"key": "model", "version": 1, "size": size}]


@pytest.mark.parametrize("rest", [b"", b"\x93\x01\xc4\x00\x90", b"x" * 70_000])
async def test_a_value_that_looks_like_a_list_of_chunks_is_a_value_all_the_same(
    kv: Served, rest: bytes
) -> None:
    await kv.http.put("/v1/kv/odd", content=MARK + rest)
    assert (await kv.http.get("/v1/kv/odd")).content == MARK + rest


async def test_a_body_beyond_the_limit_is_refused_announced_or_not(kv: Served) -> None:
    sent = 0

    async def endless() -> AsyncGenerator[bytes]:
        nonlocal sent
        while True:
            sent += MIB
            yield bytes(MIB)

    refused = await kv.http.put("/v1/kv/a", content=bytes(9 * MIB))
    assert (refused.status_code, refused.json()["error"], refused.headers["connection"]) == (
        413,
        "too_large",
        "close",
    )
    refused = await kv.http.put("/v1/kv/a", content=endless())
    assert (refused.status_code, refused.json()["error"]) == (413, "too_large")
    assert sent <= 10 * MIB
    assert (await kv.http.get("/v1/kv/a")).status_code == 404


async def test_a_condition_that_fails_is_told_before_the_body_is_read(kv: Served) -> None:
    async def never() -> AsyncGenerator[bytes]:
        raise AssertionError("The body was asked for.")
        yield b""

    refused = await kv.http.put("/v1/kv/a", content=never(), headers={"If-Match": "3"})
    assert refused.status_code == 409


async def test_values_that_lost_are_shown(kv: Served) -> None:
    await kv.http.put("/v1/kv/a", content=b"1")
    found = await kv.http.get("/v1/kv/a?conflicts=1")
    assert Conflicts.model_validate(found.json()) == Conflicts(key="a", version=1, conflicts=())
    assert (await kv.http.get("/v1/kv/b?conflicts=1")).status_code == 404


# ------------------------------------------------------------------------------- all at once
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_any_history_of_one_member_reads_as_a_dictionary_with_versions(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """What was last written is read, its version counts the changes, and a condition tells them apart."""

    async def history() -> None:
        async with open_kv(tmp_path_factory.mktemp("kv")) as kv:
            versions: dict[str, int] = {}
            values: dict[str, bytes] = {}
            for _ in range(data.draw(st.integers(1, 12))):
                key = data.draw(st.sampled_from(["a", "a/b", "ñ"]))
                asked = data.draw(st.none() | st.integers(0, 4))
                headers = {} if asked is None else {"If-Match": str(asked)}
                there = versions.get(key, 0) if key in values else 0
                holds = asked is None or asked == there
                if data.draw(st.booleans()):
                    value = data.draw(st.binary(max_size=20))
                    reply = await kv.http.put(path(key), content=value, headers=headers)
                    assert reply.status_code == (409 if not holds else 200 if key in values else 201)
                    if holds:
                        values[key] = value
                else:
                    reply = await kv.http.delete(path(key), headers=headers)
                    assert reply.status_code == (404 if key not in values else 200 if holds else 409)
                    holds = holds and key in values
                    if holds:
                        del values[key]
                if holds:
                    versions[key] = versions.get(key, 0) + 1
                    assert reply.json() == {"key": key, "version": versions[key]}
            listed = (await kv.http.get("/v1/kv")).json()["keys"]
            assert {one["key"]: one["version"] for one in listed} == {key: versions[key] for key in values}
            for key, value in values.items():
                assert (await kv.http.get(path(key))).content == value

    asyncio.run(history())
