"""Whatever speaks at the other end: the SDK makes an answer of it or raises an error of ours."""

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feria.client import calls
from feria.client.answers import Followed, Parsed, Reader, Refusal, Trained
from feria.client.exchange import Tries
from feria.errors import Busy, FeriaError
from feria.registry.wire import ModelList

NAMES = st.sampled_from(["progress", "trained", "error", "task", "message"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["error", "detail", "doing", "done", "id", "state", "message", "self", "retry_after", "code"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=8,
)
JSON = VALUES.map(json.dumps)
EVENT = st.tuples(NAMES, JSON | st.text(max_size=8)).map(
    lambda said: f"event: {said[0]}\ndata: {said[1]}\n\n".encode()
)
STREAM = st.lists(EVENT | st.binary(max_size=12), max_size=6).map(b"".join)
BODY = JSON.map(str.encode) | st.binary(max_size=40)
READERS: list[Callable[[], Reader[Any]]] = [
    lambda: Trained(lambda doing, done: None),
    lambda: Followed(None),
    lambda: Parsed(ModelList.model_validate_json),
    lambda: Refusal(503, {"retry-after": "x"}),
]


@pytest.mark.parametrize("reader", READERS, ids=["trained", "followed", "parsed", "refusal"])
@given(body=STREAM | BODY, cuts=st.lists(st.integers(0, 200), max_size=6))
def test_any_bytes_cut_anywhere_are_an_answer_or_an_error_of_ours(
    reader: Callable[[], Reader[Any]], body: bytes, cuts: list[int]
) -> None:
    reading = reader()
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    try:
        for start, end in pairwise(edges):
            reading.feed(body[start:end])
        reading.finish()
    except FeriaError as error:
        said = error.message
    else:
        said = ""
    assert isinstance(said, str)


@given(
    said=st.sampled_from(["busy", "rate_limited"]),
    detail=VALUES,
    header=st.none() | st.text(st.characters(codec="latin-1"), max_size=8) | st.floats().map(str),
)
def test_whatever_retry_after_says_the_pause_is_a_time_one_can_sleep(
    said: str, detail: Any, header: str | None
) -> None:
    refusal = Refusal(503, {} if header is None else {"retry-after": header})
    refusal.feed(json.dumps({"error": said, "detail": "Later.", "retry_after": detail}).encode())
    with pytest.raises(Busy) as refused:
        refusal.finish()
    tries = Tries(calls.models(), patience=30.0)
    try:
        pause = tries.pause(refused.value)
    except Busy:
        return
    assert 0.0 < pause <= 30.0
