"""`/v1/apps`, and jobs that run one."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
import pytest

from feria.access.tokens import Tokens
from feria.access.wire import Role, TokenOrder
from feria.app import open_app
from feria.federation import flower
from feria.settings import AccessSettings, FederationSettings, Settings

SMALL = Path(__file__).parents[1] / "small_app"


@pytest.fixture
async def callers(tmp_path: Path) -> AsyncGenerator[dict[Role, httpx.AsyncClient]]:
    """Of a locked node that takes apps."""
    settings = Settings(
        home=tmp_path,
        access=AccessSettings(locked=True),
        federation=FederationSettings(apps=True),
        _env_file=None,
    )
    async with open_app(settings) as (app, node):
        made = {}
        for role in (Role.admin, Role.operator):
            token = (await node.parts[Tokens].create(TokenOrder(name=role.value, role=role))).token
            made[role] = httpx.AsyncClient(
                transport=httpx.ASGITransport(app),
                base_url="http://node",
                headers={"Authorization": f"Bearer {token}"},
            )
        yield made
        for http in made.values():
            await http.aclose()


async def test_administrators_bring_apps_and_operators_run_them(
    callers: dict[Role, httpx.AsyncClient],
) -> None:
    admin, operator = callers[Role.admin], callers[Role.operator]
    files = {"file": ("small.fab", flower.bundle(SMALL))}
    refused = await operator.post("/v1/apps", files=files)
    assert (refused.status_code, refused.json()["error"]) == (403, "not_allowed")
    taken = await admin.post("/v1/apps", files=files)
    assert taken.status_code == 201, taken.text
    listed = (await operator.get("/v1/apps")).json()["apps"]
    assert listed == [taken.json()]
    assert listed[0]["settings"]["step.size"] == 0.5
    wrong = {"model": "mean", "kind": "app", "app": "small-app", "settings": {"pace": 1}}
    answer = await operator.post("/v1/jobs", json=wrong)
    assert answer.status_code == 422
    assert "has no setting 'pace'" in answer.json()["detail"]
    assert (await operator.delete("/v1/apps/small-app")).status_code == 403
    assert (await admin.delete("/v1/apps/small-app")).status_code == 204
    assert (await admin.delete("/v1/apps/small-app")).status_code == 404
    assert (await admin.post("/v1/apps", files={"file": ("x.fab", b"PK")})).status_code == 422


@pytest.mark.parametrize(
    "order",
    [
        {"model": "mean", "kind": "app"},
        {"model": "mean", "kind": "app", "app": "small-app", "strategy": "krum"},
        {"model": "mean", "kind": "app", "app": "small-app", "participation": {"min_replies": 2}},
        {"model": "mean", "kind": "magic", "app": "small-app"},
        {"model": "mean", "app": "small-app"},
        {"model": "mean", "kind": "app", "app": "small-app", "settings": {"column": "\ud800"}},
    ],
)
async def test_what_cannot_be_meant_is_refused(
    callers: dict[Role, httpx.AsyncClient], order: dict[str, object]
) -> None:
    answer = await callers[Role.operator].post(
        "/v1/jobs", content=json.dumps(order), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"] == "invalid"
