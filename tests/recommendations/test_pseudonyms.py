"""What is kept names nobody, and still finds who asks."""

import stat
import threading
from pathlib import Path

import pytest

from feria.errors import Corrupt
from feria.recommendations.pseudonyms import FILE, Pseudonyms, open_pseudonyms

SHOPPER = "a-shopper-called-ana"


def test_the_same_key_finds_the_same_shopper_and_another_key_does_not() -> None:
    one, again, other = Pseudonyms(b"key" * 10), Pseudonyms(b"key" * 10), Pseudonyms(b"yek" * 10)
    assert one.of_shopper(SHOPPER) == again.of_shopper(SHOPPER) != other.of_shopper(SHOPPER)
    assert SHOPPER not in one.of_shopper(SHOPPER)


def test_events_of_two_shoppers_may_have_one_id() -> None:
    names = Pseudonyms(b"key" * 10)
    assert names.of_event(SHOPPER, "1") != names.of_event(SHOPPER + "2", "1")
    assert names.of_event(SHOPPER, "1") != names.of_event(SHOPPER, "2")


def test_a_text_is_not_mistaken_for_two() -> None:
    names = Pseudonyms(b"key" * 10)
    assert names.of_event("a", "b") != names.of_event("ab", "")
    assert names.of_event("a", "") != names.of_shopper("a")


def test_a_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    first = open_pseudonyms(None, tmp_path)
    assert open_pseudonyms(None, tmp_path).of_shopper(SHOPPER) == first.of_shopper(SHOPPER)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_two_that_open_a_new_home_at_once_have_one_key(tmp_path: Path) -> None:
    found: list[str] = []
    together = threading.Barrier(8)

    def open_one() -> None:
        together.wait()
        found.append(open_pseudonyms(None, tmp_path).of_shopper(SHOPPER))

    threads = [threading.Thread(target=open_one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_homes_differ_and_a_secret_makes_them_alike(tmp_path: Path) -> None:
    homes = [tmp_path / "one", tmp_path / "two"]
    for home in homes:
        home.mkdir()
    assert len({open_pseudonyms(None, home).of_shopper(SHOPPER) for home in homes}) == 2
    assert len({open_pseudonyms("a secret of both", home).of_shopper(SHOPPER) for home in homes}) == 1


def test_a_key_that_was_cut_is_not_taken_for_one(tmp_path: Path) -> None:
    open_pseudonyms(None, tmp_path)
    (tmp_path / FILE).write_bytes((tmp_path / FILE).read_bytes()[:7])
    with pytest.raises(Corrupt, match="backup"):
        open_pseudonyms(None, tmp_path)
