"""The store of one member, as its callers see it."""

import asyncio
import contextlib
import itertools
import random
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from clocks import ManualClock
from feria.clock import SystemClock
from feria.cluster import roster
from feria.cluster import store as stores
from feria.cluster.messages import Push
from feria.cluster.replica import Replica
from feria.cluster.rows import INLINE_BYTES, RESERVED
from feria.cluster.store import Lagged, Store, Versioned, open_store
from feria.errors import Conflict, DiskFull, Invalid, NotFound, TooLarge

LONG = 300.0


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[Store]:
    async with open_store(tmp_path, SystemClock(), random.Random(1), member="lima") as opened:
        yield opened


async def test_what_was_put_is_read_at_once_and_after_a_restart(tmp_path: Path) -> None:
    async with open_store(tmp_path, SystemClock(), random.Random(1)) as store:
        done = await store.put("a", b"1")
        assert await store.get("a") == done
        name = store.member
    async with open_store(tmp_path, SystemClock(), random.Random(2)) as store:
        assert await store.get("a") == done
        assert store.member == name
        assert (await store.put("a", b"2")).version == 2


async def test_a_deleted_key_says_so_and_one_that_never_was_is_none(store: Store) -> None:
    await store.put("a", b"1")
    gone = await store.delete("a")
    assert (gone.value, gone.version) == (None, 2)
    assert await store.get("a") == gone
    assert await store.get("b") is None
    with pytest.raises(NotFound):
        await store.delete("a")
    with pytest.raises(NotFound):
        await store.delete("b")


async def test_a_demanded_version_is_that_of_this_member(store: Store) -> None:
    await store.put("a", b"1", if_version=0)
    for wrong in (0, 2):
        with pytest.raises(Conflict):
            await store.put("a", b"2", if_version=wrong)
    await store.delete("a", if_version=1)
    assert (await store.put("a", b"3", if_version=0)).version == 3


@pytest.mark.parametrize("key", ["", "a\nb", "\x00members/x", "x" * 513, "a\x7f", "\ud800"])
async def test_a_key_that_is_none_is_refused(store: Store, key: str) -> None:
    with pytest.raises(Invalid):
        await store.put(key, b"")
    with pytest.raises(Invalid):
        await store.get(key)


async def test_a_value_fits_its_row_or_is_refused(store: Store) -> None:
    await store.put("a", bytes(INLINE_BYTES))
    with pytest.raises(TooLarge):
        await store.put("a", bytes(INLINE_BYTES + 1))


