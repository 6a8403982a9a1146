"""The folder of a store."""

import json
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_ssh_private_key, load_ssh_public_key

from feria.errors import Conflict, Corrupt, Invalid, NotFound, Unavailable
from feria.store.consent import Consent
from feria.store.home import Home, Store, public
from feria.store.rows import FileSource, QuerySource

STORE = Store(
    name="Hospital Barcelona",
    hub="https://hub.example:8443",
    node_id="18446744073709551615",
    superlink="hub.example:9092",
    dataset="hearts",
    target="num>0",
    data=FileSource(file=Path("/srv/hearts.csv")),
    consent=Consent(kinds=("mlp",), most_rounds=50),
)
TOKEN = "a-token-of-an-invitation"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def kept(home: Home, store: Store = STORE) -> bytes:
    with home.held():
        key = home.key_for(TOKEN)
        home.keep(store, key, "the authority")
    return key


def test_a_store_is_what_was_kept(home: Home) -> None:
    assert not home.joined
    key = kept(home)
    assert home.joined
    assert home.store() == STORE
    assert home.key.read_bytes() == key
    assert home.ca.read_text() == "the authority"
    assert sorted(path.name for path in home.folder.iterdir()) == [
        "ca.pem",
        "key",
        "key.pub",
        "lock",
        "store.json",
    ]


def test_nobody_else_may_look(home: Home) -> None:
    kept(home)
    assert stat.S_IMODE(home.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in home.folder.iterdir()} == {0o600}


def test_a_key_is_of_the_kind_that_flower_takes(home: Home) -> None:
    key = kept(home)
    assert key.startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----")
    private = load_ssh_private_key(key, None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    assert isinstance(private.curve, ec.SECP384R1)
    shown = load_ssh_public_key((home.folder / "key.pub").read_bytes())
    assert shown == private.public_key()
    assert public(key) == (home.folder / "key.pub").read_text().strip()


def test_a_token_has_one_key_until_the_store_has_joined(home: Home) -> None:
    with home.held():
        one = home.key_for(TOKEN)
        other = home.key_for("another-token-of-another")
        assert Home(home.folder).key_for(TOKEN) == one != other
    kept(home)
    assert not (home.folder / "joining").exists()


def test_a_key_that_was_half_written_is_none(home: Home) -> None:
    with home.held():
        one = home.key_for(TOKEN)
        (path,) = (home.folder / "joining").iterdir()
        path.rename(path.with_name(f"{path.name}.new"))  # as a kill may leave it
        other = home.key_for(TOKEN)
        assert one != other == home.key_for(TOKEN)


def test_a_damaged_key_says_so() -> None:
    with pytest.raises(Corrupt, match="damaged"):
        public(b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n")


def test_one_process_at_a_time_works_in_it(home: Home) -> None:
    with home.held(), pytest.raises(Conflict, match="Another process"), Home(home.folder).held():
        pass
    with home.held():
        pass


def test_a_store_that_left_is_forgotten(home: Home) -> None:
    kept(home)
    with home.held():
        home.forget()
        home.forget()
    assert [path.name for path in home.folder.iterdir()] == ["lock"]
    with pytest.raises(NotFound, match="No store has joined"):
        home.store()


def test_what_people_write_into_it_counts_at_once(home: Home) -> None:
    kept(home)
    path = home.folder / "store.json"
    path.write_text(path.read_text().replace('"most_rounds": 50', '"most_rounds": 7'))
    assert home.store().consent.most_rounds == 7


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("consent.most_rounds", "7"),
        ("consent.kinds.0", "perceptron"),
        ("consent.never", True),
        ("name", ""),
        ("v", 2),
        ("hub", "hub.example"),
    ],
)
def test_what_people_spoil_is_named(home: Home, place: str, value: object) -> None:
    kept(home)
    path = home.folder / "store.json"
    said = inner = json.loads(path.read_text())
    *steps, last = [int(step) if step.isdigit() else step for step in place.split(".")]
    for step in steps:
        inner = inner[step]
    inner[last] = value
    path.write_text(json.dumps(said))
    with pytest.raises(Invalid, match=rf"store\.json: {place}: "):
        home.store()


def test_a_password_that_is_in_the_url_is_not_said_in_an_error(home: Home) -> None:
    source = QuerySource(url="postgresql://ana:h1dden@db/shop", query="SELECT 1")
    kept(home, STORE.model_copy(update={"data": source}))
    assert home.store().data == source
    path = home.folder / "store.json"
    path.write_text(path.read_text().replace('"query"', '"quarry"'))
    with pytest.raises(Invalid) as caught:
        home.store()
    assert "h1dden" not in caught.value.message


def test_a_folder_that_cannot_be_one_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="Not a directory"), Home(tmp_path / "file" / "home").held():
        pass
