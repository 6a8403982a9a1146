"""What a newcomer's first start shows of training together: three stores, a job, and what it is good for."""

import json
import secrets

import httpx

from cli.running import Feria

SAID = "orders recommendations from now on"


def test_three_demo_stores_train_the_ranker_that_the_shop_uses(feria: Feria) -> None:
    with feria.node(command="up", until=SAID, FERIA_CATALOG__DEMO_PRODUCTS="40") as node:
        assert "3 demo stores train shop_ranker together" in node.said
        assert "feria jobs watch 1" in node.said
        (job,) = json.loads(feria("jobs", "list", "--json").out)["jobs"]
        assert (job["state"], job["clients"], job["result"]["name"]) == ("completed", 3, "shop_ranker")
        rounds = feria("jobs", "show", "1").out
        assert "Tienda Cusco" in rounds
        model = httpx.get(f"{node.url}/v1/models/shop_ranker/versions/1", timeout=300).json()
        assert model["metrics"]["auc"] > 0.7  # on visits that each store held back
        shopper = secrets.token_hex(10)
        skus = [
            one["sku"] for one in httpx.get(f"{node.url}/v1/products?limit=2", timeout=300).json()["products"]
        ]
        events = [
            {"id": f"{n}", "shopper": shopper, "kind": "view", "sku": sku, "consent": True}
            for n, sku in enumerate(skus)
        ]
        assert httpx.post(f"{node.url}/v1/events", timeout=300, json={"events": events}).is_success
        shown = httpx.get(f"{node.url}/v1/recommendations", timeout=300, params={"shopper": shopper}).json()
        assert shown["basis"] == "ranker"