async def test_pages_go_through_all_live_keys_in_order(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    await store.writer.run(
        lambda replica: roster.seat(replica, "lima", "x:1", roster.State.member, replica.clock.now())
    )
    keys = sorted(f"{letter}{at}" for letter in "ab%_é" for at in range(60))
    await asyncio.gather(*(store.put(key, b"x" * 100) for key in keys))
    await store.delete("a7")
    keys.remove("a7")
    monkeypatch.setattr(stores, "PAGE_BYTES", 2500)
    found: list[Versioned] = []
    while page := await store.page(after=found[-1].key if found else None, limit=70):
        assert len(page) <= 70
        found += page
    assert [row.key for row in found] == keys
    assert [row.key for row in await store.page("%", limit=3)] == ["%0", "%1", "%10"]
    assert [row.key for row in await store.page(RESERVED)] == [f"{RESERVED}members/lima"]


async def test_writers_that_come_together_share_a_commit(store: Store) -> None:
    before = store.writer.commits
    await asyncio.gather(*(store.put(f"k{at}", b"") for at in range(500)))
    assert store.writer.commits - before < 100


async def test_of_many_who_demand_one_version_one_gets_it(store: Store) -> None:
    tries = await asyncio.gather(
        *(store.put("a", b"%d" % at, if_version=0) for at in range(50)), return_exceptions=True
    )
    assert sum(isinstance(tried, Conflict) for tried in tries) == 49


async def room(store: Store, pages: int) -> None:
    """So many pages may the file have; never fewer than it has."""
    await store.writer.run(
        lambda replica: replica.disk._connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()  # type: ignore[attr-defined]
    )


async def test_a_full_disk_fails_writes_as_a_whole_and_leaves_the_rest(store: Store) -> None:
    kept = await store.put("a", b"1")
    await room(store, 40)
    tries = [store.put(f"k{at}", bytes(4000)) for at in range(60)]
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert any(isinstance(outcome, DiskFull) for outcome in done)
    for at, outcome in enumerate(done):
        found = await store.get(f"k{at}")
        assert found == (None if isinstance(outcome, DiskFull) else outcome)
    assert await store.get("a") == kept
    await room(store, 1_000_000)
    assert (await store.put("a", b"2")).version == 2


async def test_nothing_is_said_of_a_commit_that_failed(store: Store) -> None:
    """R9, in the writer itself."""
    said: list[object] = []
    store.writer.sent = said.extend
    await store.writer.run(lambda replica: store.gossip.tick(0.0, ["peer:1"]))
    await room(store, 40)
    tries = [store.put(f"k{at}", bytes(4000)) for at in range(60)]
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert any(isinstance(outcome, DiskFull) for outcome in done)
    told = {row.key for message in said if isinstance(message, Push) for row in message.rows}
    assert told <= {row.key for row in await store.page()}


async def test_a_deed_that_fails_halfway_is_undone_with_all_that_shared_its_commit(store: Store) -> None:
    def half(replica: Replica) -> None:
        replica.write("half", b"")
        raise ValueError("half")

    with pytest.raises(ValueError, match="half"):
        await store.writer.run(half)
    assert await store.get("half") is None
    assert (await store.put("whole", b"")).version == 1


# ------------------------------------------------------------------------------------ waiting
async def test_a_waiter_is_woken_by_the_next_version(store: Store) -> None:
    first = await store.put("a", b"1")
    assert await store.wait("a", beyond=0, seconds=LONG) == first
    waiting = asyncio.create_task(store.wait("a", beyond=first.version, seconds=LONG))
    await asyncio.sleep(0)
    await store.put("b", b"")
    gone = await store.delete("a")
    assert await waiting == gone


async def test_a_waiter_goes_away_when_its_time_is_up(tmp_path: Path) -> None:
    clock = ManualClock()
    async with open_store(tmp_path, clock, random.Random(1)) as store:
        waiting = asyncio.create_task(store.wait("a", beyond=0, seconds=30))
        await clock.sleeper(1)
        clock.advance(31)
        assert await waiting is None
        assert await store.wait("a", beyond=0, seconds=0) is None


async def test_a_watch_tells_the_newest_of_each_key_in_the_order_of_places(store: Store) -> None:
    for at in range(30):
        await store.put(f"k{at % 5}", b"%d" % at)
    changes = store.changes(since=0)
    seen = [await anext(changes) for _ in range(5)]
    assert [row.value for row in seen] == [b"25", b"26", b"27", b"28", b"29"]
    assert [row.place for row in seen] == sorted(row.place for row in seen)
    await store.put("k0", b"new")
    assert (await anext(changes)).value == b"new"
    await changes.aclose()


async def test_a_watch_misses_no_last_version_however_many_write(store: Store) -> None:
    keys = [f"w/{at}" for at in range(20)]
    seen: dict[str, int] = {}

    async def watch() -> None:
        places = [0]
        async for row in store.changes("w/", since=store.place):
            assert row.place > places[-1]
            places.append(row.place)
            assert row.version > seen.get(row.key, 0)
            seen[row.key] = row.version
            if len(seen) == 20 and min(seen.values()) == 40:
                return

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)

    async def write(key: str) -> None:
        for _ in range(40):
            await store.put(key, b"")
            await store.put("other", b"")

    await asyncio.gather(*(write(key) for key in keys))
    async with asyncio.timeout(LONG):
        await watching


async def test_a_watch_that_begins_now_misses_nothing_that_follows(store: Store) -> None:
    await store.put("a", b"old")
    since = store.place
    await store.put("a", b"1")
    changes = store.changes("a", since=since)
    assert (await anext(changes)).value == b"1"
    await changes.aclose()


