"""Every error has a code, a reply and a place in the reference."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from feria import errors
from feria.errors import FeriaError
from feria.web import replies

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "errors.md"


def _family(kind: type[FeriaError] = FeriaError) -> Iterator[type[FeriaError]]:
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _family(child)


def test_no_two_errors_share_a_code() -> None:
    codes = [kind.code for kind in _family()]
    assert len(codes) == len(set(codes))


def test_every_error_has_a_status_and_every_status_an_error() -> None:
    assert {kind.code for kind in _family()} == set(replies.STATUS)


def test_every_error_stands_in_the_picture_of_the_tree() -> None:
    picture = str(errors.__doc__)
    assert [kind.__name__ for kind in _family() if kind.__name__ not in picture] == []


@pytest.mark.parametrize("kind", list(_family()), ids=lambda kind: str(kind.code))
def test_an_error_stands_in_the_reference_with_its_status(kind: type[FeriaError]) -> None:
    status = replies.STATUS[kind.code]
    assert f"| `{kind.code}` | {status} |" in REFERENCE.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", list(_family()), ids=lambda kind: str(kind.code))
def test_an_error_that_crossed_a_wire_is_itself_again(kind: type[FeriaError]) -> None:
    revived = errors.revive(kind.code, "A sentence.", {"column": "age"})
    assert type(revived) is kind
    assert (revived.message, revived.details) == ("A sentence.", {"column": "age"})
