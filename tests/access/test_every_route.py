"""Every route and every kind of caller, against the table in the how-to that operators read."""

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import update

from access.routes import hot_routes, routes
from feria.access.door import OPEN, is_open
from feria.access.tables import TokenRow
from feria.access.tokens import Tokens
from feria.access.wire import PERMISSIONS, Permission, Role, TokenOrder
from feria.app import open_app
from feria.clock import Clock
from feria.settings import AccessSettings, Settings
from feria.storage.database import Database

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "secure-a-node.md"
ROLES = [str(role) for role in Role]
UNWELL = {"GET /readyz", "GET /health"}
"""Answer with 503 where something is missing: that is what they are for."""


@dataclass(frozen=True)
class Promise:
    needs: Permission | None
    """Nothing: open to anyone."""
    admitted: frozenset[str]


def _table() -> dict[str, Promise]:
    """`| POST /v1/tokens | administer | | | | ✓ |`, the last four being the roles."""
    found = {}
    for line in re.findall(r"^\| `(?:GET|POST|PATCH|PUT|DELETE|WS) .*$", PAGE.read_text("utf-8"), re.M):
        said, needs, *ticks = (cell.strip() for cell in line.strip("|").split("|"))
        admitted = frozenset(role for role, tick in zip(ROLES, ticks, strict=True) if tick == "✓")
        found[said.strip("`")] = Promise(None if needs == "–" else Permission(needs), admitted)
    return found


TABLE = _table()


@dataclass(frozen=True)
class LockedNode:
    http: httpx.AsyncClient
    callers: dict[str, str]
    """Tokens, by who holds them."""

    async def ask(self, said: str, caller: str) -> int:
        method, _, path = said.partition(" ")
        path = re.sub(r"\{\w+\}", "1", path).replace("…", "home.css")
        path = path.replace("/train_model/1", "/train_model/mlp").replace(
            "/predict_model/1", "/predict_model/mlp"
        )
        shown = {"Authorization": f"Bearer {self.callers[caller]}"} if caller in self.callers else {}
        if method == "WS":
            return await self._knock(path, shown)
        return (await self.http.request(method, path, headers=shown)).status_code

    async def _knock(self, path: str, shown: dict[str, str]) -> int:
        """The status of a handshake: 101 for a socket that would have been opened."""
        status = 403  # what a server makes of a close before the socket is open

        async def receive() -> dict[str, object]:
            return {"type": "websocket.connect" if status == 403 else "websocket.disconnect", "code": 1001}

        async def send(message: dict[str, object]) -> None:
            nonlocal status
            if message["type"] == "websocket.accept":
                status = 101
            elif message["type"] == "websocket.http.response.start":
                assert isinstance(message["status"], int)
                status = message["status"]

        scope = {
            "type": "websocket", "path": path, "raw_path": path.encode(), "query_string": b"", "scheme": "ws",
            "root_path": "", "headers": [(k.lower().encode(), v.encode()) for k, v in shown.items()],
            "client": ("192.0.2.1", 1), "server": ("node", 80), "subprotocols": [],
            "extensions": {"websocket.http.response": {}},
        }  # fmt: skip
        assert isinstance(self.http._transport, httpx.ASGITransport)
        await self.http._transport.app(scope, receive, send)  # type: ignore[arg-type]
        return status


@pytest.fixture
async def node(tmp_path: Path) -> AsyncGenerator[LockedNode]:
    access = AccessSettings(locked=True, failures_per_minute=10_000, anonymous_per_second=10_000)
    async with open_app(Settings(home=tmp_path, access=access, _env_file=None)) as (app, opened):
        tokens: Tokens = opened.parts[Tokens]
        orders = [TokenOrder(name=role, role=Role(role)) for role in ROLES]
        narrow = TokenOrder(name="narrow", role=Role.operator, allow=frozenset({Permission.predict}))
        made = {one.name: await tokens.create(one) for one in [*orders, narrow]}
        for gone in ("expired", "revoked"):
            made[gone] = await tokens.create(TokenOrder(name=gone, role=Role.admin))
        await tokens.revoke(made["revoked"].id)
        async with opened.parts[Database].transaction() as session:
            yesterday = opened.parts[Clock].now() - timedelta(days=1)
            expired = update(TokenRow).where(TokenRow.id == made["expired"].id)
            await session.execute(expired.values(expires_at=yesterday))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://node") as http:
            yield LockedNode(http, {name: token.token for name, token in made.items()})


def test_the_table_names_every_route_with_what_it_needs() -> None:
    stated = {route.said: route.needs for route in routes()}
    assert stated | hot_routes() == {said: promise.needs for said, promise in TABLE.items()}


def test_a_route_that_needs_nothing_is_on_the_list_of_open_ones() -> None:
    needing_nothing = [route for route in routes() if route.needs is None]
    assert [route.said for route in needing_nothing if not is_open(route.method, route.path)] == []
    assert {route.path for route in needing_nothing} >= OPEN


@pytest.mark.parametrize("said", TABLE)
def test_a_line_of_the_table_follows_from_what_the_roles_include(said: str) -> None:
    needs = TABLE[said].needs
    assert TABLE[said].admitted == {
        role for role in ROLES if needs is None or needs in PERMISSIONS[Role(role)]
    }


async def test_each_caller_comes_in_where_the_table_says_so_and_nowhere_else(node: LockedNode) -> None:
    expected, found = {}, {}
    for said, promise in TABLE.items():
        for caller in ("nobody", *node.callers):
            match caller:
                case "expired" | "revoked":
                    outcome = "sign in"
                case "nobody":
                    outcome = "in" if promise.needs is None else "sign in"
                case "narrow":
                    outcome = "in" if promise.needs in {None, Permission.predict} else "refused"
                case role:
                    outcome = "in" if role in promise.admitted else "refused"
            expected[said, caller] = outcome
            status = await node.ask(said, caller)
            found[said, caller] = {401: "sign in", 403: "refused"}.get(status, "in")
            assert status < 500 or said in UNWELL, f"{said} answers {caller} with {status}"
    assert found == expected
