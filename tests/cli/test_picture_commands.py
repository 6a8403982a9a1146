"""Searching by picture from the command line."""

import json
import time
from pathlib import Path

import httpx
import pytest

import nets
from cli.running import Feria, RunningNode
from goods import picture

RED, GREEN, BLUE = (220, 20, 30), (20, 200, 40), (30, 40, 220)


@pytest.fixture(scope="module")
def shop(shared: tuple[Feria, RunningNode]) -> Feria:
    feria, node = shared
    with httpx.Client(base_url=node.url, timeout=300) as http:
        for sku, colour in (("red-hat", RED), ("green-hat", GREEN), ("blue-hat", BLUE)):
            said = {"sku": sku, "title": {"es": sku, "en": sku}, "price": 9.5, "category": "hats", "stock": 0}
            assert http.put(f"/v1/products/{sku}", json=said).status_code == 201
            put = http.put(f"/v1/products/{sku}/pictures", files={"pictures": picture(colour)})
            assert put.status_code == 200
        described = json.dumps({"labels": ["red", "green", "blue"]})
        http.post("/v1/models/products", files={"file": nets.seeing()}, data={"description": described})
        deadline = time.monotonic() + 300
        while http.get("/v1/search/model").json().get("progress", {}).get("vectors") != 3:
            assert time.monotonic() < deadline
    (feria.folder / "red.png").write_bytes(picture(RED))
    return feria


def test_a_picture_finds_what_looks_like_it(shop: Feria) -> None:
    said = shop("search", "--image", "red.png")
    assert "It shows red" in said.err
    lines = [line for line in said.out.splitlines() if "-hat" in line]
    assert lines[0].split()[0] == "red-hat"
    assert "9.50 EUR" in lines[0]
    assert "1.00" in lines[0]


def test_words_and_filters_go_with_a_picture(shop: Feria) -> None:
    told = json.loads(shop("search", "green", "--image", "red.png", "--limit", "2", "--json").out)
    assert told["found_by"] == ["looks", "words"]
    assert len(told["products"]) == 2
    assert "Nothing was found" in shop("search", "--image", "red.png", "--in-stock").err


def test_what_looks_like_a_product_is_listed(shop: Feria) -> None:
    said = shop("catalog", "similar", "red-hat")
    assert "green-hat" in said.out
    assert "red-hat" not in said.out
    assert (
        len(json.loads(shop("catalog", "similar", "red-hat", "--limit", "1", "--json").out)["products"]) == 1
    )
    assert "No product nothing" in shop.refused("catalog", "similar", "nothing")


def test_what_cannot_be_searched_for_is_said_in_a_sentence(shop: Feria, tmp_path: Path) -> None:
    (tmp_path / "none.png").write_bytes(b"<svg/>")
    assert "picture" in shop.refused("search", "--image", tmp_path / "none.png")
    assert "no file" in shop.refused("search", "--image", tmp_path / "missing.png")
    assert "--sort" in shop.refused("search", "--image", "red.png", "--sort", "price")
