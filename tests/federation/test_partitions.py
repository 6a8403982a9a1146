"""No row is lost or had twice, however a table is dealt out."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from federation.stores import table
from feria.errors import Invalid
from feria.federation import partitions

ROWS = table({"place": range(600), "kind": (["a"] * 4 + ["b"] * 2) * 100})


def places(clients: partitions.Clients) -> list[int]:
    return [place for client in clients.values() for place in client.frame["place"]]


@settings(deadline=None)
@given(
    clients=some.integers(1, 20),
    seed=some.integers(0, 2**32 - 1),
    alpha=some.sampled_from([0.05, 0.5, 5.0, None]),
)
def test_every_row_has_one_client(clients: int, seed: int, alpha: float | None) -> None:
    def deal() -> partitions.Clients:
        if alpha is None:
            return partitions.at_random(ROWS, clients, seed)
        return partitions.by_dirichlet(ROWS, "kind", clients, alpha, seed)

    dealt = deal()
    assert len(dealt) == clients
    assert sorted(places(dealt)) == list(range(600))
    assert min(client.frame.height for client in dealt.values()) >= 30
    assert places(deal()) == places(dealt)


def test_the_smaller_alpha_the_more_clients_differ() -> None:
    def spread(alpha: float) -> float:
        dealt = partitions.by_dirichlet(ROWS, "kind", 10, alpha, seed=3)
        return float(np.std([(client.frame["kind"] == "a").mean() for client in dealt.values()]))

    assert spread(0.1) > 2 * spread(100.0)


def test_too_few_rows_for_so_many_clients_is_said() -> None:
    with pytest.raises(Invalid, match="600 rows are too few for 21 clients of 30"):
        partitions.by_dirichlet(ROWS, "kind", 21, 1.0, 0)


def test_a_column_names_its_clients_and_is_gone() -> None:
    dealt = partitions.by_column(ROWS, "kind")
    assert {name: client.frame.height for name, client in dealt.items()} == {"a": 400, "b": 200}
    assert all(client.frame.columns == ["place"] for client in dealt.values())


def test_the_demonstration_needs_no_file() -> None:
    dealt = partitions.tumours()
    assert list(dealt) == ["client 1", "client 2", "client 3"]
    assert sum(client.frame.height for client in dealt.values()) == 569
    assert pl.concat([client.frame["malignant"] for client in dealt.values()]).sum() == 212


def test_the_real_sets(shared_data: Path) -> None:
    folder = shared_data / "tabular"
    assert {name: client.frame.height for name, client in partitions.hospitals(folder).items()} == {
        "cleveland": 303,
        "hungarian": 294,
        "switzerland": 123,
        "va": 200,
    }
    months = partitions.shoppers(folder)
    assert list(months) == ["Feb", "Mar", "May", "June", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    assert sum(client.frame.height for client in months.values()) == 12_330
    for alpha in (None, 0.5):
        people = partitions.adults(folder, alpha=alpha)
        assert len(people) == 100
        assert sum(client.frame.height for client in people.values()) == 32_561