async def test_who_slept_through_a_deletion_that_is_forgotten_is_told_to_read_anew(store: Store) -> None:
    seen = (await store.put("a", b"")).place
    await store.put("b", b"")
    await store.delete("a")
    assert await store.writer.run(lambda replica: store.gossip.collect()) == 1
    with pytest.raises(Lagged) as lagged:
        await anext(store.changes(since=seen))
    assert lagged.value.since >= store.place - 1
    anew = store.changes(since=0)
    assert (await anext(anew)).key == "b"
    await anew.aclose()
    after = store.changes(since=lagged.value.since)
    await store.put("c", b"")
    assert (await anext(after)).key == "c"
    await after.aclose()


async def test_a_watch_of_all_there_is_misses_nothing_when_old_deletions_are_forgotten_meanwhile(
    store: Store,
) -> None:
    keys = [f"k{at:03}" for at in range(stores.PAGE)]
    await asyncio.gather(*(store.put(key, b"") for key in [*keys, "gone"]))
    await store.delete("gone")
    changes = store.changes(since=0)
    seen = [(await anext(changes)).key]
    assert await store.writer.run(lambda replica: store.gossip.collect()) == 1
    seen += [(await anext(changes)).key for _ in keys[1:]]
    assert sorted(seen) == keys
    await changes.aclose()


async def test_a_watch_that_keeps_up_is_not_told_to_read_anew(store: Store) -> None:
    changes = store.changes()
    first = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)
    await store.put("a", b"")
    await first
    gone = asyncio.ensure_future(anext(changes))
    await store.delete("a")
    assert (await gone).value is None
    await store.writer.run(lambda replica: store.gossip.collect())
    following = asyncio.ensure_future(anext(changes))
    await store.put("b", b"")
    assert (await following).key == "b"
    await changes.aclose()


async def test_listeners_hear_one_at_a_time_and_a_failing_one_harms_nobody(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []
    inside = itertools.count()

    async def listen(key: str) -> None:
        assert next(inside) == len(heard)
        await asyncio.sleep(0)
        heard.append(key)

    async def fail(key: str) -> None:
        raise ValueError(key)

    store.subscribe("m/", fail)
    store.subscribe("m/", listen)
    last = [await store.put(f"m/{at}", b"") for at in range(5)][-1]
    await store.put("other", b"")
    await store.told(last.place)
    assert heard == [f"m/{at}" for at in range(5)]
    assert "A listener of" in caplog.text


# ------------------------------------------------------------------------------------ epochs (R8)
async def epoch(folder: Path) -> int:
    async with open_store(folder, SystemClock(), random.SystemRandom()) as store:
        await store.put("k", b"")
        return await store.writer.run(lambda replica: replica.origin or 0)


async def test_a_clean_end_lets_the_next_start_write_on_in_its_epoch(tmp_path: Path) -> None:
    assert await epoch(tmp_path) == await epoch(tmp_path)


async def test_a_start_that_wrote_nothing_leaves_the_epoch_as_it_was(tmp_path: Path) -> None:
    first = await epoch(tmp_path)
    async with open_store(tmp_path, SystemClock(), random.SystemRandom()):
        pass
    assert await epoch(tmp_path) == first


@pytest.mark.parametrize("what", ["killed", "copied", "restored", "touched"])
async def test_whoever_cannot_prove_its_disk_begins_an_epoch(tmp_path: Path, what: str) -> None:
    home = tmp_path / "home"
    first = await epoch(home)
    match what:
        case "killed":
            (home / "kv.life").unlink()
        case "copied":
            home = home.rename(tmp_path / "was")
            copy = tmp_path / "copy"
            copy.mkdir()
            for file in home.iterdir():
                (copy / file.name).write_bytes(file.read_bytes())
            home = copy
        case "restored":
            content = (home / "kv.db").read_bytes()
            attest = (home / "kv.life").read_bytes()
            await epoch(home)
            (home / "kv.db").write_bytes(content)
            (home / "kv.life").write_bytes(attest)
        case "touched":
            (home / "kv.db").touch()
    assert await epoch(home) != first


async def test_the_attest_is_gone_while_the_store_is_open(tmp_path: Path) -> None:
    await epoch(tmp_path)
    async with open_store(tmp_path, SystemClock(), random.SystemRandom()):
        assert not (tmp_path / "kv.life").exists()
    (tmp_path / "kv.life").write_bytes(b"{}")
    with contextlib.suppress(Conflict):
        await epoch(tmp_path)
