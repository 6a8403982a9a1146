"""Stores that become clients, on each database, with a real SuperLink."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import SecretStr
from sqlalchemy import text

from clocks import ManualClock
from feria.clock import SystemClock
from feria.errors import Conflict, FeriaError, Invalid, NotAllowed, NotFound, TooLarge, Unavailable
from feria.federation.clients import Clients
from feria.federation.invitation import Redeemed, Redemption, decode
from feria.settings import LearningSettings, SuperLinkSettings, WebSettings, WorkerSettings
from feria.storage.database import Database
from feria.superlink.control import Control, open_control
from feria.superlink.hub import Hub, open_hub
from feria.superlink.invitations import Invitations
from feria.superlink.wire import NewInvitation
from feria.tasks.processes import Processes, open_processes
from loops import MODULES
from programs import free_port

COLUMNS = [("age", "number"), ("town", "text"), ("bought", "text")]
ANYONES = SecretStr("anyone's")
LIMA = "Tienda Lima"
DAY = 86_400.0


def _public_key(curve: ec.EllipticCurve | None = None) -> str:
    key = ec.generate_private_key(curve or ec.SECP384R1()).public_key()
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def _told(invited: NewInvitation | str, key: str, **more: Any) -> Redemption:
    """What a store says that was given this invitation, or token."""
    columns = [{"name": name, "kind": kind} for name, kind in more.pop("columns", COLUMNS)]
    named = [(column["name"], column["kind"]) for column in columns]
    said = {
        "token": invited if isinstance(invited, str) else decode(invited.text).token,
        "public_key": key,
        "dataset": "ventas",
        "columns": columns,
        "rows": 60,
        "schema_digest": hashlib.sha256(msgspec.json.encode(named)).hexdigest(),
    }
    return Redemption.model_validate(said | more)


@pytest.fixture(scope="module")
async def opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[tuple[Hub, Control]]:
    """A hub with a SuperLink of its own, and another's view of that."""
    folder, port = tmp_path_factory.mktemp("superlink"), free_port()
    settings = SuperLinkSettings(enabled=True, port=port, names=("localhost",))
    async with open_hub(settings, WebSettings(), folder, SystemClock()) as hub:
        secret = (folder / "secret").read_text()
        async with open_control(f"127.0.0.1:{port}", folder / "ca.pem", secret) as control:
            yield hub, control


@pytest.fixture
def hub(opened: tuple[Hub, Control]) -> Hub:
    return opened[0]


@pytest.fixture
def control(opened: tuple[Hub, Control]) -> Control:
    return opened[1]


@pytest.fixture(scope="module")
async def processes() -> AsyncGenerator[Processes]:
    async with open_processes(WorkerSettings(), MODULES) as processes:
        yield processes


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def clients(
    database: Database, processes: Processes, clock: ManualClock, hub: Hub, tmp_path: Path
) -> Clients:
    clients = Clients(database, processes, LearningSettings(), clock, tmp_path / "clients", hub)
    await clients.open()
    return clients


@pytest.fixture
def invitations(database: Database, clients: Clients, clock: ManualClock, hub: Hub) -> Invitations:
    return Invitations(database, clients, clock, hub)


async def _invite(invitations: Invitations, name: str = LIMA, owner: str = "ana") -> NewInvitation:
    return await invitations.invite(name, owner=owner, days=7)


async def _redeem(invitations: Invitations, told: Redemption) -> Redeemed:
    return await invitations.redeem(told, host="192.0.2.7", port=4711)


async def _refusal(invitations: Invitations, told: Redemption) -> str:
    with pytest.raises(NotAllowed) as refused:
        await _redeem(invitations, told)
    return refused.value.message


async def _register(clients: Clients, tmp_path: Path, name: str = LIMA) -> None:
    file = tmp_path / "sent.csv"
    file.write_text("age,bought\n31,yes\n")
    await clients.register(name, "ventas", file, owner="ana", host="127.0.0.1", port=8000)


async def _node_ids(control: Control) -> set[str]:
    return {str(node.node_id) for node in await control.nodes()}


async def _states(invitations: Invitations) -> dict[str, str]:
    return {one.name: one.state for one in await invitations.all()}


