"""What the training of a job says to its hub, and asks it: both sides' words, in MessagePack.

A job on a SuperLink runs in a process there, which may be on another machine and outlive the hub's. All that
it needs of the hub, and all that the hub keeps of it, crosses here, one signed request at a time. Each may be
sent again when its answer is lost: it does no harm.
"""

import hashlib
import hmac
from typing import Any

import msgspec

from feria.federation.jobs_wire import Told

PATH = "/v1/callbacks/"
"""At the hub, with the attempt's id behind it."""
PIECE = 8 * 2**20
"""Most bytes of a file in one request."""


class AskJob(msgspec.Struct, frozen=True, tag="job"):
    """What is to be done. Answered with `JobTold`."""


class Read(msgspec.Struct, frozen=True, tag="read"):
    """The bytes of a file from there on, `PIECE` at most. Answered with these."""

    name: str
    at: int


class Write(msgspec.Struct, frozen=True, tag="write"):
    """A piece of a file; with the last one it takes the place of the one there was."""

    name: str
    at: int
    piece: bytes
    size: int
    """Of the file."""
    digest: str
    """Of the file, sha256."""


class Tell(msgspec.Struct, frozen=True, tag="tell"):
    """Events from number `first` on, counted from 0."""

    first: int
    events: list[Told]


class End(msgspec.Struct, frozen=True, tag="end"):
    """It is over: `metrics` and `trained_from` of the model that was written, or why there is none."""

    metrics: dict[str, Any] = {}
    trained_from: dict[str, Any] = {}
    error: str = ""
    detail: str = ""
    details: dict[str, Any] = {}


Callback = AskJob | Read | Write | Tell | End


class StoreTold(msgspec.Struct, frozen=True):
    node_id: str
    """Decimal."""
    samples: int


class JobTold(msgspec.Struct, frozen=True):
    order: str
    """JSON of a `TrainingJob`."""
    stores: dict[str, StoreTold]
    """By name."""
    told: int
    """The last round whose end was written down."""
    files: dict[str, int]
    """What an earlier attempt has left, by name, with its size."""


def key_of(secret: str, attempt: str) -> bytes:
    """What an attempt's requests are signed with. Who has the SuperLink's secret can make it; stores, which
    see the attempt's id, cannot."""
    return hmac.new(secret.encode(), f"callbacks of {attempt}".encode(), hashlib.sha256).digest()
