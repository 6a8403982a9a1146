"""Tokens and sessions, on each database."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from clocks import ManualClock
from feria.access import hashing
from feria.access.memory import AGAIN_AFTER
from feria.access.sessions import Sessions
from feria.access.tokens import Tokens
from feria.access.wire import LOCAL, PERMISSIONS, NewToken, Permission, Role, TokenOrder
from feria.errors import Busy, Conflict, Invalid, NotAllowed, NotFound
from feria.storage.database import Database


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def tokens(database: Database, clock: ManualClock) -> Tokens:
    return Tokens(database, clock, locked=True)


@pytest.fixture
def sessions(database: Database, tokens: Tokens, clock: ManualClock) -> Sessions:
    return Sessions(database, tokens, clock, hours=12)


async def make(tokens: Tokens, name: str = "ana", role: Role = Role.admin, **more: object) -> NewToken:
    return await tokens.create(TokenOrder.model_validate({"name": name, "role": role, **more}))


async def test_a_token_is_recognised_and_nothing_like_it_is(tokens: Tokens) -> None:
    made = await make(tokens, "till-3", Role.client)
    holder = await tokens.recognise(made.token)
    assert holder is not None
    assert (holder.caller.subject, holder.caller.permissions) == ("till-3", PERMISSIONS[Role.client])
    other = hashing.fresh()
    for wrong in (
        "",
        "feria",
        str(other),
        f"feria_{made.id}_{other.secret}",
        made.token + "0",
        made.token[:-1],
    ):
        assert await tokens.recognise(wrong) is None


async def test_the_database_holds_nothing_to_sign_in_with(
    tokens: Tokens, sessions: Sessions, database: Database
) -> None:
    made = await make(tokens)
    holder = await tokens.recognise(made.token)
    assert holder
    cookie, _ = await sessions.open(holder)
    async with database.transaction(read_only=True) as session:
        rows = [
            *(await session.execute(text("SELECT * FROM tokens"))).all(),
            *(await session.execute(text("SELECT * FROM sessions"))).all(),
        ]
    assert len(rows) == 2
    assert made.token.rpartition("_")[2] not in str(rows)
    assert cookie not in str(rows)


async def test_a_token_that_was_verified_is_not_verified_again(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, verified = await make(tokens), []
    matches = hashing.matches

    def counted(secret: str, kept: str) -> bool:
        verified.append(secret)
        return matches(secret, kept)

    monkeypatch.setattr(hashing, "matches", counted)
    await asyncio.gather(*(tokens.recognise(made.token) for _ in range(20)))
    assert 1 <= len(verified) <= 2  # as many as are verified at once
    await tokens.recognise(made.token)
    assert len(verified) <= 2


async def test_too_many_verifications_at_once_are_refused(tokens: Tokens) -> None:
    made = await make(tokens)
    wrong = [f"feria_{made.id}_{hashing.fresh().secret}" for _ in range(80)]
    answers = await asyncio.gather(*(tokens.recognise(one) for one in wrong), return_exceptions=True)
    assert sum(isinstance(answer, Busy) for answer in answers) == 80 - 64
    assert await tokens.recognise(made.token)


async def test_a_revoked_token_and_its_sessions_end_at_once(tokens: Tokens, sessions: Sessions) -> None:
    await make(tokens)
    made = await make(tokens)
    holder = await tokens.recognise(made.token)
    assert holder
    cookie, _ = await sessions.open(holder)
    assert await sessions.recognise(cookie) == holder
    await tokens.revoke(made.id)
    assert await tokens.recognise(made.token) is None
    assert await sessions.recognise(cookie) is None
    with pytest.raises(NotFound):
        await tokens.revoke(made.id)


async def test_what_another_process_revoked_is_noticed_within_seconds(
    tokens: Tokens, database: Database, clock: ManualClock
) -> None:
    made = await make(tokens)
    assert await tokens.recognise(made.token)
    await Tokens(database, clock, locked=False).revoke(made.id)
    clock.advance(AGAIN_AFTER)
    assert await tokens.recognise(made.token) is None


async def test_a_token_and_its_sessions_end_on_their_day(
    tokens: Tokens, sessions: Sessions, clock: ManualClock
) -> None:
    made = await make(tokens, days=0.25)
    assert made.expires_at == clock.now() + timedelta(hours=6)
    holder = await tokens.recognise(made.token)
    assert holder
    cookie, _ = await sessions.open(holder)
    clock.advance(6 * 3600 - 1)
    assert await tokens.recognise(made.token) == await sessions.recognise(cookie) == holder
    clock.advance(1)
    assert await tokens.recognise(made.token) is None
    assert await sessions.recognise(cookie) is None
    assert [token.id for token in await tokens.all()] == [made.id]  # to be seen, and revoked


async def test_a_session_ends_after_its_hours_or_when_it_is_closed(
    tokens: Tokens, sessions: Sessions, database: Database, clock: ManualClock
) -> None:
    holder = await tokens.recognise((await make(tokens)).token)
    assert holder
    first, ends = await sessions.open(holder)
    second, _ = await sessions.open(holder)
    assert first != second
    assert ends == clock.now() + timedelta(hours=12)
    await sessions.close(second)
    assert await sessions.recognise(second) is None
    clock.advance(12 * 3600)
    assert await sessions.recognise(first) is None
    clock.advance(1)
    await sessions.open(holder)
    async with database.transaction(read_only=True) as session:
        assert await session.scalar(text("SELECT count(*) FROM sessions")) == 1  # the old one was swept out


async def test_permissions_can_be_fewer_than_the_roles_but_not_more(tokens: Tokens) -> None:
    made = await make(tokens, "backup", Role.operator, allow=["read"])
    holder = await tokens.recognise(made.token)
    assert holder
    assert holder.caller.permissions == {Permission.read}
    with pytest.raises(Invalid, match="does not include: administer, train"):
        await make(tokens, "ana", Role.client, allow=["read", "train", "administer"])


async def test_nobody_is_called_as_the_commands_of_the_machine_are(tokens: Tokens) -> None:
    with pytest.raises(Invalid, match="local"):
        await make(tokens, "local")


async def test_the_last_administrator_of_a_locked_node_is_not_revoked_by_mistake(
    tokens: Tokens, clock: ManualClock
) -> None:
    assert not await tokens.administered()
    first = await make(tokens)
    await make(tokens, "ends", days=1)
    await make(tokens, "narrow", Role.admin, allow=["administer"])
    await tokens.revoke(first.id)  # another is left
    last = await make(tokens, "last")
    clock.advance(86_400)
    with pytest.raises(Conflict, match="Create another one first"):
        await tokens.revoke(last.id)
    with pytest.raises(Conflict):
        await tokens.erase("last")
    assert await tokens.administered()
    await tokens.revoke(last.id, force=True)
    assert not await tokens.administered()


async def test_of_two_administrators_who_revoke_each_other_one_stays(tokens: Tokens) -> None:
    ids = [(await make(tokens, name)).id for name in ("ana", "ben")]
    ends = await asyncio.gather(*map(tokens.revoke, ids), return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == ["Conflict", "NoneType"]
    assert len(await tokens.all()) == 1


async def test_when_it_was_last_used_is_written_down_coarsely(tokens: Tokens, clock: ManualClock) -> None:
    made = await make(tokens)
    assert made.last_used_at is None
    await tokens.recognise(made.token)
    first = clock.now()
    clock.advance(3600)
    await tokens.recognise(made.token)
    (listed,) = await tokens.all()
    assert listed.last_used_at == first
    clock.advance(60)
    await tokens.recognise(made.token)
    (listed,) = await tokens.all()
    assert listed.last_used_at == clock.now()


async def test_the_local_token_is_nobodys_and_another_each_time(tokens: Tokens, sessions: Sessions) -> None:
    holder = await tokens.recognise(tokens.local)
    assert holder
    assert holder.caller == LOCAL
    with pytest.raises(NotAllowed):
        await sessions.open(holder)
    assert tokens.local != Tokens(tokens._database, ManualClock(), locked=True).local


async def test_what_is_kept_under_a_name_is_shown_and_erased(tokens: Tokens, sessions: Sessions) -> None:
    await make(tokens, "admin")
    made = await make(tokens, "ana", Role.viewer)
    holder = await tokens.recognise(made.token)
    assert holder
    await sessions.open(holder)
    kept = await tokens.export("ana")
    assert [token["id"] for token in kept["tokens"]] == [made.id]
    assert len(kept["sessions"]) == 1
    assert made.token.rpartition("_")[2] not in str(kept)
    assert await tokens.erase("ana") == 1
    assert await tokens.export("ana") == {"tokens": [], "sessions": []}
    assert await tokens.recognise(made.token) is None
