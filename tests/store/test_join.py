"""A store joins a hub: what is told, and what is left when something goes wrong on the way."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.certificates import self_signed
from feria.errors import Conflict, FeriaError, Invalid, NotAllowed, Unavailable
from feria.federation.invitation import Invitation, Redemption, encode
from feria.learning.sources import Limits
from feria.store.consent import Consent
from feria.store.home import Home, Store, public
from feria.store.join import join
from feria.store.rows import FileSource, QuerySource, Source
from store.hub import NODE, Hub, open_hub

LIMITS = Limits(rows=1000, columns=20)
CELLS = [(f"Ximena-{n}", 7391.25 + n, f"{n:02}-77-Z", "positive" if n % 3 else "negative") for n in range(30)]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with open_hub(tmp_path) as hub:
        yield hub


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    folder = tmp_path / "where-rows-lie"
    folder.mkdir()
    file = folder / "patients.csv"
    file.write_text("who,pressure,ward,test\n" + "".join(",".join(map(str, row)) + "\n" for row in CELLS))
    return file


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def joined(home: Home, invitation: Invitation, data: Source | Path, **more: Any) -> Store:
    said: dict[str, Any] = {"dataset": "hearts", "target": "test", "consent": Consent(), "limits": LIMITS}
    source = FileSource(file=data) if isinstance(data, Path) else data
    return join(home, invitation, source, **{**said, **more})


def test_a_store_joins(hub: Hub, home: Home, rows: Path) -> None:
    consent = Consent(most_rounds=9)
    store = joined(home, hub.invitation(), rows, consent=consent)
    assert home.store() == store
    assert store == Store(
        name="Hospital de Barcelona",
        hub=hub.url,
        node_id=NODE,
        superlink="localhost:9093",
        dataset="hearts",
        target="test",
        data=FileSource(file=rows),
        consent=consent,
    )
    assert home.ca.read_text() == hub.ca
    (key,) = hub.keys.values()
    assert public(home.key.read_bytes()) == key


@pytest.mark.parametrize("kind", ["csv", "sql"])
def test_no_cell_is_told(
    hub: Hub, home: Home, rows: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOLDER", str(rows.parent))
    source: Source = FileSource(file=rows)
    if kind == "sql":
        with sqlite3.connect(rows.parent / "shop.db") as database:
            database.execute("CREATE TABLE patients (who TEXT, pressure REAL, ward TEXT, test TEXT)")
            database.executemany("INSERT INTO patients VALUES (?, ?, ?, ?)", CELLS)
        database.close()
        source = QuerySource(
            url="sqlite:///${FOLDER}/shop.db", query="SELECT * FROM patients WHERE 4711 = 4711"
        )
    store = joined(home, hub.invitation(), source)
    (heard,) = hub.heard
    cells = [str(cell) for row in CELLS for cell in row]
    hidden = ["where-rows-lie", "patients", "4711", "FOLDER", "PRIVATE", home.key.read_text().splitlines()[4]]
    assert [text for text in cells + hidden if text.encode() in heard] == []

    told = Redemption.model_validate_json(heard[heard.index(b"{") :])
    assert [(one.name, one.kind) for one in told.columns] == [
        ("who", "text"),
        ("pressure", "number"),
        ("ward", "text"),
        ("test", "text"),
    ]
    assert (told.rows, told.dataset, store.data) == (30, "hearts", source)


def test_a_store_joins_once(hub: Hub, home: Home, rows: Path) -> None:
    joined(home, hub.invitation(), rows)
    before = home.key.read_bytes()
    with pytest.raises(
        Conflict, match=r"'Hospital de Barcelona' of https://localhost:\d+ already; leave it first"
    ):
        joined(home, hub.invitation("another-token-of-a-hub"), rows)
    assert len(hub.heard) == 1
    assert home.key.read_bytes() == before


def test_a_store_that_left_joins_with_another_key(hub: Hub, home: Home, rows: Path) -> None:
    joined(home, hub.invitation(), rows)
    with home.held():
        home.forget()
    joined(home, hub.invitation("another-token-of-a-hub"), rows)
    assert len(set(hub.keys.values())) == 2


@pytest.mark.parametrize(
    ("text", "target", "said"),
    [
        ("a,test\n1,2\n3\n", "test", "Line 3 has 1 values"),
        ("a,test\n" + "1,2\n" * 30, "num", "no column 'num' to predict. There are: a, test"),
        ("a,test\n" + "1,2\n" * 30, "test>high", "'high' is none"),
        ("a,test\n" + "1,2\n" * 19 + "1,\n", "test", "19 rows with a value of 'test'; 20 are the least"),
    ],
)
def test_rows_that_will_not_do_cost_no_invitation(
    hub: Hub, home: Home, rows: Path, text: str, target: str, said: str
) -> None:
    rows.write_text(text)
    with pytest.raises(Invalid, match=said):
        joined(home, hub.invitation(), rows, target=target)
    assert not hub.heard
    assert not home.joined


# ------------------------------------------------------------------- when it goes wrong
def refused(home: Home, invitation: Invitation, rows: Path, kind: type[FeriaError], said: str) -> None:
    with pytest.raises(kind, match=said) as caught:
        joined(home, invitation, rows)
    assert type(caught.value) is kind
    assert invitation.token not in caught.value.message
    assert not home.joined


def test_a_hub_of_another_authority_hears_nothing(hub: Hub, home: Home, rows: Path, tmp_path: Path) -> None:
    other = self_signed(tmp_path, "other").certificate.read_text()
    refused(
        home,
        hub.invitation(ca=other),
        rows,
        Unavailable,
        "is not the hub of this invitation.*nothing was told",
    )
    assert not hub.heard
    joined(home, hub.invitation(), rows)


def test_authorities_of_the_system_do_not_count(
    hub: Hub, home: Home, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted = tmp_path / "trusted.pem"
    trusted.write_text(hub.ca)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    other = self_signed(tmp_path, "other").certificate.read_text()
    refused(home, hub.invitation(ca=other), rows, Unavailable, "is not the hub of this invitation")
    assert not hub.heard


def test_a_hub_by_another_name_hears_nothing(home: Home, rows: Path, tmp_path: Path) -> None:
    with open_hub(tmp_path, "127.0.0.2") as hub:
        invitation = hub.invitation(hub=hub.url.replace("localhost", "127.0.0.2"))
        refused(home, invitation, rows, Unavailable, "is not the hub of this invitation")
        assert not hub.heard


def test_a_hub_that_is_away_can_be_asked_later(tmp_path: Path, home: Home, rows: Path) -> None:
    with open_hub(tmp_path) as hub:
        invitation = hub.invitation()
    refused(home, invitation, rows, Unavailable, "No hub answers at https://localhost")


def test_an_invitation_that_is_not_taken_says_so(hub: Hub, home: Home, rows: Path) -> None:
    invitation = hub.invitation()
    hub.revoked.add(invitation.token)
    refused(home, invitation, rows, NotAllowed, "wrong, used, expired or revoked")


def test_what_somebody_else_redeemed_is_not_taken(hub: Hub, home: Home, rows: Path, tmp_path: Path) -> None:
    joined(Home(tmp_path / "thief"), hub.invitation(), rows)
    refused(home, hub.invitation(), rows, NotAllowed, "used")


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        (500, Unavailable, r"fails \(500\). It says: The hub's own words. Join again"),
        (503, Unavailable, r"fails \(503\)"),
        (429, Unavailable, "asked too often.*Join again"),
        (422, Invalid, r"refuses this store \(422\). It says: The hub's own words."),
        (404, Invalid, r"\(404\)"),
        (307, Invalid, r"\(307\)"),
        ("html", Unavailable, "does not speak as a hub does"),
        ("cut", Unavailable, "did not answer to the end, and may have taken .* Join again with the same"),
        ("silent", Unavailable, "did not answer to the end"),
    ],
)
def test_whatever_the_hub_fails_of_the_same_invitation_joins_later(
    hub: Hub, home: Home, rows: Path, fault: str | int, kind: type[FeriaError], said: str
) -> None:
    invitation = hub.invitation()
    hub.fault = fault
    refused(home, invitation, rows, kind, said)
    hub.fault = None
    joined(Home(home.folder), invitation, rows)
    assert hub.keys == {invitation.token: public(home.key.read_bytes())}
    assert (
        len({Redemption.model_validate_json(heard[heard.index(b"{") :]).public_key for heard in hub.heard})
        == 1
    )


KILLED_EVERYWHERE = """
import os, signal, sys
from pathlib import Path
from feria.federation.invitation import decode
from feria.learning.sources import Limits
from feria.store.consent import Consent
from feria.store.home import Home
from feria.store.join import join
from feria.store.rows import FileSource

