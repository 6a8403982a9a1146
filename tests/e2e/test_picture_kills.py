"""A node that is killed while it sees the catalogue's pictures."""

import io
import json
import sqlite3
import time
from typing import Any

import httpx
from PIL import Image

import nets
from cli.running import Feria, RunningNode

PRODUCTS = 100


def noise(seed: int) -> bytes:
    """Large enough that seeing it takes a moment, and like no other."""
    file = io.BytesIO()
    colour = (seed * 37 % 256, seed * 91 % 256, seed * 151 % 256)
    grain = Image.effect_noise((300, 300), 120).convert("RGB")
    Image.blend(grain, Image.new("RGB", grain.size, colour), 0.7).save(file, "PNG")
    return file.getvalue()


def stock(node: RunningNode) -> list[bytes]:
    pictures = [noise(n) for n in range(PRODUCTS)]
    with httpx.Client(base_url=node.url, timeout=300) as http:
        drafts = [{"sku": f"p{n}", "title": {"es": f"Cosa {n}"}, "price": 1} for n in range(PRODUCTS)]
        assert http.post("/v1/products", json={"products": drafts}).status_code == 200
        for n, one in enumerate(pictures):
            reply = http.put(f"/v1/products/p{n}/pictures", files={"pictures": one})
            assert reply.status_code == 200, reply.text
    return pictures


def progress(node: RunningNode) -> dict[str, Any]:
    reply = httpx.get(f"{node.url}/v1/search/model", timeout=300)
    told: dict[str, Any] = reply.json().get("progress", {"vectors": 0, "waiting": 1})
    return told


def batch_jobs(node: RunningNode) -> int:
    """Predictions since the node started."""
    told = httpx.get(f"{node.url}/metrics", timeout=300).text
    return int(float(next(line for line in told.splitlines() if "feria_batch_size_sum" in line).split()[-1]))


def test_pictures_seen_before_a_kill_are_not_seen_again_and_all_others_are(feria: Feria) -> None:
    with feria.node() as node:
        pictures = stock(node)
        described = json.dumps({"labels": ["red", "green", "blue"]})
        published = httpx.post(
            f"{node.url}/v1/models/products",
            files={"file": nets.seeing(64, cells=8)},
            data={"description": described},
            timeout=300,
        )
        assert published.status_code == 201, published.text
        deadline = time.monotonic() + 300
        while progress(node)["vectors"] < PRODUCTS // 10:
            assert time.monotonic() < deadline
        node.process.kill()
        node.process.wait()
    with sqlite3.connect(feria.home / "feria.db") as database:
        ((made,),) = database.execute("SELECT count(*) FROM picture_vectors").fetchall()
    assert PRODUCTS // 10 <= made < PRODUCTS
    with feria.node() as node:
        deadline = time.monotonic() + 300
        while (now := progress(node))["vectors"] < PRODUCTS or now["waiting"]:
            assert time.monotonic() < deadline, now
        assert now == {"vectors": PRODUCTS, "waiting": 0, "failed": 0}
        assert batch_jobs(node) == PRODUCTS - made
        for n in (0, made, PRODUCTS - 1):
            found = httpx.post(f"{node.url}/v1/search/image", content=pictures[n], timeout=300).json()
            assert found["products"][0]["product"]["sku"] == f"p{n}"
