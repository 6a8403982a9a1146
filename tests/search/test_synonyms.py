"""Words for one thing."""

from pathlib import Path

import pytest

from feria.errors import Invalid
from feria.search.synonyms import Synonyms, entry_of, read_synonyms


@pytest.fixture(scope="module")
def shipped() -> Synonyms:
    return read_synonyms()


def others(synonyms: Synonyms, text: str) -> tuple[int, set[str]]:
    length, found = synonyms.starting(entry_of(text))
    return length, {" ".join(entry) for entry in found}


@pytest.mark.parametrize("text", ["zapatilla", "Zapatillas", "SNEAKERS", "trainers", "running shoes"])
def test_a_group_is_found_by_each_of_its_entries(shipped: Synonyms, text: str) -> None:
    length, found = others(shipped, text)
    assert length == len(text.split())
    assert {"deportiva", "tenis"} <= found
    assert " ".join(entry_of(text)) not in found


def test_a_hyphen_a_stop_word_and_an_accent_make_no_difference(shipped: Synonyms) -> None:
    assert "camiseta" in others(shipped, "t-shirts")[1]
    assert "swimsuit" in others(shipped, "trajes bano")[1]
    assert others(shipped, "trajes de baño") == others(shipped, "traje bano")


def test_the_longest_entry_counts(shipped: Synonyms) -> None:
    assert others(shipped, "gafas de sol negras") == (2, {"lentes sol", "anteojos sol", "sunglasses"})
    assert "spectacles" in others(shipped, "gafas negras")[1]


def test_another_gender_is_another_thing(shipped: Synonyms) -> None:
    assert "beanie" not in others(shipped, "gorras")[1]
    assert "beanie" in others(shipped, "gorros")[1]


def test_a_word_of_no_group_has_no_others(shipped: Synonyms) -> None:
    assert others(shipped, "xyzzy zapatilla") == (1, set())


def test_no_entry_that_comes_with_feria_is_too_long_or_alone(shipped: Synonyms) -> None:
    assert all(len(group) > 1 for group in shipped._groups)


def test_a_shop_adds_its_own(tmp_path: Path) -> None:
    own = tmp_path / "own.txt"
    own.write_text("# ours\n\nchancleta, zapatilla  # as they say here\n", encoding="utf-8")
    found = others(read_synonyms(own), "zapatillas")[1]
    assert {"chancleta", "sneaker"} <= found


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"missing\.txt"):
        read_synonyms(tmp_path / "missing.txt")
    binary = tmp_path / "binary.txt"
    binary.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(Invalid, match=r"binary\.txt"):
        read_synonyms(binary)
    long = tmp_path / "long.txt"
    long.write_text("a\nuno dos tres cuatro, x\n")
    with pytest.raises(Invalid, match="line 2: 'uno dos tres cuatro' has more than 3 words"):
        read_synonyms(long)
