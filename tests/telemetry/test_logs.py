"""The lines a node writes."""

import io
import json
import logging
import re
import warnings
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Literal

import pytest

from feria.settings import TelemetrySettings
from feria.telemetry.context import request_id
from feria.telemetry.logs import configure_logs


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    """What others in this process log, and where, is none of this test's business."""
    root, ours = logging.getLogger(), logging.getLogger("feria")
    before = (root.handlers, root.level, ours.level)
    yield
    root.handlers, level, our_level = before
    root.setLevel(level)
    ours.setLevel(our_level)
    logging.captureWarnings(False)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def written(
    form: Literal["auto", "text", "json"] = "json", level: Any = "info", on: Any = None
) -> io.StringIO:
    stream: io.StringIO = on or io.StringIO()
    configure_logs(TelemetrySettings(log_format=form, log_level=level), stream)
    return stream


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_says_when_what_where_and_for_which_request() -> None:
    stream = written()
    token = request_id.set("lima-7")
    logging.getLogger("feria.web").info("request", extra={"status": 200})
    request_id.reset(token)
    logging.getLogger("feria.web").warning("%d of %s", 3, "ñandú")
    first, second = lines(stream)
    assert list(first) == ["time", "level", "logger", "event", "request_id", "status"]
    assert list(second) == ["time", "level", "logger", "event"]
    assert (first["level"], first["logger"], first["event"]) == ("info", "feria.web", "request")
    assert (first["request_id"], first["status"]) == ("lima-7", 200)
    assert second["event"] == "3 of ñandú"
    assert datetime.fromisoformat(first["time"]).utcoffset() == timedelta(0)


def test_what_went_wrong_is_in_the_line_with_its_trace() -> None:
    stream = written()
    secret = "s3cret"
    try:
        raise ValueError(len(secret))
    except ValueError:
        logging.getLogger("feria.x").exception("Odd.")
    (line,) = lines(stream)
    assert "ValueError: 6" in line["exception"]
    assert "s3cret" not in line["exception"].replace('secret = "s3cret"', "")


def test_libraries_speak_in_the_same_form_and_only_of_what_is_wrong() -> None:
    stream = written(level="debug")
    for name in ("uvicorn.error", "sqlalchemy.engine.Engine", "asyncio", "asyncmy", "httpx"):
        logging.getLogger(name).info("SELECT 'private'")
        logging.getLogger(name).error("broken")
    logging.getLogger("feria.x").debug("ours")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old ways", UserWarning, stacklevel=1)
    said = lines(stream)
    assert [(line["logger"], line["event"]) for line in said[:-1]] == [
        *(
            (n, "broken")
            for n in ("uvicorn.error", "sqlalchemy.engine.Engine", "asyncio", "asyncmy", "httpx")
        ),
        ("feria.x", "ours"),
    ]
    assert said[-1]["logger"] == "py.warnings"
    assert "old ways" in said[-1]["event"]


@pytest.mark.parametrize(("level", "said"), [("info", ["i", "w", "e"]), ("error", ["e"])])
def test_the_level_is_the_least_that_is_written(level: str, said: list[str]) -> None:
    stream = written(level=level)
    log = logging.getLogger("feria.x")
    for write, text in ((log.debug, "d"), (log.info, "i"), (log.warning, "w"), (log.error, "e")):
        write(text)
    assert [line["event"] for line in lines(stream)] == said


def test_a_terminal_gets_text_and_a_pipe_gets_json() -> None:
    for stream, form in ((written("auto", on=Terminal()), "text"), (written("auto"), "json")):
        configure_logs(TelemetrySettings(), stream)
        logging.getLogger("feria.x").warning("Careful", extra={"path": "/a b"})
        if form == "json":
            assert lines(stream)[0]["event"] == "Careful"
        else:
            plain = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())
            assert re.fullmatch(r"20\S+Z \[warning *\] Careful +\[feria.x\] path='/a b'\n", plain), plain


def test_an_escape_that_a_caller_sent_does_not_reach_the_terminal() -> None:
    stream = written("text")
    logging.getLogger("feria.x").warning("A name: %s", "\x1b[31mred", extra={"said": "\x1b[31m\rforged"})
    assert r"A name: \x1b[31mred" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()
    assert "\r" not in stream.getvalue()
