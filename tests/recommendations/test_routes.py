"""Events and recommendations over HTTP, by shoppers who have no account."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from feria.access.tokens import Tokens
from feria.access.wire import Role, TokenOrder
from feria.app import open_app
from feria.catalog.catalog import Catalog
from feria.client import AsyncClient
from feria.errors import Invalid, NotSignedIn, RateLimited
from feria.node import Node
from feria.recommendations.features import NAMES
from feria.recommendations.wire import BATCH
from feria.settings import AccessSettings, RecommendationSettings, Settings
from recommendations.worlds import draft

ANA = "a-shopper-called-ana"


@asynccontextmanager
async def speaking(settings: Settings) -> AsyncGenerator[tuple[AsyncClient, httpx.AsyncClient, Node]]:
    async with open_app(settings) as (app, node):
        await node.parts[Catalog].put_all([draft(number) for number in range(30)])
        transport = httpx.ASGITransport(app)
        async with (
            AsyncClient("http://127.0.0.1", transport=transport, patience=0) as client,
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http,
        ):
            yield client, http, node


@pytest.fixture
async def spoken(settings: Settings) -> AsyncGenerator[tuple[AsyncClient, httpx.AsyncClient, Node]]:
    async with speaking(settings) as spoken:
        yield spoken


def view(number: int = 0, **more: Any) -> dict[str, Any]:
    return {"shopper": ANA, "kind": "view", "sku": f"P{number:04}", "consent": True} | more


Spoken = tuple[AsyncClient, httpx.AsyncClient, Node]


async def test_a_page_tells_and_asks(spoken: Spoken) -> None:
    client, _, _ = spoken
    kept = await client.tell(view(0), view(12, kind="cart"), view(99))
    assert (kept.kept, kept.unknown) == (2, ("P0099",))
    found = await client.recommendations(ANA, limit=3)
    assert (found.basis, len(found.products)) == ("rule", 3)
    assert [one.product.category for one in found.products[:2]] == ["clothing/shirts"] * 2
    assert found.products[0].title.startswith("Producto")
    english = await client.recommendations(ANA, lang="en", limit=3)
    assert english.products[0].title.startswith("Product ")
    assert [one.product for one in english.products] == [one.product for one in found.products]


async def test_who_is_new_is_shown_what_is_popular(spoken: Spoken) -> None:
    client, _, _ = spoken
    await client.tell(view(3, kind="purchase"))
    found = await client.recommendations(limit=5)
    assert (found.basis, found.model) == ("popular", None)
    assert found.products[0].product.sku == "P0003"


async def test_what_goes_with_a_product_is_asked_by_its_sku(spoken: Spoken) -> None:
    client, _, _ = spoken
    for number in range(8):
        pair, alone = f"pair-buyer-number-{number}", f"other-buyer-number-{number}"
        bought = [(pair, 1), (pair, 2), (alone, 10 + number)]
        await client.tell(*(view(sku, kind="purchase", shopper=shopper) for shopper, sku in bought))
    found = await client.recommendations(sku="P0001")
    assert (found.basis, [one.product.sku for one in found.products]) == ("together", ["P0002"])


async def test_without_consent_nothing_is_kept(spoken: Spoken) -> None:
    client, _, _ = spoken
    for refused in (view(0, consent=False), {k: v for k, v in view(0).items() if k != "consent"}):
        with pytest.raises(Invalid, match="consent"):
            await client.tell(view(1), refused)
    assert (await client.personal_data(ANA)).rooms["recommendations"] == []


NO_EVENTS: list[dict[str, Any]] = [
    {"shopper": "ana"},
    {"shopper": "ana.garcia@example.com"},
    {"kind": "stare"},
    {"sku": "no such sku!"},
    {"email": "ana@example.com"},
    {"at": "yesterday"},
    {"at": "2026-01-01T12:00:00"},
    {"id": ""},
    {"id": "a\0b"},
    {"store": "x" * 65},
    {"store": "a\0b"},
]


async def test_what_is_no_event_is_refused(spoken: Spoken) -> None:
    client, http, _ = spoken
    for wrong in NO_EVENTS:
        reply = await http.post("/v1/events", json={"events": [view(0, id="1") | wrong]})
        assert reply.status_code == 422, wrong
        assert reply.json()["error"] == "invalid"
    assert (await client.personal_data(ANA)).rooms["recommendations"] == []


async def test_a_batch_has_one_event_to_five_hundred(spoken: Spoken) -> None:
    client, _, _ = spoken
    for count in (0, BATCH + 1):
        with pytest.raises(Invalid):
            await client.tell(*(view(0) for _ in range(count)))
    assert (await client.tell(*(view(0) for _ in range(BATCH)))).kept == BATCH


async def test_a_question_that_makes_no_sense_is_refused(spoken: Spoken) -> None:
    _, http, _ = spoken
    for asked in ({"shopper": "short"}, {"limit": "0"}, {"limit": "101"}, {"sku": "?"}, {"lang": "de"}):
        assert (await http.get("/v1/recommendations", params=asked)).status_code == 422, asked


async def test_a_product_that_is_not_there_goes_with_nothing(spoken: Spoken) -> None:
    _, http, _ = spoken
    assert (await http.get("/v1/recommendations", params={"sku": "P0999"})).status_code == 404


async def test_privacy_covers_what_shoppers_did(spoken: Spoken) -> None:
    client, _, _ = spoken
    await client.tell(view(0, store="lima"))
    (event,) = (await client.personal_data(ANA)).rooms["recommendations"]
    assert (event["kind"], event["sku"], event["store"]) == ("view", "P0000", "lima")
    assert (await client.erase_personal_data(ANA)).rooms["recommendations"] == 1
    assert (await client.personal_data(ANA)).rooms["recommendations"] == []


async def test_on_a_locked_node_shoppers_need_no_token_and_operators_do(settings: Settings) -> None:
    locked = settings.model_copy(update={"access": AccessSettings(locked=True)})
    async with speaking(locked) as (client, http, node):
        assert (await client.tell(view(0))).kept == 1
        assert (await client.recommendations(ANA)).basis == "rule"
        with pytest.raises(NotSignedIn):
            await client.personal_data(ANA)
        for role, status in ((None, 401), (Role.viewer, 403), (Role.operator, 200)):
            headers = {}
            if role is not None:
                made = await node.parts[Tokens].create(TokenOrder(name=str(role), role=role))
                headers = {"Authorization": f"Bearer {made.token}"}
            reply = await http.get("/v1/recommendations/rows", headers=headers)
            assert reply.status_code == status


async def test_an_address_without_a_token_cannot_flood_the_node(settings: Settings) -> None:
    flooded = settings.model_copy(
        update={
            "access": AccessSettings(locked=True),
            "recommendations": RecommendationSettings(events_per_minute=600),
        }
    )
    async with speaking(flooded) as (client, _, node):
        many = [view(0) for _ in range(400)]
        assert (await client.tell(*many)).kept == 400
        with pytest.raises(RateLimited, match="too many events") as refused:
            await client.tell(*many)
        assert 10 < refused.value.retry_after <= 20
        assert (await client.tell(view(0))).kept == 1  # what is less still fits
        await node.parts[Catalog].find("P0000")


async def test_rows_to_learn_from_are_a_file(spoken: Spoken) -> None:
    client, http, _ = spoken
    await client.tell(view(0), view(1, kind="cart"))
    csv, parquet = [
        await http.get("/v1/recommendations/rows", params={"format": format}) for format in ("csv", "parquet")
    ]
    head, *rows = csv.text.splitlines()
    assert head == ",".join([*NAMES, "bought"])
    assert [row[-1] for row in rows].count("1") == 1
    assert parquet.content.startswith(b"PAR1")
    assert ANA not in str(csv.content + parquet.content)
