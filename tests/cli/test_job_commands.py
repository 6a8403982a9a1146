"""`feria clients` and `feria jobs`, beside a running node and without one."""

import json
import re
import signal
from pathlib import Path

import pytest
from PIL import Image

from cli.running import Feria, OnTerminal
from feria.federation.partitions import tumours

TARGET = ("--target", "malignant")


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file of rows for each of three data owners."""
    folder = tmp_path_factory.mktemp("stores")
    files = {}
    for name, table in tumours().items():
        files[name] = folder / f"{name}.csv"
        table.frame.write_csv(files[name])
    return files


@pytest.fixture
def owners(beside: Feria, stores: dict[str, Path]) -> dict[str, Path]:
    known = {one["name"] for one in json.loads(beside("clients", "list", "--json").out)["clients"]}
    for name, file in stores.items():
        if name not in known:
            beside("clients", "add", name, "--data", file)
    return stores


def test_data_owners_are_added_listed_and_removed(beside: Feria, stores: dict[str, Path]) -> None:
    file = next(iter(stores.values()))
    added = beside("clients", "add", "Hospital Añil", "--data", file, "--dataset", "tumours").out
    assert re.fullmatch(r"Hospital Añil takes part with 1[0-9]{2} rows of 31 columns\.\n", added)
    assert "Hospital Añil" in beside.refused("clients", "add", "Hospital Añil", "--data", file)
    assert re.search(r"Hospital Añil +tumours +1[0-9]{2} +31", beside("clients", "list").out)
    beside("clients", "rm", "Hospital Añil")
    assert "Hospital Añil" not in beside("clients", "list").out
    assert "Hospital Añil" in beside.refused("clients", "rm", "Hospital Añil")


def test_one_file_is_dealt_out_to_clients(feria: Feria) -> None:
    rows = [f"{n},{'lima' if n % 3 else 'cusco'},{n % 2}" for n in range(90)]
    (feria.folder / "sales.csv").write_text("\n".join(["n,shop,bought", *rows]))
    assert "cusco, lima" in feria("clients", "split", "sales.csv", "--by", "shop").out
    feria("clients", "split", "sales.csv", "--parts", "4")
    counted = {
        one["name"]: (one["rows"], len(one["columns"]))
        for one in json.loads(feria("clients", "list", "--json").out)["clients"]
    }
    assert counted["lima"] == (60, 2)
    assert counted["cusco"] == (30, 2)
    assert sum(rows for name, (rows, _) in counted.items() if name.startswith("client ")) == 90
    assert "--by COLUMN or --parts N" in feria.refused("clients", "split", "sales.csv")
    assert "'city'" in feria.refused("clients", "split", "sales.csv", "--by", "city")


@pytest.mark.usefixtures("owners")
def test_a_job_is_watched_published_shown_and_drawn(beside: Feria) -> None:
    started = beside("jobs", "start", "logistic_regression", *TARGET, "--name", "tumour", "--rounds", "3")
    assert "tumour@1 is trained by 3 clients and served." in started.out
    told = re.findall(r"Round (\d) of 3: 3 clients, accuracy (0\.\d+)", started.err)
    assert [number for number, _ in told] == ["1", "2", "3"]
    assert float(told[-1][1]) > 0.9
    number = re.search(r"feria jobs plot (\d+)", started.out)
    assert number
    assert re.search(rf"{number[1]} +tumour@1 .* 3/3 +completed", beside("jobs", "list").out)
    shown = beside("jobs", "show", number[1]).out
    assert "completed after round 3 of 3" in shown
    assert shown.count("● completed") == 3
    assert "Draw" not in beside("jobs", "plot", number[1], "--out", "rounds.png").err
    with Image.open(beside.folder / "rounds.png") as chart:
        assert chart.width > chart.height
    assert ".svg" in beside.refused("jobs", "plot", number[1], "--out", "rounds.txt")
    described = beside("models", "show", "tumour").out
    assert "3: client 1, client 2, client 3" in described


@pytest.mark.usefixtures("owners")
def test_a_job_is_stopped_in_the_middle_and_goes_on(beside: Feria) -> None:
    order = ("jobs", "start", "mlp", *TARGET, "--name", "slow", "--rounds", "1000", "--detach")
    number = beside(*order).out.strip()
    beside("jobs", "list", "--state", "running")
    stopped = beside("jobs", "stop", number).out
    assert re.search(rf"Job {number} is stopped after round \d+ of 1000", stopped)
    assert "stopped" in beside("jobs", "watch", number).out
    assert "goes on" in beside("jobs", "resume", number, "--detach").out
    beside("jobs", "stop", number)
    assert number in json.dumps(json.loads(beside("jobs", "list", "--json").out))


@pytest.mark.usefixtures("owners")
def test_a_terminal_shows_the_clients_as_they_stand(beside: Feria) -> None:
    seen = OnTerminal(
        beside, "jobs", "start", "logistic_regression", *TARGET, "--name", "live", "--rounds", "400"
    )
    seen.wait_for("of 400")
    seen.wait_for("client 3")
    seen.wait_for("health")
    seen.process.send_signal(signal.SIGINT)  # ends the watching
    assert seen.end() == 130
    jobs = json.loads(beside("jobs", "list", "--json").out)["jobs"]
    watched = next(job for job in jobs if job["order"]["model"] == "live")
    assert watched["state"] in {"running", "completed"}
    if watched["state"] == "running":
        beside("jobs", "stop", str(watched["number"]))


def test_without_a_node_the_job_is_done_when_the_command_is(feria: Feria, stores: dict[str, Path]) -> None:
    for name, file in stores.items():
        feria("clients", "add", name, "--data", file)
    out = feria("jobs", "start", "logistic_regression", *TARGET, "--name", "here", "--rounds", "2").out
    assert "here@1 is trained" in out


def test_what_cannot_be_meant_is_refused_in_a_sentence(beside: Feria, owners: dict[str, Path]) -> None:
    order = ("jobs", "start", "logistic_regression", *TARGET, "--name", "no")
    assert owners
    assert "'krum'" in beside.refused(*order, "--strategy", "fedmagic")
    assert "Nadie" in beside.refused(*order, "--client", "Nadie")
    assert "--noise" in beside.refused(*order, "--max-epsilon", "3")
    assert "99999" in beside.refused("jobs", "show", "99999")
    assert "no state 'lost'" in beside.refused("jobs", "list", "--state", "lost")


def test_every_strategy_is_explained(feria: Feria) -> None:
    said = json.loads(feria("jobs", "strategies", "--json").out)
    assert {"fedavg", "fedprox", "fedadam", "fedyogi", "median", "trimmed_mean", "krum", "bulyan"} <= set(
        said
    )
    assert all(sentence.endswith(".") and sentence.count(". ") == 0 for sentence in said.values())
    assert "krum" in feria("jobs", "strategies").out
