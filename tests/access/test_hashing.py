"""What is kept of a token."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feria.access import hashing
from feria.access.hashing import Presented


def test_a_token_is_recognised_by_what_was_kept_of_it_and_no_other_is() -> None:
    one, other = hashing.fresh(), hashing.fresh()
    kept = hashing.hashed(one.secret)
    assert hashing.matches(one.secret, kept)
    assert not hashing.matches(other.secret, kept)


def test_what_is_kept_neither_holds_the_secret_nor_is_the_same_twice() -> None:
    secret = hashing.fresh().secret
    kept = hashing.hashed(secret)
    assert secret not in kept
    assert kept != hashing.hashed(secret)


def test_a_hash_made_with_other_parameters_still_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "LOG2_N", 10)
    monkeypatch.setattr(hashing, "P", 2)
    kept = hashing.hashed("a secret of old")
    monkeypatch.undo()
    assert kept.startswith("scrypt$10$8$2$")
    assert hashing.matches("a secret of old", kept)


@given(st.text())
@example("feria_" + "0" * 12 + "_" + "0" * 64)
@example("feria_" + "0" * 12 + "_" + "0" * 64 + "\n")
@example("feria_" + "٠" * 12 + "_" + "0" * 64)
def test_only_what_has_the_form_of_a_token_is_read_as_one(text: str) -> None:
    found = hashing.parse(text)
    assert found is None or str(found) == text


@given(
    st.text("0123456789abcdef", min_size=12, max_size=12),
    st.text("0123456789abcdef", min_size=64, max_size=64),
)
def test_a_token_is_read_as_it_was_written(id: str, secret: str) -> None:
    assert hashing.parse(str(Presented(id, secret))) == (id, secret)
