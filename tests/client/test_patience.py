"""What the clients do when a node is busy, slow, or no node at all.

A real node is busy for as long as it likes; here the answers are scripted so that each case is met.
"""

from collections.abc import Iterator

import httpx
import pytest

from feria import Client
from feria.client import calls
from feria.client.exchange import Tries
from feria.errors import Busy, Expired, FeriaError, NotAllowed, NotFound, TooLarge, Unavailable

BUSY = httpx.Response(503, json={"error": "busy", "detail": "Too much."}, headers={"Retry-After": "0.05"})
EMPTY = httpx.Response(200, json={"models": []})


def scripted(*answers: httpx.Response | Exception) -> tuple[httpx.MockTransport, list[httpx.Request]]:
    left: Iterator[httpx.Response | Exception] = iter(answers)
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        request.read()
        seen.append(request)
        said = next(left)
        if isinstance(said, Exception):
            raise said
        return said

    return httpx.MockTransport(answer), seen


def test_a_busy_node_is_asked_again() -> None:
    transport, seen = scripted(BUSY, BUSY, EMPTY)
    with Client("http://node", transport=transport) as client:
        assert client.models() == ()
    assert len(seen) == 3


def test_patience_ends() -> None:
    transport, seen = scripted(BUSY, BUSY, BUSY)
    with (
        Client("http://node", transport=transport, patience=0.12) as client,
        pytest.raises(Busy, match="Too much"),
    ):
        client.models()
    assert len(seen) == 3


def test_a_wait_longer_than_patience_is_not_begun() -> None:
    later = httpx.Response(
        503, json={"error": "busy", "detail": "Tomorrow."}, headers={"Retry-After": "86400"}
    )
    transport, seen = scripted(later)
    with Client("http://node", transport=transport) as client, pytest.raises(Busy) as caught:
        client.models()
    assert caught.value.retry_after == 86400
    assert len(seen) == 1


def test_what_would_count_twice_is_sent_once() -> None:
    transport, seen = scripted(BUSY)
    with Client("http://node", transport=transport) as client, pytest.raises(Busy):
        client.publish("x", b"file")
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("call", "repeated"),
    [
        (calls.models(), True),
        (calls.predict("x", [[1]]), True),
        (calls.delete("x"), True),
        (calls.classify("x", b"picture"), True),
        (calls.train("x", "svm", [[1]], "y"), False),
        (calls.publish("x", b"file"), False),
    ],
)
def test_only_what_may_be_said_twice_is(call: calls.Call[object], repeated: bool) -> None:
    tries = Tries(call, patience=10.0)
    if repeated:
        assert tries.pause(Busy("Too much.", retry_after=2.5)) == 2.5
    else:
        with pytest.raises(Busy):
            tries.pause(Busy("Too much.", retry_after=2.5))
    with pytest.raises(NotFound):
        tries.pause(NotFound("Nothing."))


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (httpx.Response(502, text="<html>Bad Gateway</html>"), Unavailable, "502"),
        (httpx.Response(404, text="nginx"), Unavailable, "Check the address"),
        (httpx.Response(413, text="too much"), TooLarge, "on the way"),
        (httpx.Response(401, text=""), NotAllowed, "401"),
        (httpx.Response(200, text="<html>welcome</html>"), Unavailable, "none that a feria node gives"),
        (httpx.Response(500, json={"error": "internal", "detail": "A bug."}), FeriaError, "A bug"),
        (httpx.Response(418, json={"error": "teapot", "detail": "Short."}), FeriaError, "Short"),
        (httpx.ReadTimeout("slow"), Expired, "said nothing for 60 s"),
        (httpx.RemoteProtocolError("gone"), Unavailable, "broke before it had answered"),
        (httpx.ConnectTimeout("far"), Unavailable, "feria serve"),
    ],
)
def test_whatever_happens_becomes_one_of_our_errors(
    answer: httpx.Response | Exception, kind: type[FeriaError], said: str
) -> None:
    transport, _ = scripted(answer)
    with Client("http://node", transport=transport) as client, pytest.raises(kind, match=said) as caught:
        client.models()
    assert type(caught.value) is kind


def test_details_come_along() -> None:
    transport, _ = scripted(
        httpx.Response(404, json={"error": "not_found", "detail": "No.", "model": "heart"})
    )
    with Client("http://node", transport=transport) as client, pytest.raises(NotFound) as caught:
        client.versions("heart")
    assert caught.value.details == {"model": "heart"}


def test_ready_is_a_yes_or_no() -> None:
    transport, _ = scripted(httpx.Response(503, json={"status": "warming"}), httpx.Response(200, json={}))
    with Client("http://node", transport=transport) as client:
        assert client.ready() is False
        assert client.ready() is True
