"""`feria clients invite`, beside a node that takes in stores, and stores that join over its door, in TLS."""

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.certificates import self_signed
from cli.running import Feria
from feria.errors import NotAllowed
from feria.federation.invitation import decode
from feria.learning.sources import Limits
from feria.store.consent import Consent
from feria.store.home import Home
from feria.store.join import join
from feria.store.rows import source_of
from loops import table
from programs import free_port

LIMITS = Limits(rows=1000, columns=20)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Feria]:
    folder = tmp_path_factory.mktemp("folder")
    feria = Feria(tmp_path_factory.mktemp("home"), folder)
    settings = {"FERIA_SUPERLINK__ENABLED": "true", "FERIA_SUPERLINK__PORT": str(free_port())}
    with feria.node("--port", str(free_port()), *self_signed(folder).options, **settings) as node:
        yield feria
        code, _ = node.stop()
        assert code == 0


def _join(text: str, folder: Path) -> str:
    folder.mkdir()
    rows = folder / "ventas.csv"
    rows.write_text(table("Tienda Lima"))
    store = join(
        Home(folder / "store"),
        decode(text),
        source_of(str(rows)),
        dataset="ventas",
        target="bought",
        consent=Consent(),
        limits=LIMITS,
    )
    return store.name


def test_a_store_is_invited_joins_is_listed_and_removed(hub: Feria, tmp_path: Path) -> None:
    made = hub("clients", "invite", "Tienda Lima", "--days", "2")
    assert re.fullmatch(r"feria-[\w-]+\n", made.out)
    assert re.search(r"For Tienda Lima, until [\d-]+ [\d:]+\. It is not shown again", made.err)
    assert "feria client join INVITATION --data FILE --target COLUMN" in made.err
    assert re.search(r"Tienda Lima +open", hub("clients", "invitations").out)
    assert _join(made.out, tmp_path / "lima") == "Tienda Lima"
    assert re.search(r"Tienda Lima +redeemed", hub("clients", "invitations").out)
    assert re.search(r"Tienda Lima +ventas +60 +3 +\w{8} +store +registered", hub("clients", "list").out)
    assert "You have a client 'Tienda Lima'" in hub.refused("clients", "invite", "Tienda Lima")
    hub("clients", "rm", "Tienda Lima")
    assert "Tienda Lima" not in hub("clients", "list").out
    with pytest.raises(NotAllowed, match="Ask for a new one"):
        _join(made.out, tmp_path / "again")


def test_an_invitation_is_written_for_its_owner_alone_and_over_nothing(hub: Feria, tmp_path: Path) -> None:
    file = hub.folder / "cusco.txt"
    made = hub("clients", "invite", "Tienda Cusco", "--out", file)
    assert made.out == ""
    assert "feria client join cusco.txt" in made.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    first = json.loads(hub("clients", "invitations", "--json").out)["invitations"]
    assert "cusco.txt: File exists" in hub.refused("clients", "invite", "Tienda Cusco", "--out", file)
    assert json.loads(hub("clients", "invitations", "--json").out)["invitations"] == first
    assert _join(file.read_text(), tmp_path / "cusco") == "Tienda Cusco"


def test_an_invitation_that_fails_leaves_no_file(hub: Feria) -> None:
    file = hub.folder / "none.txt"
    assert "client's name" in hub.refused("clients", "invite", "a/b", "--out", file)
    assert not file.exists()


def test_who_was_invited_and_is_removed_cannot_join(hub: Feria, tmp_path: Path) -> None:
    made = hub("clients", "invite", "Tienda Puno")
    hub("clients", "rm", "Tienda Puno")
    assert re.search(r"Tienda Puno +revoked", hub("clients", "invitations").out)
    with pytest.raises(NotAllowed):
        _join(made.out, tmp_path / "puno")
    assert "You have no client 'Tienda Puno'" in hub.refused("clients", "rm", "Tienda Puno")


def test_a_node_that_takes_in_no_stores_says_what_that_needs(beside: Feria) -> None:
    assert "FERIA_SUPERLINK__ENABLED=true" in beside.refused("clients", "invite", "Tienda Lima")
    assert "Nobody was invited" in beside("clients", "invitations").err
