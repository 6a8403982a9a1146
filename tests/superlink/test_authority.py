import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509

from clocks import ManualClock
from feria.clock import SystemClock
from feria.errors import Corrupt, Expired, Invalid
from feria.superlink.authority import BACKDATED, LIFE, Authority, open_authority

DAY = 86_400.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def authority(tmp_path: Path, clock: ManualClock) -> Authority:
    authority = open_authority(tmp_path, clock)
    assert authority.certify(["hub.example"])
    return authority


def _shakes_hands(authority: Authority, ca: bytes, name: str) -> bool:
    """Whether a store that knows that CA and nothing else believes it speaks to the hub of that name."""
    store = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    store.verify_flags |= ssl.VERIFY_X509_STRICT
    store.load_verify_locations(cadata=ca.decode())
    hub = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    hub.load_cert_chain(authority.certificate, authority.certificate)
    to_hub, to_store = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        store.wrap_bio(to_store, to_hub, server_hostname=name),
        hub.wrap_bio(to_hub, to_store, server_side=True),
    ]
    try:
        for _ in range(4):
            for side in sides:
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    continue
    except ssl.SSLCertVerificationError:
        return False
    return sides[0].version() is not None and bool(sides[0].getpeercert())


def _today(folder: Path) -> Authority:
    authority = open_authority(folder, SystemClock())
    authority.certify(["Hub.example", "méxico.example", "192.0.2.7", "[2001:db8::7]"])
    return authority


@pytest.mark.parametrize(
    "name",
    ["hub.example", "xn--mxico-bsa.example", "192.0.2.7", "2001:db8::7", "localhost", "127.0.0.1", "::1"],
)
def test_who_knows_the_ca_knows_the_hub_by_each_of_its_names(tmp_path: Path, name: str) -> None:
    authority = _today(tmp_path)
    assert _shakes_hands(authority, authority.ca.read_bytes(), name)


def test_and_by_no_other_name_and_not_by_another_ca(tmp_path: Path) -> None:
    authority, other = _today(tmp_path / "this"), _today(tmp_path / "other")
    assert not _shakes_hands(authority, authority.ca.read_bytes(), "other.example")
    assert not _shakes_hands(authority, other.ca.read_bytes(), "hub.example")


def test_keys_are_for_their_owner_alone(authority: Authority) -> None:
    folder = authority.ca.parent
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {"ca.key": 0o600, "superlink.pem": 0o600, "ca.pem": 0o644}
    assert b"PRIVATE" not in authority.ca.read_bytes()


def test_the_folder_is_for_its_owner_alone(tmp_path: Path, clock: ManualClock) -> None:
    folder = open_authority(tmp_path / "home" / "superlink", clock).ca.parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_certificate_that_is_good_stays(authority: Authority, clock: ManualClock) -> None:
    before = authority.certificate.read_bytes()
    clock.advance(334 * DAY)
    assert not open_authority(authority.ca.parent, clock).certify(["hub.example"])
    assert authority.certificate.read_bytes() == before


def test_one_that_ends_soon_is_renewed_and_the_ca_is_the_same(
    authority: Authority, clock: ManualClock
) -> None:
    ca, first_end = authority.ca.read_bytes(), authority.ends()
    assert first_end == clock.now() + LIFE
    clock.advance(336 * DAY)
    again = open_authority(authority.ca.parent, clock)
    assert again.certify(["hub.example"])
    assert again.ends() == clock.now() + LIFE > first_end
    assert again.ca.read_bytes() == ca


def test_a_hub_that_gets_another_name_gets_another_certificate(authority: Authority) -> None:
    assert not authority.certify(["hub.example"])
    assert authority.certify(["hub.example", "fair.example"])
    assert not authority.certify(["fair.example", "hub.example"])
    assert authority.certify(["fair.example"])


