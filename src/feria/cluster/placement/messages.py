"""What members say to each other of tasks. What is lost is said again; who hears it twice does it once."""

import msgspec


class Run(msgspec.Struct, frozen=True, array_like=True, tag="p.run"):
    """Do this for me, and go on with it as long as you hear this again. `number` names the asking."""

    number: int
    task: str
    kind: str
    owner: str
    priority: int
    attempt: int
    request_id: str
    payload: bytes
    file: str | None
    """Its name; what is in it stands in a row."""


class Doing(msgspec.Struct, frozen=True, array_like=True, tag="p.doing"):
    """I am at it."""

    number: int
    doing: str
    progress: float


class Ended(msgspec.Struct, frozen=True, array_like=True, tag="p.ended"):
    """What came of it, JSON; or the error it raised, as `errors.revive` takes it. A long result stands in
    chunks, and here their list."""

    number: int
    result: bytes | None
    error: bytes | None
    retry_after: float | None = None
    """Of an error that passes."""


class Stop(msgspec.Struct, frozen=True, array_like=True, tag="p.stop"):
    """I want it no more, or have what came of it."""

    number: int


class Told(msgspec.Struct, frozen=True, array_like=True, tag="p.told"):
    """How far a task of mine has come."""

    task: str
    doing: str
    progress: float


Message = Run | Doing | Ended | Stop | Told
