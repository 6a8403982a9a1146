"""How answers are read, wherever they are cut."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feria.client.answers import Events, Trained
from feria.client.rows import encode, table
from feria.errors import Invalid, OverLimit, Unavailable

STREAM = (
    ": a comment\n\n"
    'event: progress\ndata: {"doing": "fitting ñ", "done": 0.5}\n\n'
    "data: first\r\ndata:second\r\n\r\n"
    "event: nothing\n\n"
    "event: last\ndata: x\n\n"
    "event: unfinished\ndata: y\n"
).encode()
EVENTS = [
    ("progress", '{"doing": "fitting ñ", "done": 0.5}'),
    ("message", "first\nsecond"),
    ("last", "x"),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_events_are_the_same_wherever_the_stream_is_cut(cuts: list[int]) -> None:
    events = Events()
    edges = [0, *sorted(cuts), len(STREAM)]
    found = [event for start, end in pairwise(edges) for event in events.feed(STREAM[start:end])]
    assert found == EVENTS


def test_an_error_in_the_stream_is_raised_as_itself() -> None:
    said: list[tuple[str, float]] = []
    reader = Trained(lambda doing, done: said.append((doing, done)))
    reader.feed(b'event: progress\ndata: {"doing": "fitting", "done": 0.25}\n\n')
    with pytest.raises(OverLimit, match="Too long"):
        reader.feed(b'event: error\ndata: {"error": "over_limit", "detail": "Too long."}\n\n')
    assert said == [("fitting", 0.25)]


def test_a_stream_that_ends_early_is_no_model() -> None:
    reader = Trained(lambda doing, done: None)
    reader.feed(b'event: progress\ndata: {"doing": "fitting", "done": 0.25}\n\n')
    with pytest.raises(Unavailable, match="before training was over"):
        reader.finish()


VALUES = st.none() | st.floats(allow_infinity=False) | st.integers() | st.text() | st.booleans()


@given(st.lists(st.lists(VALUES, max_size=3), max_size=4))
def test_rows_arrive_as_they_were_and_nan_as_null(rows: list[list[object]]) -> None:
    expected = [[None if value != value else value for value in row] for row in rows]
    assert json.loads(encode(table(rows))) == {"rows": expected}


@pytest.mark.parametrize("rows", ["text", b"bytes", {"a": 1}, 5, [1, 2], object()])
def test_what_is_no_rows_is_refused(rows: object) -> None:
    with pytest.raises(Invalid):
        encode(table(rows))


def test_a_value_that_is_neither_number_nor_text_is_refused() -> None:
    with pytest.raises(Invalid, match="holds a complex"):
        encode(table([[1j]]))
