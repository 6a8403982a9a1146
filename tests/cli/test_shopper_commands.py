"""`feria catalog simulate` and `feria catalog rows`, beside a running node."""

import json
import re
from pathlib import Path

import pytest

from cli.running import Feria
from recommendations.worlds import draft


@pytest.fixture(scope="module")
def products(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("catalogue") / "products.json"
    file.write_text(json.dumps([draft(number).model_dump(mode="json") for number in range(40)]))
    return file


def test_without_products_there_is_nothing_to_simulate(feria: Feria) -> None:
    assert "feria catalog demo" in feria("catalog", "simulate", code=1).err


def test_simulated_shoppers_become_rows_and_can_be_erased(beside: Feria, products: Path) -> None:
    beside("catalog", "import", products)
    simulate = ("catalog", "simulate", "--shoppers", "30", "--days", "10")
    first, again = (beside(*simulate).out for _ in range(2))
    kept = re.search(r"Kept ([0-9,]+) events of 30 shoppers", first)
    assert kept
    assert int(kept[1].replace(",", "")) > 200
    assert "Kept 0 events" in again
    said = beside("catalog", "rows", "rows.csv").out
    assert "--name shop_ranker" in said
    shopper = re.search(r"simulated-[0-9a-f]{12}-[0-9]{6}", first)
    assert shopper
    taken_out = json.loads(beside("privacy", "export", shopper[0]).out)
    assert taken_out["rooms"]["recommendations"]
    erased = beside("privacy", "erase", shopper[0], "--yes").out
    assert f"recommendations: {len(taken_out['rooms']['recommendations'])}" in erased


def test_rows_say_which_formats_there_are(beside: Feria) -> None:
    assert ".parquet" in beside.refused("catalog", "rows", "rows.xlsx")
    beside("catalog", "rows", "rows.parquet")
    assert (beside.folder / "rows.parquet").read_bytes().startswith(b"PAR1")
