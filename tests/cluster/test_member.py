"""Members over real sockets, in one process: what is written at one is found at all."""

from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import pytest

from cluster.clusters import Members, holds, until
from feria.clock import SystemClock
from feria.cluster import driving, roster
from feria.cluster.gossip_map import GossipMap
from feria.cluster.holdings import Holdings
from feria.cluster.keys import make_keys
from feria.cluster.member import Member, open_member
from feria.cluster.members import State
from feria.cluster.messages import Digest
from feria.cluster.status import status
from feria.errors import Conflict, Invalid, Unavailable
from feria.settings import ClusterSettings


@pytest.fixture
async def members(tmp_path: Path) -> AsyncGenerator[Members]:
    async with Members(tmp_path) as members:
        yield members


async def test_what_is_written_at_one_is_found_at_all(members: Members) -> None:
    a = await members.open("a")
    b = await members.open("b", "a")
    c = await members.open("c", "a")
    await until(lambda: len(a.live()) == len(b.live()) == len(c.live()) == 2)
    await a.store.put("greeting", b"hello")
    await b.store.put("answer", b"42")
    for member in (a, b, c):
        await until(lambda member=member: holds(member, "greeting", b"hello"))  # type: ignore[misc]
        await until(lambda member=member: holds(member, "answer", b"42"))  # type: ignore[misc]
    await c.store.delete("greeting")
    await until(lambda: holds_nothing(a, "greeting"))


async def test_who_is_new_and_has_met_nobody_does_not_say_what_is_not_there(members: Members) -> None:
    a = await members.open("a")
    assert not a.store.bootstrapping
    await a.store.put("greeting", b"hello")
    b = await members.open("b", "127.0.0.1:9")
    assert b.store.bootstrapping
    await b.store.put("mine", b"")
    assert b.store.bootstrapping
    await members.close("b")
    b = await members.open("b", "a")
    await until(lambda: holds(b, "greeting", b"hello"))
    assert not b.store.bootstrapping


async def test_a_member_that_was_away_gets_what_it_missed(members: Members) -> None:
    a = await members.open("a")
    b = await members.open("b", "a")
    await b.store.put("mine", b"1")
    await until(lambda: holds(a, "mine", b"1"))
    await members.close("b")
    for number in range(300):
        await a.store.put(f"key {number}", b"x" * 100)
    b = await members.open("b", "a")
    await until(lambda: holds(b, "key 299", b"x" * 100))
    await until(lambda: holds(b, "key 0", b"x" * 100))
    await b.store.put("mine", b"2")
    await until(lambda: holds(a, "mine", b"2"))


async def test_members_meet_again_through_whom_they_remember(members: Members) -> None:
    """No seed is named any more, yet the roster says where the others are."""
    a = await members.open("a")
    b = await members.open("b", "a")
    await until(lambda: "b" in a.live())
    await until(lambda: holds_seat(b, "a"))
    await members.close("b")
    b = await members.open("b")
    await until(lambda: "a" in b.live())


async def holds_seat(member: Member, id: str) -> bool:
    return id in (await member.look()).seats


async def test_two_of_one_name_are_refused(members: Members) -> None:
    a = await members.open("a")
    await members.open("b", "a")
    await until(lambda: "b" in a.live())
    with pytest.raises(Conflict, match="is b already") as refused:
        await members.open("b", "a", folder="another home", gossip_port=0)
    assert "--replace" in refused.value.message
    await a.store.put("still", b"well")
    assert "b" in a.live()


async def test_with_the_operators_word_the_later_one_takes_its_place(members: Members) -> None:
    a = await members.open("a")
    earlier = await members.open("b", "a")
    await until(lambda: "b" in a.live())
    assert earlier.displaced is not None
    async with open_member(
        ClusterSettings(name="b", gossip_port=0, join=(members.address("a"),), replace=True),
        members.folder / "another home",
        SystemClock(),
    ):
        await until(earlier.displaced.done)
        assert "took the place" in earlier.displaced.result()


async def test_a_member_that_leaves_hands_over_what_only_it_has(members: Members) -> None:
    a = await members.open("a")
    b = await members.open("b", "a")
    await until(lambda: "b" in a.live())
    await b.store.put("last words", b"!")
    await b.leave()
    assert await holds(a, "last words", b"!")
    assert (await a.look()).seats["b"].state is roster.State.left
    assert a.swim is not None
    await until(lambda: a.swim is not None and a.swim.peers["b"].state is State.left)
    with pytest.raises(Conflict, match="in no cluster"):
        await b.leave()
    await members.close("b")
    b = await members.open("b", "a")  # and comes back
    await until(lambda: "b" in a.live())
    seats = (await b.look()).seats
    assert seats["b"].state is roster.State.member