async def test_a_store_that_redeems_its_invitation_is_a_client(
    invitations: Invitations, clients: Clients, control: Control, hub: Hub, clock: ManualClock
) -> None:
    invited = await _invite(invitations)
    said = decode(invited.text)
    assert (said.name, said.hub, said.ca) == (LIMA, "http://127.0.0.1:8000", hub.ca)
    assert said.superlink == hub.superlink
    assert (invited.state, (invited.expires_at - clock.now()).days) == ("open", 7)
    told = _told(invited, _public_key())
    redeemed = await _redeem(invitations, told)
    assert (redeemed.name, redeemed.superlink) == (LIMA, said.superlink)
    (client,) = await clients.clients("ana")
    assert (client.where, client.node_id, client.status) == ("store", redeemed.node_id, "registered")
    assert (client.name, client.dataset, client.rows, client.host) == (LIMA, "ventas", 60, "192.0.2.7")
    assert [(column.name, column.kind) for column in client.columns] == COLUMNS
    assert client.schema_digest == told.schema_digest
    assert await clients.clients("berta") == []
    assert await _states(invitations) == {LIMA: "redeemed"}
    assert {str(node.node_id): node.name for node in await control.nodes()}[redeemed.node_id] == LIMA
    (participant,) = await clients.participants("ana", [LIMA])
    assert (participant.rows, participant.node_id) == (None, redeemed.node_id)


async def test_rows_here_have_the_digest_that_a_store_with_the_same_columns_has(
    invitations: Invitations, clients: Clients, tmp_path: Path
) -> None:
    await _register(clients, tmp_path, "Tienda Cusco")
    columns = [("age", "number"), ("bought", "text")]
    await _redeem(invitations, _told(await _invite(invitations), _public_key(), columns=columns))
    cusco, lima = await clients.clients("ana")
    assert (cusco.where, lima.where) == ("here", "store")
    assert (cusco.status, cusco.node_id) == (None, None)
    assert cusco.schema_digest == lima.schema_digest


async def test_a_store_whose_answer_was_lost_is_answered_the_same_even_when_the_invitation_has_ended(
    invitations: Invitations, clients: Clients, clock: ManualClock
) -> None:
    told = _told(await _invite(invitations), _public_key())
    first = await _redeem(invitations, told)
    clock.advance(8 * DAY)
    assert await _redeem(invitations, told) == first
    assert len(await clients.clients()) == 1


async def test_a_token_that_is_wrong_used_expired_or_revoked_is_refused_in_the_same_words(
    invitations: Invitations, clients: Clients, clock: ManualClock, control: Control
) -> None:
    key, before = _public_key(), await _node_ids(control)
    refused = {await _refusal(invitations, _told("a-token-that-nobody-was-given", key))}
    revoked = await _invite(invitations)
    await invitations.revoke(revoked.id)
    await invitations.revoke(revoked.id)
    refused.add(await _refusal(invitations, _told(revoked, key)))
    replaced, used = await _invite(invitations), await _invite(invitations)
    refused.add(await _refusal(invitations, _told(replaced, key)))
    expired = await _invite(invitations, "Tienda Cusco")
    clock.advance(7 * DAY)
    refused.add(await _refusal(invitations, _told(expired, key)))
    assert await _states(invitations) == {LIMA: "expired", "Tienda Cusco": "expired"}
    assert await _node_ids(control) == before
    used = await _invite(invitations)
    await _redeem(invitations, _told(used, _public_key()))
    refused.add(await _refusal(invitations, _told(used, key)))
    await clients.remove("ana", LIMA)
    refused.add(await _refusal(invitations, _told(used, key)))
    assert len(refused) == 1


async def test_of_two_stores_with_one_invitation_one_joins(
    invitations: Invitations, clients: Clients, control: Control
) -> None:
    invited, before = await _invite(invitations), await _node_ids(control)
    answers = await asyncio.gather(
        *(_redeem(invitations, _told(invited, _public_key())) for _ in range(4)), return_exceptions=True
    )
    (joined,) = [answer for answer in answers if isinstance(answer, Redeemed)]
    assert sum(isinstance(answer, NotAllowed) for answer in answers) == 3
    assert [client.node_id for client in await clients.clients()] == [joined.node_id]
    assert await _node_ids(control) - before == {joined.node_id}