@pytest.mark.parametrize("content", [b"", b"garbage", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_damaged_certificate_is_replaced(authority: Authority, content: bytes) -> None:
    authority.certificate.write_bytes(content)
    assert authority.certify(["hub.example"])
    assert not authority.certify(["hub.example"])


def test_a_certificate_of_another_authority_is_replaced(authority: Authority, tmp_path: Path) -> None:
    other = open_authority(tmp_path / "other", ManualClock())
    other.certify(["hub.example"])
    authority.certificate.write_bytes(other.certificate.read_bytes())
    assert authority.certify(["hub.example"])


def test_a_certificate_without_its_key_is_replaced(authority: Authority) -> None:
    pem = authority.certificate.read_bytes()
    authority.certificate.write_bytes(pem[: pem.index(b"-----BEGIN PRIVATE")])
    assert authority.certify(["hub.example"])


def test_the_ca_is_made_once(authority: Authority, clock: ManualClock) -> None:
    folder = authority.ca.parent
    before = authority.ca.read_bytes(), (folder / "ca.key").read_bytes()
    clock.advance(1000 * DAY)
    open_authority(folder, clock).certify(["hub.example"])
    assert (authority.ca.read_bytes(), (folder / "ca.key").read_bytes()) == before


def test_a_ca_whose_key_is_lost_is_not_replaced_by_another(authority: Authority, clock: ManualClock) -> None:
    folder, ca = authority.ca.parent, authority.ca.read_bytes()
    (folder / "ca.key").unlink()
    with pytest.raises(Corrupt, match=r"ca\.key is gone.*restore it from a backup"):
        open_authority(folder, clock)
    assert not (folder / "ca.key").exists()
    assert authority.ca.read_bytes() == ca


def test_a_ca_whose_certificate_is_lost_gets_one_that_stores_with_the_old_one_accept(tmp_path: Path) -> None:
    old = _today(tmp_path).ca.read_bytes()
    (tmp_path / "ca.pem").unlink()
    (tmp_path / "superlink.pem").unlink()
    again = _today(tmp_path)
    assert again.ca.read_bytes() != old
    assert _shakes_hands(again, old, "hub.example")


@pytest.mark.parametrize("damaged", ["ca.key", "ca.pem"])
def test_a_damaged_ca_is_said_and_left_as_it_is(
    authority: Authority, clock: ManualClock, damaged: str
) -> None:
    file = authority.ca.parent / damaged
    file.write_bytes(b"garbage")
    with pytest.raises(Corrupt, match=rf"{damaged} is no .*restore it from a backup"):
        open_authority(authority.ca.parent, clock)
    assert file.read_bytes() == b"garbage"


def test_a_ca_of_two_halves_is_said(authority: Authority, clock: ManualClock, tmp_path: Path) -> None:
    other = open_authority(tmp_path / "other", clock)
    (authority.ca.parent / "ca.key").write_bytes((other.ca.parent / "ca.key").read_bytes())
    with pytest.raises(Corrupt, match="restore the two from one backup"):
        open_authority(authority.ca.parent, clock)


@pytest.mark.parametrize(
    "name", ["", "two words", "https://hub.example", "hub.example:443", "a..b", "x" * 64]
)
def test_what_is_no_name_is_refused_before_anything_is_signed(authority: Authority, name: str) -> None:
    before = authority.certificate.read_bytes()
    with pytest.raises(Invalid, match="neither a host name nor an address"):
        authority.certify([name])
    assert authority.certificate.read_bytes() == before


def test_a_ca_that_has_ended_says_what_to_do(authority: Authority, clock: ManualClock) -> None:
    clock.advance(21 * 365 * DAY)
    with pytest.raises(Expired, match="every store needs a new invitation"):
        authority.certify(["hub.example"])


def test_a_certificate_never_outlives_its_ca(authority: Authority, clock: ManualClock) -> None:
    ca = x509.load_pem_x509_certificate(authority.ca.read_bytes())
    clock.advance((19 * 365 + 300) * DAY)
    authority.certify(["hub.example"])
    assert authority.ends() == ca.not_valid_after_utc


def test_a_store_whose_clock_is_behind_is_served(authority: Authority, clock: ManualClock) -> None:
    leaf = x509.load_pem_x509_certificate(authority.certificate.read_bytes())
    ca = x509.load_pem_x509_certificate(authority.ca.read_bytes())
    assert leaf.not_valid_before_utc == ca.not_valid_before_utc == clock.now() - BACKDATED
