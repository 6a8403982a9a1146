"""What expression a face shows, one picture at a time, and what was counted."""

import base64
from datetime import datetime
from pathlib import Path
from typing import Literal

from feria.client.answers import Parsed
from feria.client.calls.call import Call, file_at, given
from feria.emotions.wire import EmotionStatistics, Expressions, Forgotten, Mood
from feria.errors import Invalid


def read_expression(picture: str | Path | bytes, *, detect: bool = False) -> Call[Expressions]:
    """What expression a picture shows, given as a file or its bytes; with `detect`, of each face in it.

    Nothing of it is kept. Raises `NotAnImage`, `TooLarge`, and `NoFace` where none is found.
    """
    found = file_at(picture)
    try:
        content = found if isinstance(found, bytes) else found.read_bytes()
    except OSError as error:
        raise Invalid(f"Cannot read {found!r}: {error.strerror}.") from error
    return Call(
        method="POST",
        path="/v1/emotions",
        reader=lambda: Parsed(Expressions.model_validate_json),
        query=given(detect=detect or None),
        body={"image": base64.b64encode(content).decode()},
    )


def mood(session: str) -> Call[Mood]:
    """What a session has looked like of late. Raises `NotFound` where that is not known."""
    return Call(
        method="GET",
        path="/v1/emotions/mood",
        reader=lambda: Parsed(Mood.model_validate_json),
        query={"session": session},
    )


def forget_mood(session: str) -> Call[Forgotten]:
    """Erase the mood of a session and every label that is kept under its id."""
    return Call(
        method="DELETE",
        path="/v1/emotions/mood",
        reader=lambda: Parsed(Forgotten.model_validate_json),
        query={"session": session},
    )


def emotion_statistics(
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    step: Literal["minute", "hour", "day"] = "hour",
) -> Call[EmotionStatistics]:
    """How often each expression was seen, of those who allowed it to be counted; the last day, by default.
    Times have a zone."""
    times = {
        name: None if moment is None else moment.isoformat()
        for name, moment in (("since", since), ("until", until))
    }
    return Call(
        method="GET",
        path="/v1/emotions/statistics",
        reader=lambda: Parsed(EmotionStatistics.model_validate_json),
        query=given(**times, step=step),
    )
