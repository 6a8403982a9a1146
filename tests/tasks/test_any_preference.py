"""`Prefer`, as RFC 7240 lets one write it."""

from hypothesis import given
from hypothesis import strategies as st

from feria.tasks.routes import wants_task

LATIN = st.text(st.characters(codec="latin-1", exclude_characters="\0\r\n"), max_size=20)
OTHERS = st.sampled_from(["wait=10", "return=minimal", "handling=lenient; x", 'a="respond_async"', "", " "])
SPACE = st.sampled_from(["", " ", "\t", "  "])


@given(
    before=st.lists(OTHERS, max_size=3),
    wish=st.sampled_from(
        ["respond-async", "Respond-Async", "RESPOND-ASYNC", "respond-async; x=1", "respond-async ;x"]
    ),
    after=st.lists(OTHERS, max_size=3),
    space=SPACE,
)
def test_the_wish_is_heard_wherever_it_stands(
    before: list[str], wish: str, after: list[str], space: str
) -> None:
    assert wants_task(f"{space},{space}".join([*before, wish, *after]))
    assert not wants_task(",".join([*before, *after]))


@given(header=LATIN)
def test_any_header_wants_a_task_or_does_not(header: str) -> None:
    assert wants_task(header) in {True, False}
    assert "respond-async" in header.lower() or not wants_task(header)