async def test_who_is_the_only_one_cannot_leave(members: Members) -> None:
    a = await members.open("a", "127.0.0.1:1")
    with pytest.raises(Unavailable, match="No other member"):
        await a.leave()


async def test_members_tell_how_far_the_others_are(members: Members) -> None:
    a = await members.open("a")
    b = await members.open("b", "a")
    await a.store.put("one", b"1")
    await until(lambda: holds(b, "one", b"1"))

    async def caught_up() -> bool:
        told = await status(a, Holdings(GossipMap(a.store, a.chunks), a.id))
        return [(one.id, one.state, one.behind) for one in told.members] == [("b", "alive", 0)]

    await until(caught_up)
    told = await status(a, Holdings(GossipMap(a.store, a.chunks), a.id))
    assert (told.id, told.state, told.keys, told.secured) == ("a", "member", 1, "no")
    assert told.members[0].bytes_out > 0
    assert told.members[0].address == members.address("b")


async def test_a_wrong_key_lets_nobody_in_and_changes_nothing(members: Members, tmp_path: Path) -> None:
    ours, theirs = tmp_path / "our.key", tmp_path / "their.key"
    make_keys(ours)
    make_keys(theirs)
    a = await members.open("a", key_file=ours)
    b = await members.open("b", "a", key_file=ours)
    stranger = await members.open("stranger", "a", key_file=theirs)
    await stranger.store.put("bad", b"news")
    await until(lambda: a.network is not None and a.network.refusals.counts["key"] > 0)
    await until(lambda: "b" in a.live())
    assert stranger.live() == {}
    assert await a.store.get("bad") is None
    assert set(a.live()) == {"b"}
    await b.store.put("good", b"news")
    await until(lambda: holds(a, "good", b"news"))


async def test_another_cluster_is_turned_away(members: Members) -> None:
    a = await members.open("a", id="fair")
    await members.open("b", "a", id="market")
    await until(lambda: a.network is not None and a.network.refusals.counts["cluster"] > 0)
    assert a.live() == {}


async def test_a_node_without_a_port_is_alone_and_keeps_its_rows(tmp_path: Path) -> None:
    for turn in (1, 2):
        async with open_member(ClusterSettings(), tmp_path, SystemClock()) as member:
            await member.store.put("turn", str(turn).encode())
            told = await status(member, Holdings(GossipMap(member.store, member.chunks), member.id))
            assert (told.state, told.members, told.keys) == ("alone", (), 1)
            with pytest.raises(Conflict):
                await member.leave()


@pytest.mark.parametrize("address", ["nowhere", ":7001", "host:0", "host:x", "::1:7001", "a b:7001"])
async def test_what_is_no_address_is_said_before_anything_starts(address: str, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="HOST:PORT"):
        async with open_member(ClusterSettings(gossip_port=0, join=(address,)), tmp_path, SystemClock()):
            pass


async def test_a_member_that_is_silent_for_too_long_is_expelled_and_may_come_back(
    members: Members, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deletions are kept for it no longer; what it had deleted or missed is settled when it is back."""
    monkeypatch.setattr(driving, "LOOK_SECONDS", 0.2)
    a = await members.open("a", hold_days=1e-5)
    b = await members.open("b", "a", hold_days=1e-5)
    for key in ("kept", "gone"):
        await a.store.put(key, b"1")
    await until(lambda: holds(b, "gone", b"1"))
    await members.close("b")

    async def expelled() -> bool:
        return (await a.look()).seats["b"].state is roster.State.expelled

    await until(expelled)
    await a.store.delete("gone")
    b = await members.open("b", "a", hold_days=1e-5)
    await until(lambda: holds_nothing(b, "gone"))

    async def seated() -> bool:
        return (await b.look()).seats["b"].state is roster.State.member

    await until(seated)
    assert await holds(b, "kept", b"1")


async def holds_nothing(member: Member, key: str) -> bool:
    found = await member.store.get(key)
    return found is None or found.value is None


async def test_what_a_stranger_says_of_keys_is_not_heard(members: Members) -> None:
    """Before it is known as a member, and from a second node of this one's name for ever."""
    a = await members.open("a")
    assert a.network is not None
    heard = a.network._receive
    for payload in (b"", b"garbage", msgspec.msgpack.encode(["g.ask", 1]), msgspec.msgpack.encode(["x"])):
        heard("127.0.0.1:9", payload)
    digest = Digest(1, 2, 3, b"hash", 0, 0, asks=True)
    heard("127.0.0.1:9", msgspec.msgpack.encode(digest))
    assert a.unread == {"garbage": 4, "stranger": 1}
