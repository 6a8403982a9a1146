"""Contract 1, replayed: the generator, the rounds as they are printed, the table and the two charts."""

import json
import re
import sqlite3
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cli.running import FERIA, Feria
from feria.compat.shopcart import create_client_data, run_federated_training
from feria.errors import Invalid

LINE = re.compile(r"Ronda (\d+) → Acc: (\d\.\d{3}), Loss: (\d\.\d{3})")


@pytest.fixture
def shell(tmp_path: Path) -> Feria:
    """No node: none of these commands has one."""
    assert FERIA.exists()
    return Feria(tmp_path / "home", tmp_path)


def test_each_client_has_rows_of_its_own() -> None:
    clients = create_client_data()
    assert len(clients) == 5
    for x, y in clients:
        assert (x.shape, y.shape) == ((100, 10), (100,))
        assert set(np.unique(y)) == {0, 1}
    assert not np.array_equal(clients[0][0], clients[1][0])
    assert [len(x) for x, _ in create_client_data(num_clients=2, samples_per_client=40)] == [40, 40]


@pytest.mark.parametrize(("clients", "samples"), [(0, 100), (5, 3), (-1, 100)])
def test_clients_without_rows_are_refused(clients: int, samples: int) -> None:
    with pytest.raises(Invalid, match="at least"):
        create_client_data(clients, samples)


def test_rounds_are_told_one_after_the_other_and_get_better() -> None:
    rounds = list(run_federated_training(create_client_data(), num_rounds=5))
    assert [number for number, _, _ in rounds] == [1, 2, 3, 4, 5]
    losses = [loss for _, _, loss in rounds]
    assert losses == sorted(losses, reverse=True)
    assert rounds[-1][1] >= 0.8  # on rows that nobody trained on


def test_who_stops_listening_leaves_nothing_running() -> None:
    before = threading.active_count()
    rounds = run_federated_training(create_client_data(), num_rounds=1000)
    assert next(rounds)[0] == 1
    rounds.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_rows_that_cannot_be_learned_from_are_refused() -> None:
    x, y = create_client_data(1)[0]
    with pytest.raises(Invalid):
        list(run_federated_training([(x, np.zeros_like(y))]))


def test_the_demo_prints_its_rounds_keeps_them_and_draws_them(shell: Feria) -> None:
    printed = shell("shopcart", "demo", "--chart", "rounds.png").out.splitlines()
    rounds = [LINE.fullmatch(line) for line in printed]
    assert all(rounds)
    with sqlite3.connect(shell.folder / "federated_results.db") as connection:
        schema = connection.execute("SELECT name, type FROM pragma_table_info('metrics')").fetchall()
        kept = connection.execute("SELECT * FROM metrics").fetchall()
    connection.close()
    assert schema == [("round", "INTEGER"), ("accuracy", "REAL"), ("loss", "REAL")]
    assert [(str(n), f"{a:.3f}", f"{x:.3f}") for n, a, x in kept] == [m.groups() for m in rounds if m]
    with Image.open(shell.folder / "rounds.png") as chart:
        assert chart.width > chart.height > 400
        colours = {colour for _, colour in chart.convert("RGB").getcolors(2**24) or ()}
    assert (0x0E, 0x6A, 0x4C) in colours  # the line


def test_results_are_printed_and_drawn_again(shell: Feria) -> None:
    shell("shopcart", "demo", "--rounds", "2", "--db", "mine.db")
    shown = shell("shopcart", "results", "--db", "mine.db", "--chart", "rounds.svg").out
    assert "precisión" in shown
    drawn = (shell.folder / "rounds.svg").read_text()
    assert drawn.count("<!-- Ronda -->") == 2
    assert "Precisión por Ronda" in drawn
    assert "Pérdida por Ronda" in drawn
    rounds = json.loads(shell("shopcart", "results", "--db", "mine.db", "--json").out)
    assert [one["round"] for one in rounds] == [1, 2]


def test_files_that_will_not_do_are_refused_before_anything_is_trained(shell: Feria) -> None:
    (shell.folder / "text.db").write_text("no database at all, and long enough to be read as one" * 20)
    assert "cannot be used" in shell.refused("shopcart", "demo", "--db", "text.db")
    assert ".svg" in shell.refused("shopcart", "demo", "--chart", "rounds.pdf")
    assert not (shell.folder / "federated_results.db").exists()
    assert "feria shopcart demo" in shell.refused("shopcart", "results", "--db", "none.db")
