"""A node that takes in stores: what it needs to be told, and its routes."""

import contextlib
import hashlib
import json
import socket
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import SecretStr

from cli.certificates import self_signed
from feria.access.tokens import Tokens
from feria.access.wire import Role, TokenOrder
from feria.app import open_app
from feria.clock import SystemClock
from feria.errors import Invalid, Unavailable
from feria.federation.invitation import REDEEM, decode, trust
from feria.node import Node, open_node
from feria.settings import AccessSettings, Settings, SuperLinkSettings, WebSettings
from feria.superlink.authority import open_authority
from feria.superlink.hub import Hub, open_hub
from programs import free_port

NOWHERE = "127.0.0.1:9"
NO_OTHER = {"address": None, "ca": None, "secret": None}


def _told(token: str, **more: Any) -> dict[str, Any]:
    key = ec.generate_private_key(ec.SECP384R1()).public_key()
    columns = [{"name": "age", "kind": "number"}, {"name": "bought", "kind": "text", "nullable": False}]
    named = msgspec.json.encode([(column["name"], column["kind"]) for column in columns])
    return {
        "token": token,
        "public_key": key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode(),
        "dataset": "ventas",
        "columns": columns,
        "rows": 60,
        "schema_digest": hashlib.sha256(named).hexdigest(),
    } | more


# ------------------------------------------------------------------- what it needs to be told
@contextlib.asynccontextmanager
async def _hub(folder: Path, web: WebSettings | None = None, **more: Any) -> AsyncGenerator[Hub]:
    """One that uses a SuperLink elsewhere, which nobody asks anything here."""
    authority = open_authority(folder, SystemClock())
    said = {"enabled": True, "address": NOWHERE, "ca": authority.ca, "secret": "anyone's"} | more
    async with open_hub(SuperLinkSettings(**said), web or WebSettings(), folder, SystemClock()) as hub:
        yield hub


@pytest.mark.parametrize(
    ("web", "said", "hub_url", "superlink"),
    [
        ({}, {}, "http://127.0.0.1:8000", NOWHERE),
        ({"host": "localhost"}, {"names": ("hub.example",)}, "http://localhost:8000", "hub.example:9"),
        ({"host": "::1", "port": 81}, {"names": ("2001:db8::7",)}, "http://[::1]:81", "[2001:db8::7]:9"),
        ({"host": "0.0.0.0", "port": 81}, {"names": ("localhost",)}, "http://localhost:81", "localhost:9"),
        ({"port": 0}, {"hub_url": "http://localhost:81/"}, "http://localhost:81", NOWHERE),
    ],
)
async def test_invitations_say_where_the_hub_is(
    tmp_path: Path, web: dict[str, Any], said: dict[str, Any], hub_url: str, superlink: str
) -> None:
    async with _hub(tmp_path, WebSettings(**web), **said) as hub:
        assert (hub.url, hub.superlink) == (hub_url, superlink)


@pytest.mark.parametrize(
    ("web", "said", "names"),
    [
        ({"host": "0.0.0.0"}, {}, "FERIA_SUPERLINK__HUB_URL has to say where stores redeem"),
        ({"port": 0}, {}, "FERIA_SUPERLINK__HUB_URL has to say where stores redeem"),
        ({"behind_proxy": True}, {}, "FERIA_SUPERLINK__HUB_URL has to say where stores redeem"),
        ({}, {"hub_url": "http://hub.example"}, "FERIA_SUPERLINK__HUB_URL will not do: .*over https"),
        ({}, {"hub_url": "https://hub.example"}, "FERIA_SUPERLINK__HUB_CA has to say by which"),
        ({}, {"names": ("hub example/",)}, "FERIA_SUPERLINK__NAMES will not do"),
        ({}, {"address": "nowhere"}, "FERIA_SUPERLINK__ADDRESS will not do"),
        ({}, {**NO_OTHER, "host": "0.0.0.0"}, "FERIA_SUPERLINK__NAMES has to say"),
        ({}, {"ca": Path("/nowhere/ca.pem")}, "Cannot read the certificates in /nowhere/ca.pem"),
        ({}, {"ca": Path(__file__)}, "There are no certificates in PEM in"),
    ],
)
async def test_a_hub_that_stores_could_not_find_does_not_open(
    tmp_path: Path, web: dict[str, Any], said: dict[str, Any], names: str
) -> None:
    with pytest.raises(Invalid, match=names):
        async with _hub(tmp_path, WebSettings(**web), **said):
            pass


async def test_a_store_believes_the_superlinks_authority_and_the_nodes_own_door(tmp_path: Path) -> None:
    door = self_signed(tmp_path)
    both = tmp_path / "both.pem"
    both.write_bytes(door.key.read_bytes() + door.certificate.read_bytes())
    web = WebSettings(host="localhost", tls_certificate=both, tls_key=both)
    async with _hub(tmp_path, web) as hub:
        assert hub.url == "https://localhost:8000"
        assert "PRIVATE" not in hub.ca
        assert (tmp_path / "ca.pem").read_text() in hub.ca
        assert door.certificate.read_text() in hub.ca
        assert len(trust(hub.ca).get_ca_certs()) == 2


