"""How fast a shop's products come in: `feria catalog import` beside the same rows put into one table.

The floor reads the same CSV and inserts its texts with sqlite3, in batches as large and as durable; it checks
nothing, and keeps neither history nor index.
"""

import csv
import io
import os
import sqlite3
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image
from tests.search.quality import products

from bench.contenders import feria_node
from bench.processes import Failed
from bench.report import Grid, Outcome, number
from bench.run import Run
from feria.catalog.wire import MAX_BATCH

NAME = "catalog_import"
PRODUCTS, PICTURED = 20_000, 300
SIDE = 640
COLUMNS = ("sku", "title_es", "title_en", "description_es", "category", "brand", "price", "stock", "image")


def run(run: Run) -> Outcome:
    size, pictured = (500, 20) if run.quick else (PRODUCTS, PICTURED)
    plain, with_pictures = run.scratch / "products.csv", run.scratch / "pictured.csv"
    _write(plain, size, images=0)
    _write(with_pictures, pictured, images=pictured)
    _draw(run.scratch / "images", pictured)
    rows = []
    floor = _floor(plain, run.scratch / "floor.db")
    with feria_node(run.scratch, "shop", FERIA_CATALOG__DEMO_PRODUCTS="0") as (_, port):
        for what, count, arguments in (
            (f"{size:,} products", size, [plain]),
            (f"the same {size:,} again, none changed", size, [plain]),
            (f"{pictured} with a picture of {SIDE}×{SIDE}", pictured, [with_pictures, "--images", "images"]),
        ):
            run.tell(what)
            seconds = _import(run.scratch, port, *map(str, arguments))
            rows.append([f"feria catalog import: {what}", number(seconds), number(count / seconds)])
    rows.append([f"sqlite3, {size:,} rows into one table", number(floor), number(size / floor)])
    return Outcome(
        NAME,
        grids=[Grid("A CSV into a node on SQLite", ["", "seconds", "products a second"], rows)],
        notes=[
            "The command's own start, 0.3 s or so, counts. Every product is checked, gets a row for the "
            "index in its own transaction, and is answered when it is durable; pictures are decoded, "
            "turned upright, encoded anew and made small, and named by their digest.",
        ],
    )


def _import(folder: Path, port: int, *arguments: str) -> float:
    """Seconds. Raises `Failed` where a row was refused."""
    command = [str(Path(sys.executable).with_name("feria")), "catalog", "import", *arguments]
    began = time.perf_counter()
    done = subprocess.run(
        [*command, "--url", f"http://127.0.0.1:{port}"],
        cwd=folder,
        env=os.environ | {"NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=900,
    )
    if done.returncode:
        raise Failed(f"feria catalog import: {(done.stderr or done.stdout).strip()[-300:]}")
    return time.perf_counter() - began


def _floor(file: Path, database: Path) -> float:
    began = time.perf_counter()
    with sqlite3.connect(database) as connection, file.open(newline="", encoding="utf-8") as opened:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"CREATE TABLE products ({', '.join(COLUMNS)}, PRIMARY KEY (sku))")
        rows = iter(csv.reader(opened))
        next(rows)
        insert = f"INSERT INTO products VALUES ({', '.join('?' * len(COLUMNS))})"
        while batch := list(islice(rows, MAX_BATCH)):
            connection.executemany(insert, batch)
            connection.commit()
    return time.perf_counter() - began


def _write(file: Path, size: int, *, images: int) -> None:
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow(COLUMNS)
        for place, (draft, _) in enumerate(islice(products(size), size)):
            described = draft.description.es if draft.description else ""
            writer.writerow(
                [
                    f"{file.stem}-{draft.sku}",
                    draft.title.es,
                    draft.title.en,
                    described,
                    draft.category,
                    draft.brand,
                    draft.price,
                    place % 50,
                    f"{place}.jpg" if place < images else "",
                ]
            )


def _draw(folder: Path, count: int) -> None:
    """Smooth shapes with a grain, each its own."""
    folder.mkdir()
    chance = np.random.default_rng(0)
    for place in range(count):
        coarse = Image.fromarray(chance.integers(0, 256, (6, 6, 3), np.uint8))
        smooth = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float32)
        grained = (smooth + chance.normal(0, 6, smooth.shape)).clip(0, 255).astype(np.uint8)
        out = io.BytesIO()
        Image.fromarray(grained).save(out, "JPEG", quality=88)
        (folder / f"{place}.jpg").write_bytes(out.getvalue())
