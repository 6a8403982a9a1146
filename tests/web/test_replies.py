"""One error, said three ways."""

import errno

import pytest

from feria.errors import Busy, DiskFull, FeriaError, NotAnImage, NotFound, revive
from feria.web import replies


def test_a_stream_hears_of_an_error_in_a_frame_and_stays_open() -> None:
    assert replies.frame(NotAnImage("These bytes are no picture.", picture=2)) == {
        "type": "error",
        "status": "error",
        "error": "not_an_image",
        "detail": "These bytes are no picture.",
        "picture": 2,
    }


async def test_a_socket_io_handler_acknowledges_success_and_failure() -> None:
    heard: list[tuple[str, str]] = []

    @replies.acknowledged
    async def say(sid: str, text: str) -> None:
        if not text:
            raise NotFound("There is nothing to say.")
        heard.append((sid, text))

    assert await say("s1", "hola") == {"status": "success"}
    assert heard == [("s1", "hola")]
    assert (await say("s1", ""))["error"] == "not_found"


def test_a_busy_node_says_when_to_come_back() -> None:
    assert replies.headers(Busy("Full.", retry_after=1.2)) == {"Retry-After": "2"}
    assert replies.headers(NotFound("No.")) == {}


def test_what_nobody_foresaw_is_logged_and_told_without_its_insides(caplog: pytest.LogCaptureFixture) -> None:
    told = replies.known(ZeroDivisionError("secret"))
    assert told.code == "internal"
    assert "secret" not in told.message
    assert "ZeroDivisionError: secret" in caplog.text


def test_a_full_disk_is_told_as_one_wherever_it_is_met() -> None:
    assert isinstance(replies.known(OSError(errno.ENOSPC, "No space left on device")), DiskFull)


def test_an_error_that_crossed_a_wire_is_itself_again() -> None:
    sent = NotAnImage("No picture.", picture=1)
    back = revive(sent.code, sent.message, sent.details)
    assert (type(back), back.message, back.details) == (NotAnImage, sent.message, sent.details)
    assert type(revive("from_the_future", "?")) is FeriaError