async def test_a_door_that_stores_would_not_know_is_said_at_the_start(tmp_path: Path) -> None:
    door = self_signed(tmp_path)
    web = WebSettings(host="localhost", tls_certificate=door.certificate, tls_key=door.key)
    with pytest.raises(Invalid, match=r"would not know this node at https://hub\.example: .*hub\.example"):
        async with _hub(tmp_path, web, hub_url="https://hub.example"):
            pass
    async with _hub(tmp_path, web, hub_url="https://hub.example", hub_ca=door.certificate) as hub:
        assert hub.url == "https://hub.example"  # another door than its own: who said so knows


async def test_more_certificates_than_an_invitation_holds_are_refused(tmp_path: Path) -> None:
    many = tmp_path / "many.pem"
    many.write_text(self_signed(tmp_path).certificate.read_text() * 100)
    with pytest.raises(Invalid, match="more certificates than an invitation holds"):
        async with _hub(tmp_path, hub_url="https://hub.example", hub_ca=many):
            pass


def test_a_superlink_elsewhere_is_named_with_what_it_is_known_by() -> None:
    with pytest.raises(ValueError, match="`address`, `ca` and `secret` go together"):
        SuperLinkSettings(enabled=True, address="hub.example:9092")


async def test_a_node_whose_superlink_cannot_begin_does_not_open(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        superlink = SuperLinkSettings(enabled=True, port=taken.getsockname()[1])
        with pytest.raises(Unavailable, match="is taken; the SuperLink needs one of its own"):
            async with open_node(Settings(home=tmp_path, superlink=superlink, _env_file=None)):
                pass


# ------------------------------------------------------------------- its routes
@pytest.fixture(scope="module")
async def http(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[httpx.AsyncClient]:
    """An open node that runs a SuperLink."""
    settings = Settings(
        home=tmp_path_factory.mktemp("home"),
        superlink=SuperLinkSettings(enabled=True, port=free_port()),
        _env_file=None,
    )
    async with (
        open_app(settings) as (app, _),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http,
    ):
        yield http


async def test_a_store_is_invited_joins_is_listed_and_shut_out(http: httpx.AsyncClient) -> None:
    made = await http.post("/v1/invitations", json={"name": " Tienda Lima "})
    assert made.status_code == 201
    invited = made.json()
    token = decode(invited.pop("text")).token
    listed = await http.get("/v1/invitations")
    assert listed.json() == {"invitations": [invited]}
    assert (invited["name"], invited["owner"], invited["state"]) == ("Tienda Lima", "local", "open")
    assert token not in listed.text

    told = _told(token)
    joined = await http.post(REDEEM, json=told)
    assert joined.status_code == 201
    assert joined.json().keys() == {"name", "node_id", "superlink"}
    assert (await http.post(REDEEM, json=told)).json() == joined.json()
    (client,) = (await http.get("/v1/clients")).json()["clients"]
    assert (client["where"], client["status"], client["last_seen"]) == ("store", "registered", None)
    assert client["node_id"] == joined.json()["node_id"]
    assert client["columns"] == [
        {"name": "age", "kind": "number", "nullable": True},
        {"name": "bought", "kind": "text", "nullable": True},
    ]
    used = await http.delete(f"/v1/invitations/{invited['id']}")
    assert (used.status_code, used.json()["error"]) == (409, "conflict")

    assert (await http.delete("/v1/clients/Tienda Lima")).status_code == 204
    assert (await http.get("/v1/clients")).json() == {"clients": []}
    refused = await http.post(REDEEM, json=told)
    assert (refused.status_code, refused.json()["error"]) == (403, "not_allowed")
    (revoked,) = (await http.get("/v1/invitations")).json()["invitations"]
    assert revoked["state"] == "revoked"


async def test_an_invitation_that_is_taken_back_is_not_taken(http: httpx.AsyncClient) -> None:
    invited = (await http.post("/v1/invitations", json={"name": "Tienda Puno", "days": 0.5})).json()
    for _ in range(2):
        assert (await http.delete(f"/v1/invitations/{invited['id']}")).status_code == 204
    refused = await http.post(REDEEM, json=_told(decode(invited["text"]).token))
    assert refused.status_code == 403
    assert (await http.delete("/v1/invitations/none")).status_code == 404


@pytest.mark.parametrize("order", [{}, {"name": ""}, {"name": "a/b"}, {"name": "a", "days": 0}, {"days": 7}])
async def test_an_invitation_that_cannot_be_meant_is_malformed(
    http: httpx.AsyncClient, order: dict[str, Any]
) -> None:
    assert (await http.post("/v1/invitations", json=order)).status_code == 422


GARBAGE = [
    b"",
    b"null",
    b"[]",
    b'"\xff"',
    b"{" * 5000,
    b"[" * 100_000,
    b'{"token": 1e999}',
    json.dumps(_told("t" * 20, rows=2**63)).encode(),
    json.dumps(_told("t" * 20, rows=True)).encode(),
    json.dumps(_told("t" * 20, dataset="\0")).encode(),
    json.dumps(_told("t" * 20, dataset="\ud800")).encode(),
    json.dumps(_told("t" * 20, columns=[{"name": "\ud800", "kind": "text"}])).encode(),
    json.dumps(_told("\ud800" * 20)).encode(),
    json.dumps(_told("t" * 20, more="x" * 10**6)).encode(),
    json.dumps(_told("t" * 20, columns=[{"name": f"c{n}", "kind": "text"} for n in range(20_000)])).encode(),
    json.dumps(_told("t" * 20, public_key="ecdsa-sha2-nistp384 " + "A" * 900)).encode(),
]


@pytest.mark.parametrize("body", GARBAGE, ids=range(len(GARBAGE)))
async def test_garbage_is_refused_in_a_sentence(http: httpx.AsyncClient, body: bytes) -> None:
    got = await http.post(REDEEM, content=body, headers={"content-type": "application/json"})
    assert got.status_code in (400, 403, 413, 422)
    assert got.json()["detail"]
    assert len(got.content) < 2000


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@hypothesis_settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(more=st.dictionaries(st.sampled_from(sorted(_told(""))), ANY, max_size=3))
async def test_whatever_is_said_without_a_token_is_refused(
    http: httpx.AsyncClient, more: dict[str, Any]
) -> None:
    got = await http.post(REDEEM, json=_told("a-token-that-nobody-was-given") | more)
    assert got.status_code in (403, 413, 422)


@pytest.fixture
async def locked(tmp_path: Path) -> AsyncGenerator[tuple[httpx.AsyncClient, Node]]:
    """A locked node with a SuperLink elsewhere, that is not there."""
    settings = Settings(
        home=tmp_path / "home",
        access=AccessSettings(locked=True),
        superlink=SuperLinkSettings(
            enabled=True,
            address=NOWHERE,
            ca=open_authority(tmp_path / "authority", SystemClock()).ca,
            secret=SecretStr("anyone's"),
        ),
        _env_file=None,
    )
    async with (
        open_app(settings) as (app, node),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http,
    ):
        yield http, node


async def test_a_store_needs_no_account_to_redeem_and_may_say_so_much(
    locked: tuple[httpx.AsyncClient, Node],
) -> None:
    http, _ = locked
    wrong = _told("a-token-that-nobody-was-given")
    got = await http.post(REDEEM, json=wrong)
    assert (got.status_code, got.json()["error"]) == (403, "not_allowed")
    columns = [{"name": f"a column of some length, number {n}", "kind": "number"} for n in range(2000)]
    assert (await http.post(REDEEM, json=wrong | {"columns": columns})).status_code == 422  # its digest
    assert (await http.post(REDEEM, json=wrong | {"dataset": "x" * 2**19})).status_code == 413
    assert (await http.get("/v1/invitations")).status_code == 401


async def test_who_tries_tokens_has_to_wait(tmp_path: Path) -> None:
    slow = AccessSettings(locked=True, anonymous_per_second=0.01)
    async with (
        open_app(Settings(home=tmp_path, access=slow, _env_file=None)) as (app, _),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http,
    ):
        answers = [await http.post(REDEEM, json=_told("t" * 20)) for _ in range(2)]
    assert [got.status_code for got in answers] == [404, 429]


async def test_invitations_are_their_owners_and_an_administrators_are_everybodys(
    locked: tuple[httpx.AsyncClient, Node],
) -> None:
    http, node = locked
    roles = {"ana": Role.operator, "berta": Role.operator, "root": Role.admin, "eva": Role.viewer}
    shown = {}
    for name, role in roles.items():
        made = await node.parts[Tokens].create(TokenOrder(name=name, role=role))
        shown[name] = {"Authorization": f"Bearer {made.token}"}

    async def seen(name: str) -> list[str]:
        listed = (await http.get("/v1/invitations", headers=shown[name])).json()["invitations"]
        return [one["owner"] for one in listed]

    invited = {}
    for name in ("ana", "berta", "eva"):
        got = await http.post("/v1/invitations", json={"name": "Tienda Lima"}, headers=shown[name])
        invited[name] = got.json()
    assert invited["eva"]["error"] == "not_allowed"
    assert [await seen(name) for name in roles] == [["ana"], ["berta"], ["ana", "berta"], []]
    door = f"/v1/invitations/{invited['ana']['id']}"
    assert (await http.delete(door, headers=shown["berta"])).status_code == 404
    assert (await http.delete(door, headers=shown["eva"])).status_code == 403
    assert (await http.delete(door, headers=shown["root"])).status_code == 204
