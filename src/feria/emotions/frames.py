"""What a stream hears and says: one JSON object a message, or the bytes of a picture.

The words are those of the visionai contract. What it does not know (`id`, `images`, `detect`, `allow`) stands
beside them, so that its clients are understood as they are.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec

from feria.emotions.expressions import Place, Seen
from feria.emotions.wire import SESSION, Allow
from feria.errors import Busy, FeriaError, Invalid
from feria.web import replies

OVERLOADED = "overloaded"

Id = Annotated[str, msgspec.Meta(max_length=64)] | int


class Command(msgspec.Struct):
    command: str
    id: Id | None = None
    """The sender's own; it comes back with the answer."""
    image: msgspec.Raw = msgspec.Raw()
    """Empty where none was sent."""
    images: list[msgspec.Raw] | None = None
    detect: bool | None = None
    allow: list[Allow] | None = None
    session: Annotated[str, msgspec.Meta(pattern=SESSION)] | None = None


class _Named(msgspec.Struct):
    id: Id | None = None


_commands = msgspec.json.Decoder(Command)
_ids = msgspec.json.Decoder(_Named)


def read(message: str) -> Command:
    """Raises `Invalid`."""
    try:
        return _commands.decode(message)
    except msgspec.ValidationError as error:
        raise Invalid(f"That is no request: {error}.", **_whose(message)) from None
    except msgspec.DecodeError as error:
        raise Invalid(f"That is not JSON: {error}.") from None
    except UnicodeEncodeError:  # half a character, which JSON can spell and UTF-8 cannot
        raise Invalid("That is not JSON: it is not Unicode.") from None


def _whose(message: str) -> dict[str, Any]:
    """The request's id, where that much of it can be read."""
    try:
        found = _ids.decode(message).id
    except msgspec.DecodeError:
        return {}
    return {} if found is None else {"id": found}


def encode(frame: dict[str, Any]) -> str:
    return msgspec.json.encode(frame).decode()


def refusal(error: FeriaError, *, verbatim: bool) -> dict[str, Any]:
    """An error as a frame. Of a node that has too much to do, when to ask again."""
    frame = replies.frame(error)
    if isinstance(error, Busy):
        frame |= {"error": OVERLOADED, "retry_after_ms": round(error.retry_after * 1000)}
    if verbatim:
        frame["message"] = error.message
    return frame


def prediction(
    faces: Sequence[Seen],
    tag: str,
    milliseconds: float,
    at: datetime,
    *,
    verbatim: bool,
    detected: bool,
) -> dict[str, Any]:
    """What one picture shows; of several faces the largest, and all of them in `faces`.

    `verbatim` says no more than the contract does, unless more was asked for.
    """
    first = faces[0]
    frame: dict[str, Any] = {
        "type": "prediction",
        "status": "success",
        **_expression(first, verbatim=verbatim),
        "model_version_tag": tag,
        "processing_time_ms": round(milliseconds) if verbatim else round(milliseconds, 2),
        "timestamp": at.replace(tzinfo=None).isoformat(timespec="microseconds"),
    }
    if detected:
        frame["faces"] = [{**_expression(face, verbatim=False), "box": _box(face.place)} for face in faces]
    return frame


def _expression(seen: Seen, *, verbatim: bool) -> dict[str, Any]:
    said: dict[str, Any] = {"emotion_name": seen.name, "confidence": round(seen.confidence, 4)}
    if not verbatim:
        said["probabilities"] = {name: round(share, 4) for name, share in seen.probabilities.items()}
        if seen.unsure is not None:
            said["unsure"] = seen.unsure
    return said


def _box(place: Place | None) -> dict[str, float] | None:
    return None if place is None else {name: round(side, 4) for name, side in place._asdict().items()}
