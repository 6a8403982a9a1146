"""`feria client …` as people of a store type it, beside a door of a hub."""

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.running import Said, environment
from feria.federation.invitation import encode
from feria.store.home import Home
from store.hub import Hub, open_hub
from store.joined import TARGET, write_rows


class Store:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = Home(folder / "home")

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "feria", "client", *words, "--home", str(self.home.folder)]

    def __call__(self, *words: str, code: int = 0) -> Said:
        done = subprocess.run(
            self.command(*words),
            cwd=self.folder,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=300,
        )
        said = Said(done.returncode, done.stdout, done.stderr)
        assert said.code == code, said
        assert "Traceback" not in said.err, said.err
        return said

    @contextlib.contextmanager
    def running(self) -> "Iterator[subprocess.Popen[str]]":
        process = subprocess.Popen(
            self.command("run"),
            cwd=self.folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    write_rows(tmp_path / "patients.csv")
    return Store(tmp_path)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with open_hub(tmp_path) as hub:
        yield hub


def _join(store: Store, hub: Hub, *more: str) -> Said:
    words = (encode(hub.invitation()), "--data", "patients.csv", "--target", TARGET, *more)
    return store("join", *words)


def test_a_store_joins_says_who_it_is_and_leaves(store: Store, hub: Hub) -> None:
    said = _join(
        store, hub, "--kinds", "logistic_regression,mlp", "--most-rounds", "20", "--dataset", "hearts"
    )
    assert said.out == f"Hospital de Barcelona has joined {hub.url}. `feria client run` takes part.\n"
    kept = store.home.store()
    assert (kept.dataset, kept.target, kept.consent.kinds, kept.consent.most_rounds, kept.consent.apps) == (
        "hearts",
        TARGET,
        ("logistic_regression", "mlp"),
        20,
        False,
    )
    lines = store("status").out.splitlines()
    assert lines[0].split() == ["store", "Hospital", "de", "Barcelona"]
    said_of = {line[:12].strip(): line[12:].strip() for line in lines}
    assert said_of["kinds"] == "logistic_regression, mlp"
    assert said_of["most rounds"] == "20"
    assert said_of["running"] == "no; `feria client run` takes part"
    told = json.loads(store("status", "--json").out)
    assert (told["name"], told["running"], told["log"]) == ("Hospital de Barcelona", False, [])

    left = store("leave")
    assert left.out == f"Hospital de Barcelona has left {hub.url}.\n"
    assert "feria clients rm 'Hospital de Barcelona'" in left.err
    assert sorted(path.name for path in store.home.folder.iterdir()) == ["lock"]
    assert (store.folder / "patients.csv").exists()
    assert "not_found: No store has joined" in store("status", code=1).err


def test_an_invitation_may_be_in_a_file_and_the_rows_are_called_as_theirs(store: Store, hub: Hub) -> None:
    (store.folder / "invitation.txt").write_text(encode(hub.invitation()) + "\n")
    store("join", "invitation.txt", "--data", "patients.csv", "--target", TARGET)
    assert store.home.store().dataset == "patients"
    assert b'"dataset":"patients"' in hub.heard[0]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["nothing.txt"], "invalid: nothing.txt is no invitation, and no file with one: No such file"),
        (["feria-garbage"], "invalid: This invitation is damaged"),
        (["--kinds", "magic"], "invalid: --kinds: "),
        (["--least-noise", "-1"], "invalid: --least-noise: "),
        (["--query", "SELECT 1"], "invalid: A query needs the URL of a database"),
        (["--target", "bought"], "invalid: There is no column"),
    ],
)
def test_what_is_wrong_with_a_join_is_said_in_a_sentence(
    store: Store, hub: Hub, words: list[str], why: str
) -> None:
    first = [] if not words[0].startswith("--") else [encode(hub.invitation())]
    said = store("join", *first, "--data", "patients.csv", "--target", TARGET, *words, code=1)
    assert said.err.startswith(why), said.err
    assert len(said.err.splitlines()) == 1
    assert hub.heard == []
    assert not store.home.joined


def test_a_store_runs_until_it_is_told_to_end_and_says_what_it_sees(store: Store, hub: Hub) -> None:
    _join(store, hub)
    with store.running() as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stderr.readline() == (
            f"The store 'Hospital de Barcelona' of {hub.url} takes part. Ctrl-C ends it.\n"
        )
        line = process.stdout.readline()
        assert line == "No answer from the hub's SuperLink at localhost:9093; it is asked again and again.\n"
        assert "conflict: Another process is at work" in store("leave", code=1).err
        status = json.loads(store("status", "--json").out)
        assert status["running"] is True
        assert [entry[-len(line) + 1 :] for entry in status["log"]] == [line.strip()]
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=300)
    assert (process.returncode, out, err) == (0, "", "The store has gone.\n")
    for path in (store.home.log, store.home.running, *store.home.running.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_who_has_not_joined_cannot_run(store: Store) -> None:
    assert "not_found: No store has joined in" in store("run", code=1).err


def test_help_loads_nothing_heavy() -> None:
    program = (
        "from feria.cli import store; store.app(['--help'], standalone_mode=False); import sys; "
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, env=dict(os.environ)
    )
    heavy = {"pydantic", "polars", "sqlalchemy", "httpx", "cryptography", "flwr", "numpy"}
    assert heavy & {name.partition(".")[0] for name in done.stderr.split()} == set()
