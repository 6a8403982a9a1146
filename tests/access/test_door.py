"""What happens at the door, through whole applications."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

import nets
from feria.access.tokens import Tokens
from feria.access.wire import Role, TokenOrder
from feria.app import open_app
from feria.settings import AccessSettings, Settings, WebSettings

NET = nets.linear([1.0])
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Visit:
    """An application, and ways to come to it."""

    def __init__(self, app: Any, tokens: Tokens) -> None:
        self.app = app
        self.tokens = tokens

    async def token(self, name: str = "ana", role: Role = Role.admin) -> str:
        return (await self.tokens.create(TokenOrder(name=name, role=role))).token

    def http(
        self, token: str | None = None, *, url: str = "http://node.example", address: str = "192.0.2.1"
    ) -> httpx.AsyncClient:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        transport = httpx.ASGITransport(self.app, client=(address, 1))
        return httpx.AsyncClient(transport=transport, base_url=url, headers=headers)


Opening = Callable[..., AbstractAsyncContextManager[Visit]]


@pytest.fixture
def locked(tmp_path: Path) -> Opening:
    @asynccontextmanager
    async def opening(*, web: WebSettings | None = None, **access: Any) -> AsyncGenerator[Visit]:
        settings = Settings(
            home=tmp_path,
            web=web or WebSettings(),
            access=AccessSettings(locked=True, **access),
            _env_file=None,
        )
        async with open_app(settings) as (app, node):
            yield Visit(app, node.parts[Tokens])

    return opening


# ------------------------------------------------------------------- open nodes
async def test_on_an_open_node_everybody_is_local(http: httpx.AsyncClient) -> None:
    who = (await http.get("/v1/session")).json()
    assert (who["locked"], who["subject"], who["role"]) == (False, "local", "admin")


async def test_an_open_node_refuses_a_name_that_is_not_its_machines(http: httpx.AsyncClient) -> None:
    for host, status in (("localhost:8000", 200), ("[::1]:8000", 200), ("rebound.example", 403)):
        assert (await http.get("/v1/models", headers={"Host": host})).status_code == status


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}]
)
async def test_a_foreign_page_changes_nothing_even_on_an_open_node(
    http: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    refused = await http.post("/v1/models/heart", files={"file": NET}, headers=headers)
    assert (refused.status_code, refused.json()["error"]) == (403, "not_allowed")
    assert (await http.get("/v1/models", headers=headers)).json() == {"models": []}


# ------------------------------------------------------------------- signing in
async def test_a_browser_is_led_to_the_login_page_and_back_and_a_program_told_to_sign_in(
    locked: Opening,
) -> None:
    async with locked() as visit, visit.http() as http:
        page = await http.get("/federation/jobs/3?chart=loss&x=á", headers=HTML)
        assert page.status_code == 302
        assert page.headers["location"] == "/login?next=/federation/jobs/3%3Fchart%3Dloss%26x%3D%25C3%25A1"
        told = await http.get("/v1/models")
        assert (told.status_code, told.json()["error"]) == (401, "not_signed_in")
        assert told.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/", "/shop", "/shop/MUG-1", "/mood", "/chat", "/chat/help", "/login"])
async def test_a_shopper_without_an_account_sees_the_pages_of_the_shop(locked: Opening, path: str) -> None:
    async with locked() as visit, visit.http() as http:
        page = await http.get(path, headers=HTML)
        assert page.status_code in {200, 404}  # where the app is not built, the page says so
        assert "location" not in page.headers


async def test_what_is_not_signed_in_is_not_even_read(locked: Opening) -> None:
    async def endless() -> AsyncGenerator[bytes]:
        yield b"{"
        raise AssertionError("The body was read.")

    async with locked() as visit, visit.http() as http:
        assert (await http.post("/v1/models/heart/train", content=endless())).status_code == 401


async def test_of_what_anyone_may_send_only_little_is_read(locked: Opening) -> None:
    async with locked() as visit, visit.http() as http:
        large = await http.post("/v1/session", content=b" " * 20_000 + b"{}")
        assert (large.status_code, large.json()["error"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("url", "name"),
    [("http://node.example", "feria_session"), ("https://node.example", "__Host-feria_session")],
)
async def test_a_browser_signs_in_and_out(locked: Opening, url: str, name: str) -> None:
    async with locked() as visit, visit.http(url=url) as http:
        signed = await http.post("/v1/session", json={"token": await visit.token()})
        assert signed.status_code == 201
        cookie = signed.headers["set-cookie"]
        assert cookie.startswith(f"{name}=")
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "Path=/" in cookie
        assert "Domain" not in cookie
        assert ("Secure" in cookie) == url.startswith("https")
        assert (await http.get("/v1/session")).json()["subject"] == "ana"
        assert (await http.get("/v1/models", headers=HTML)).status_code == 200
        stolen = dict(http.cookies)
        assert (await http.delete("/v1/session")).status_code == 204
        assert (await http.get("/v1/session")).json()["subject"] is None
        http.cookies.update(stolen)
        assert (await http.get("/v1/models")).status_code == 401


async def test_a_session_ends_with_its_token(locked: Opening) -> None:
    async with locked() as visit, visit.http() as http, visit.http(await visit.token("admin")) as admin:
        token = await visit.token("ben", Role.viewer)
        await http.post("/v1/session", json={"token": token})
        assert (await http.get("/v1/models")).status_code == 200
        await admin.delete(f"/v1/tokens/{token.split('_')[1]}")
        assert (await http.get("/v1/models")).status_code == 401


async def test_a_foreign_page_cannot_use_a_browsers_session(locked: Opening) -> None:
    async with locked() as visit, visit.http() as http:
        await http.post("/v1/session", json={"token": await visit.token()})
        foreign = {"Origin": "https://evil.example"}
        refused = await http.post("/v1/tokens", json={"name": "mallory", "role": "admin"}, headers=foreign)
        assert refused.status_code == 403
        assert [token.name for token in await visit.tokens.all()] == ["ana"]


@pytest.mark.parametrize("shown", ["Basic YTpi", "Bearer", "Bearer ", "Bearer é", "x" * 9000, ""])
async def test_what_is_no_token_is_not_let_in(locked: Opening, shown: str) -> None:
    async with locked() as visit, visit.http() as http:
        reply = await http.get("/v1/models", headers={"Authorization": shown.encode("latin-1")})  # type: ignore[dict-item]
        assert reply.status_code == 401


@pytest.mark.parametrize("token", ['"\\ud800"', '"\\u0000"', '"é"', "5", "null", f'"{"x" * 300}"'])
async def test_whatever_is_sent_to_sign_in_with_is_answered(locked: Opening, token: str) -> None:
    async with locked() as visit, visit.http() as http:
        body = f'{{"token": {token}}}'.encode()
        reply = await http.post("/v1/session", content=body, headers={"Content-Type": "application/json"})
        assert reply.status_code in {401, 422}


# ------------------------------------------------------------------- how often
async def test_a_token_that_asks_too_often_is_told_when_to_come_again(locked: Opening) -> None:
    async with (
        locked(requests_per_second=0.01) as visit,
        visit.http(await visit.token()) as http,
        visit.http(await visit.token("ben")) as other,
    ):
        statuses = [(await http.get("/v1/models")).status_code for _ in range(2)]
        assert statuses == [200, 429]
        refused = await http.get("/v1/models")
        assert refused.json()["error"] == "rate_limited"
        assert 1 <= int(refused.headers["retry-after"]) <= 100
        assert (await other.get("/v1/models")).status_code == 200


async def test_an_address_without_a_token_has_a_limit_of_its_own(locked: Opening) -> None:
    async with (
        locked(anonymous_per_second=0.01) as visit,
        visit.http(address="2001:db8::1") as http,
        visit.http(address="2001:db8::2") as neighbour,
        visit.http(address="192.0.2.2") as other,
    ):
        assert [(await http.get("/livez")).status_code for _ in range(2)] == [200, 429]
        assert (await neighbour.get("/livez")).status_code == 429
        assert (await other.get("/livez")).status_code == 200


async def test_made_up_sessions_are_not_looked_up_for_an_address_that_asks_too_often(locked: Opening) -> None:
    async with (
        locked(anonymous_per_second=1) as visit,
        visit.http() as browser,
        visit.http() as http,
    ):
        await browser.post("/v1/session", json={"token": await visit.token()})
        assert (await browser.get("/v1/models")).status_code == 200
        await http.get("/livez")
        visit.tokens._database.transaction = None  # type: ignore[assignment]  # to ask it would now fail
        refused = await http.get("/v1/models", headers={"Cookie": f"feria_session={'0' * 64}"})
        assert (refused.status_code, refused.json()["error"]) == (429, "rate_limited")
        assert (await browser.get("/v1/models")).status_code != 429


async def test_guessing_ends_before_a_token_is_verified_and_keeps_out_nobody_else(
    locked: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with locked(failures_per_minute=3) as visit, visit.http() as http:
        good, known = await visit.token(), await visit.token("ben")
        async with visit.http(known) as ben:
            assert (await ben.get("/v1/models")).status_code == 200
            for _ in range(3):
                wrong = good[:-4] + "0000"
                assert (await http.post("/v1/session", json={"token": wrong})).status_code == 401
            monkeypatch.setattr("feria.access.hashing.matches", None)  # to verify would now fail
            refused = await http.get("/v1/models", headers={"Authorization": f"Bearer {good}"})
            assert (refused.status_code, refused.json()["error"]) == (429, "rate_limited")
            assert int(refused.headers["retry-after"]) <= 20
            assert (await ben.get("/v1/models")).status_code == 200  # same address, but a known token


# ------------------------------------------------------------------- headers, other sites, sockets
async def test_every_answer_tells_a_browser_what_not_to_do_with_it(locked: Opening) -> None:
    async with locked() as visit, visit.http(url="https://node.example") as http:
        page, error, script = [
            await http.get(path) for path in ("/mensaje", "/v1/models", "/mensaje/page.js")
        ]
        for answer in (page, error, script):
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
            assert answer.headers["strict-transport-security"] == "max-age=31536000"
        for name in (
            "x-frame-options",
            "referrer-policy",
            "cross-origin-opener-policy",
            "permissions-policy",
        ):
            assert name in page.headers
        assert error.headers["content-security-policy"].startswith("default-src 'none'")
        assert error.headers.get_list("cache-control") == ["no-store"]
    for unprotected_or_local in ("http://node.example", "https://localhost:8000"):
        async with locked() as visit, visit.http(url=unprotected_or_local) as http:
            assert "strict-transport-security" not in (await http.get("/login")).headers


async def test_pages_of_sites_that_are_named_may_ask_and_hear_refusals_too(locked: Opening) -> None:
    shop, evil = {"Origin": "https://shop.example"}, {"Origin": "https://evil.example"}
    async with (
        locked(web=WebSettings(origins=("https://shop.example",))) as visit,
        visit.http(await visit.token()) as http,
        visit.http() as stranger,
    ):
        preflight = {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization",
        }
        allowed = await stranger.options("/v1/tokens", headers=shop | preflight)
        assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, shop["Origin"])
        assert (await stranger.options("/v1/tokens", headers=evil | preflight)).status_code == 400
        made = await http.post("/v1/tokens", json={"name": "x", "role": "client"}, headers=shop)
        assert (made.status_code, made.headers["access-control-allow-origin"]) == (201, shop["Origin"])
        refused = await stranger.get("/v1/models", headers=shop)
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, shop["Origin"])
        assert "access-control-allow-origin" not in (await http.get("/v1/models", headers=evil)).headers
        assert "access-control-allow-credentials" not in made.headers


async def test_without_named_sites_there_is_no_cors(http: httpx.AsyncClient) -> None:
    reply = await http.get("/v1/models", headers={"Origin": "https://shop.example"})
    assert not [name for name in reply.headers if name.startswith("access-control")]


async def _knock(app: Any, *, extensions: dict[str, Any], **headers: str) -> dict[str, Any]:
    """The first thing a WebSocket hears."""
    heard: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.disconnect" if heard else "websocket.connect", "code": 1001}

    async def send(message: dict[str, Any]) -> None:
        heard.append(message)

    given = {"host": "127.0.0.1:8000"} | headers
    scope = {
        "type": "websocket", "path": "/v1/events", "raw_path": b"/v1/events", "query_string": b"",
        "scheme": "ws", "root_path": "", "subprotocols": [], "client": ("127.0.0.1", 1),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "server": ("127.0.0.1", 8000), "extensions": extensions,
    }  # fmt: skip
    await app(scope, receive, send)
    return heard[0]


async def test_a_socket_is_refused_before_it_opens(locked: Opening, settings: Settings) -> None:
    answering = {"websocket.http.response": {}}
    async with open_app(settings) as (app, _):
        foreign = await _knock(app, extensions=answering, origin="https://evil.example")
        assert foreign["status"] == 403
        closed = await _knock(app, extensions={}, origin="https://evil.example")
        assert (closed["type"], closed["code"]) == ("websocket.close", 1008)
        for ours in ({}, {"origin": "http://127.0.0.1:8000"}):
            assert (await _knock(app, extensions=answering, **ours))["type"] == "websocket.accept"
    async with locked() as visit:
        nobody = await _knock(visit.app, extensions=answering)
        assert nobody["status"] == 401
        client = {"authorization": f"Bearer {await visit.token('till', Role.client)}"}
        assert (await _knock(visit.app, extensions=answering, **client))["type"] == "websocket.close"
        viewer = {"authorization": f"Bearer {await visit.token('eve', Role.viewer)}"}
        assert (await _knock(visit.app, extensions=answering, **viewer))["type"] == "websocket.accept"


# ------------------------------------------------------------------- whose models
async def test_an_operator_changes_its_own_models_and_finds_no_others(locked: Opening) -> None:
    async with (
        locked() as visit,
        visit.http(await visit.token("ana", Role.operator)) as ana,
        visit.http(await visit.token("ben", Role.operator)) as ben,
        visit.http(await visit.token("root")) as admin,
    ):
        published = await ana.post("/v1/models/heart", files={"file": NET})
        assert (published.status_code, published.json()["owner"]) == (201, "ana")
        version = "/v1/models/heart/versions/1"
        train = {"kind": "linear_regression", "target": "y", "columns": ["x", "y"], "rows": [[1, 2]] * 9}
        for refused in (
            await ben.post("/v1/models/heart", files={"file": NET}),
            await ben.post("/v1/models/heart/train", json=train),
            await ben.patch(version, json={"state": "deprecated"}),
            await ben.delete(version),
            await ben.delete("/v1/models/heart"),
        ):
            assert (refused.status_code, refused.json()["error"]) == (404, "not_found")
        assert (await ben.get(version)).json() == published.json()
        again = await admin.post("/v1/models/heart", files={"file": NET})
        assert (again.json()["version"], again.json()["owner"]) == (2, "ana")
        assert (await ana.delete("/v1/models/heart")).status_code == 204
        assert (await ben.post("/v1/models/heart", files={"file": NET})).json()["owner"] == "ben"


async def test_a_training_under_way_does_not_take_a_name_that_became_anothers(locked: Opening) -> None:
    rows = [[n % 7, n % 5, n % 3] for n in range(5000)]
    slow = {"kind": "gradient_boosting", "target": "y", "columns": ["a", "b", "y"], "rows": rows}
    async with (
        locked() as visit,
        visit.http(await visit.token("ana", Role.operator)) as ana,
        visit.http(await visit.token("ben", Role.operator)) as ben,
    ):
        headers = {"Prefer": "respond-async"}
        task = (await ben.post("/v1/models/heart/train", json=slow, headers=headers)).json()["id"]
        assert (await ana.post("/v1/models/heart", files={"file": NET})).status_code == 201
        late = await ben.get(f"/v1/tasks/{task}/result?wait=60")
        assert (late.status_code, late.json()["error"]) == (409, "conflict")
        assert [model["version"] for model in (await ana.get("/v1/models/heart")).json()["models"]] == [1]


async def test_the_older_systems_names_are_owned_too(locked: Opening) -> None:
    async with (
        locked() as visit,
        visit.http(await visit.token("ana", Role.operator)) as ana,
        visit.http(await visit.token("ben", Role.operator)) as ben,
    ):
        numbers = {"X": [[1], [2], [3], [4]], "y": [2, 4, 6, 8]}
        assert (await ana.post("/train_model/linear_regression", json=numbers)).status_code == 200
        assert (await ben.post("/train_model/linear_regression", json=numbers)).status_code == 404


async def test_a_person_is_exported_and_erased_and_the_models_stay(locked: Opening) -> None:
    async with (
        locked() as visit,
        visit.http(await visit.token("ana", Role.operator)) as ana,
        visit.http(await visit.token("root")) as admin,
    ):
        await ana.post("/v1/models/heart", files={"file": NET})
        kept = (await admin.get("/v1/privacy/ana")).json()["rooms"]
        assert kept["models"] == ["heart@1"]
        assert [token["name"] for token in kept["access"]["tokens"]] == ["ana"]
        erased = (await admin.delete("/v1/privacy/ana")).json()["rooms"]
        assert (erased["access"], erased["models"]) == (1, 1)
        assert (await ana.get("/v1/models")).status_code == 401
        assert (await admin.get("/v1/models/heart")).json()["models"][0]["owner"] == ""
        again = (await admin.get("/v1/privacy/ana")).json()["rooms"]
        assert (again["models"], again["access"]) == ([], {"tokens": [], "sessions": []})
        last = await admin.delete("/v1/privacy/root")
        assert (last.status_code, last.json()["error"]) == (409, "conflict")