folder, rows, *invitations = sys.argv[1:]
for number, invitation in enumerate(invitations):
    home, left = Path(folder) / str(number), number

    def count(event, told):
        global left
        in_home = told and isinstance(told[0], str | Path) and str(home) in str(told[0])
        if in_home or event == "socket.connect":
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if not child:
        sys.addaudithook(count)
        join(Home(home), decode(invitation), FileSource(file=Path(rows)), dataset="hearts", target="test",
             consent=Consent(), limits=Limits(1000, 20))
        os._exit(0)
    ended = os.waitpid(child, 0)[1]
    print(os.WTERMSIG(ended) if os.WIFSIGNALED(ended) else -os.WEXITSTATUS(ended), flush=True)
    if not os.WIFSIGNALED(ended):
        break
"""
"""Dies before the first thing it does to a file or a socket, then before the second, until it lives."""


def test_a_store_killed_at_any_step_has_joined_or_can_join_again(
    hub: Hub, tmp_path: Path, rows: Path
) -> None:
    invitations = [hub.invitation(f"one-time-token-number-{number}") for number in range(100)]
    done = subprocess.run(
        [sys.executable, "-c", KILLED_EVERYWHERE, str(tmp_path), str(rows), *map(encode, invitations)],
        capture_output=True,
        text=True,
        env=os.environ | {"POLARS_MAX_THREADS": "1"},
        timeout=300,
    )
    *killed, lived = map(int, done.stdout.split())
    assert lived == 0, done.stderr
    assert set(killed) == {signal.SIGKILL}
    states = []
    for number, invitation in enumerate(invitations[: len(killed) + 1]):
        home = Home(tmp_path / str(number))
        states.append((invitation.token in hub.keys, home.joined))
        if not home.joined:
            joined(home, invitation, rows)
        store = home.store()
        assert (store.name, store.hub, store.node_id) == ("Hospital de Barcelona", hub.url, NODE)
        assert public(home.key.read_bytes()) == hub.keys[invitation.token]
        assert home.ca.read_text() == hub.ca
    # Nothing done; the hub knows and the store does not; both know: it was killed in each of these.
    assert states == sorted(states)
    assert {(False, False), (True, False), (True, True)} == set(states)