async def test_one_store_that_asks_twice_at_once_is_answered_twice_the_same(
    invitations: Invitations, clients: Clients, control: Control
) -> None:
    told, before = _told(await _invite(invitations), _public_key()), await _node_ids(control)
    first, *others = await asyncio.gather(*(_redeem(invitations, told) for _ in range(4)))
    assert others == [first] * 3
    assert len(await clients.clients()) == 1
    assert await _node_ids(control) - before == {first.node_id}


class _Killed(BaseException):
    pass


async def test_a_hub_that_died_before_it_wrote_down_whom_it_had_let_in_finds_the_store_again(
    invitations: Invitations,
    clients: Clients,
    control: Control,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told, before = _told(await _invite(invitations), _public_key()), await _node_ids(control)

    async def die(*_: object, **__: object) -> None:
        raise _Killed

    with monkeypatch.context() as patched, pytest.raises(_Killed):
        patched.setattr(clients, "take_in", die)
        await _redeem(invitations, told)
    let_in = await _node_ids(control) - before
    assert (len(let_in), await clients.clients()) == (1, [])
    assert await _states(invitations) == {LIMA: "open"}
    clock.advance(8 * DAY)  # what was begun in time is finished later too, by the same store
    await _refusal(invitations, _told(told.token, _public_key()))
    redeemed = await _redeem(invitations, told)
    assert {redeemed.node_id} == let_in == await _node_ids(control) - before
    assert [client.node_id for client in await clients.clients()] == [redeemed.node_id]


@pytest.mark.parametrize("how", ["revoked", "replaced"])
async def test_an_invitation_that_ends_while_it_is_redeemed_leaves_nobody_inside(
    invitations: Invitations,
    clients: Clients,
    control: Control,
    hub: Hub,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    invited, before = await _invite(invitations), await _node_ids(control)
    let_in = hub.let_in

    async def slowly(name: str, public_key: str) -> str:
        node_id = await let_in(name, public_key)
        with monkeypatch.context() as patched:
            patched.setattr(hub, "let_in", let_in)
            await (invitations.revoke(invited.id) if how == "revoked" else _invite(invitations))
        return node_id

    monkeypatch.setattr(hub, "let_in", slowly)
    await _refusal(invitations, _told(invited, _public_key()))
    assert await _node_ids(control) == before
    assert await clients.clients() == []
    assert await _states(invitations) == {LIMA: "revoked" if how == "revoked" else "open"}


async def test_what_a_store_has_begun_and_not_finished_ends_with_its_invitation(
    invitations: Invitations, clients: Clients, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    invited, before = await _invite(invitations), await _node_ids(control)

    async def die(*_: object, **__: object) -> None:
        raise _Killed

    with monkeypatch.context() as patched, pytest.raises(_Killed):
        patched.setattr(clients, "take_in", die)
        await _redeem(invitations, _told(invited, _public_key()))
    assert await _node_ids(control) != before
    await invitations.revoke(invited.id)
    assert await _node_ids(control) == before


async def test_a_store_that_is_removed_is_shut_out_and_comes_back_with_another_key_only(
    invitations: Invitations, clients: Clients, control: Control
) -> None:
    told = _told(await _invite(invitations), _public_key())
    gone = await _redeem(invitations, told)
    await clients.remove("ana", LIMA)
    assert gone.node_id not in await _node_ids(control)
    assert await clients.clients() == []
    assert await _states(invitations) == {LIMA: "revoked"}
    await _refusal(invitations, told)
    again = await _invite(invitations)
    await _refusal(invitations, _told(again, told.public_key))
    back = await _redeem(invitations, _told(await _invite(invitations), _public_key()))
    assert back.node_id != gone.node_id
    assert [client.node_id for client in await clients.clients()] == [back.node_id]


async def test_a_store_that_the_superlink_knows_no_more_can_be_removed(
    invitations: Invitations, clients: Clients, control: Control
) -> None:
    joined = await _redeem(invitations, _told(await _invite(invitations), _public_key()))
    await control.unregister(int(joined.node_id))
    await clients.remove("ana", LIMA)
    assert await clients.clients() == []


async def test_a_name_is_a_clients_once_for_each_owner(
    invitations: Invitations, clients: Clients, tmp_path: Path
) -> None:
    await _register(clients, tmp_path)
    with pytest.raises(Conflict, match=f"You have a client '{LIMA}'"):
        await _invite(invitations)
    joined = await _redeem(invitations, _told(await _invite(invitations, owner="berta"), _public_key()))
    with pytest.raises(Conflict, match=f"You have a client '{LIMA}'"):
        await _invite(invitations, owner="berta")
    (used,) = await invitations.all("berta")
    with pytest.raises(Conflict, match="remove the client to shut it out"):
        await invitations.revoke(used.id)
    assert [(one.owner, one.node_id) for one in await clients.clients()] == [
        ("ana", None),
        ("berta", joined.node_id),
    ]


async def test_a_name_that_went_to_another_client_meanwhile_is_said_and_the_store_can_ask_again(
    invitations: Invitations, clients: Clients, control: Control, tmp_path: Path
) -> None:
    told, before = _told(await _invite(invitations), _public_key()), await _node_ids(control)
    await _register(clients, tmp_path)
    with pytest.raises(Conflict, match="another client 'Tienda Lima' by now"):
        await _redeem(invitations, told)
    assert await _node_ids(control) == before
    await clients.remove("ana", LIMA)
    assert (await _redeem(invitations, told)).name == LIMA


async def test_or_went_in_the_last_moment(
    invitations: Invitations,
    clients: Clients,
    control: Control,
    hub: Hub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told, before = _told(await _invite(invitations), _public_key()), await _node_ids(control)
    let_in = hub.let_in

    async def slowly(name: str, public_key: str) -> str:
        await _register(clients, tmp_path)
        return await let_in(name, public_key)

    monkeypatch.setattr(hub, "let_in", slowly)
    with pytest.raises(Conflict, match="another client 'Tienda Lima' by now"):
        await _redeem(invitations, told)
    assert await _node_ids(control) == before
    assert [client.where for client in await clients.clients()] == ["here"]


IMPOSSIBLE: list[tuple[dict[str, Any], type[FeriaError], str]] = [
    ({"schema_digest": "0" * 64}, Invalid, "schema_digest is not that of its columns"),
    ({"columns": [("age", "number")] * 2}, Invalid, "Two of the store's columns have one name"),
    ({"columns": [(f"c{n}", "number") for n in range(2001)]}, TooLarge, "2,001 columns; 2,000 are taken"),
    ({"key": "ecdsa-sha2-nistp384 AAAA"}, Invalid, "no public key in OpenSSH's form"),
]


async def test_what_no_store_can_tell_is_refused_and_does_not_use_up_the_invitation(
    invitations: Invitations,
) -> None:
    invited, key = await _invite(invitations), _public_key()
    for more, error, said in IMPOSSIBLE:
        with pytest.raises(error, match=said):
            await _redeem(invitations, _told(invited, **{"key": key, **more}))
    assert (await _redeem(invitations, _told(invited, key))).name == LIMA


async def test_while_the_superlink_is_away_nobody_joins_nobody_is_shut_out_and_lists_say_so(
    database: Database,
    processes: Processes,
    invitations: Invitations,
    clients: Clients,
    clock: ManualClock,
    hub: Hub,
    tmp_path: Path,
) -> None:
    cusco = _told(await _invite(invitations, "Tienda Cusco"), _public_key())
    await _redeem(invitations, cusco)
    (tmp_path / "ca.pem").write_text(hub.ca)
    elsewhere = SuperLinkSettings(
        enabled=True,
        address=f"127.0.0.1:{free_port()}",
        ca=tmp_path / "ca.pem",
        secret=SecretStr("anyone's"),
    )
    async with open_hub(elsewhere, WebSettings(), tmp_path, SystemClock()) as away:
        cut_off = Clients(database, processes, LearningSettings(), clock, tmp_path / "clients", away)
        waiting = Invitations(database, cut_off, clock, away)
        assert [(one.name, one.status) for one in await cut_off.clients()] == [("Tienda Cusco", "unknown")]
        told = _told(await waiting.invite(LIMA, owner="ana", days=7), _public_key())
        with pytest.raises(Unavailable, match="does not answer"):
            await _redeem(waiting, told)
        with pytest.raises(Unavailable, match="does not answer"):
            await cut_off.remove("ana", "Tienda Cusco")
        assert await _redeem(waiting, cusco) == (await _redeem(invitations, cusco)).model_copy(
            update={"superlink": away.superlink}
        )
    await _refusal(invitations, _told(told.token, _public_key()))  # it was begun with another key
    assert (await _redeem(invitations, told)).name == LIMA
    assert [one.status for one in await clients.clients()] == ["registered"] * 2


async def test_a_hub_that_does_not_know_the_secret_says_so_as_its_own_fault(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(hub.ca)
    address = f"127.0.0.1:{hub.superlink.rpartition(':')[2]}"
    stranger = SuperLinkSettings(
        enabled=True, address=address, ca=tmp_path / "ca.pem", secret=SecretStr("anyone's")
    )
    async with open_hub(stranger, WebSettings(), tmp_path, SystemClock()) as cut_off:
        with pytest.raises(Unavailable, match="does not know the secret"):
            await cut_off.let_in(LIMA, _public_key())


async def test_a_node_where_no_stores_come_in_says_what_that_needs(
    database: Database, processes: Processes, invitations: Invitations, clock: ManualClock, tmp_path: Path
) -> None:
    told = _told(await _invite(invitations), _public_key())
    plain = Clients(database, processes, LearningSettings(), clock, tmp_path / "clients")
    closed = Invitations(database, plain, clock, None)
    with pytest.raises(NotAllowed, match="FERIA_SUPERLINK__ENABLED=true"):
        await closed.invite("Tienda Cusco", owner="ana", days=7)
    with pytest.raises(NotFound, match="FERIA_SUPERLINK__ENABLED=true"):
        await _redeem(closed, told)
    await _redeem(invitations, told)
    with pytest.raises(Unavailable, match="FERIA_SUPERLINK__ENABLED=true"):
        await plain.remove("ana", LIMA)
    assert [client.status for client in await plain.clients()] == ["unknown"]


async def test_nothing_in_the_database_lets_anybody_in(invitations: Invitations, database: Database) -> None:
    invited = await _invite(invitations)
    token = decode(invited.text).token
    async with database.transaction(read_only=True) as session:
        (row,) = (await session.execute(text("SELECT * FROM superlink_invitations"))).all()
    assert hashlib.sha256(token.encode()).hexdigest() in row
    assert token not in str(row)
    assert invited.text not in str(row)


async def test_what_is_kept_of_an_owner_is_told_and_erased(
    invitations: Invitations, clients: Clients, control: Control, database: Database
) -> None:
    joined = await _redeem(invitations, _told(await _invite(invitations), _public_key()))
    opened = await _invite(invitations, "Tienda Cusco")
    others = await _invite(invitations, "Tienda Puno", owner="berta")
    assert [(one["name"], one["state"]) for one in await invitations.export("ana")] == [
        ("Tienda Cusco", "open"),
        ("Tienda Lima", "redeemed"),
    ]
    assert await clients.erase("ana") == 1
    assert await invitations.erase("ana") == 2
    assert await invitations.erase("ana") == 0
    assert joined.node_id not in await _node_ids(control)
    assert [one.id for one in await invitations.all()] == [others.id]
    await _refusal(invitations, _told(opened, _public_key()))
    with pytest.raises(NotFound):
        await invitations.find(opened.id)


async def test_of_two_who_invite_the_same_store_at_once_one_invitation_is_good(
    invitations: Invitations,
) -> None:
    made = await asyncio.gather(*(_invite(invitations) for _ in range(4)), return_exceptions=True)
    given = [one for one in made if isinstance(one, NewInvitation)]
    assert all(isinstance(one, NewInvitation | Conflict) for one in made)
    (good,) = await invitations.all()
    assert good.state == "open"
    joined = 0
    for one in given:
        with contextlib.suppress(NotAllowed):
            await _redeem(invitations, _told(one, _public_key()))
            joined += 1
    assert joined == 1
