"""Every error a caller can meet.

FeriaError                     a bug of ours; says no more than it must
├── Invalid                    the request makes no sense as it stands
│   ├── NotAnImage             the bytes are no picture we can read
│   ├── NoFace                 the picture shows no face, and one was wanted
│   ├── NotAModel              the file is no ONNX model this node can serve
│   ├── TooLarge               more bytes, pixels or values than this node takes
│   └── OverLimit              the work outgrew its allowance of time or memory
├── NotFound
├── NotSignedIn                who asks is not known; a token or a login would help
├── NotAllowed                 who asks is known and may not
├── Conflict                   someone else was first, or it is still in use
├── Busy                       try again after `retry_after` seconds
│   ├── RateLimited            this caller asks too often
│   └── Bootstrapping          this member does not hold all keys of its cluster yet
├── Cancelled                  somebody called the work off
├── Expired                    the answer would have come too late to be of use
└── Unavailable                a part this needs is not there
    ├── DiskFull
    ├── Corrupt                stored bytes no longer match their digest
    └── Crashed                a worker process died; the node did not
"""

from typing import Any, ClassVar


class FeriaError(Exception):
    """Carries a stable `code` for programs and a sentence for people.

    `details` are JSON values a program may want beside the sentence, such as a column or a row.
    """

    code: ClassVar[str] = "internal"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class Invalid(FeriaError):
    code = "invalid"


class NotAnImage(Invalid):
    code = "not_an_image"


class NoFace(Invalid):
    code = "no_face"


class NotAModel(Invalid):
    code = "not_a_model"


class TooLarge(Invalid):
    code = "too_large"


class OverLimit(Invalid):
    code = "over_limit"


class NotFound(FeriaError):
    code = "not_found"


class NotSignedIn(FeriaError):
    code = "not_signed_in"


class NotAllowed(FeriaError):
    code = "not_allowed"


class Conflict(FeriaError):
    code = "conflict"


class Busy(FeriaError):
    code = "busy"

    def __init__(self, message: str, *, retry_after: float = 1.0, **details: Any) -> None:
        super().__init__(message, **details)
        self.retry_after = retry_after


class RateLimited(Busy):
    code = "rate_limited"


class Bootstrapping(Busy):
    code = "bootstrapping"


class Cancelled(FeriaError):
    code = "cancelled"


class Expired(FeriaError):
    code = "expired"


class Unavailable(FeriaError):
    code = "unavailable"


class DiskFull(Unavailable):
    code = "disk_full"


class Corrupt(Unavailable):
    code = "corrupt"


class Crashed(Unavailable):
    code = "crashed"


def family(kind: type[FeriaError] = FeriaError) -> dict[str, type[FeriaError]]:
    """Every error by its code: how an error that crossed a wire becomes itself again."""
    found = {kind.code: kind}
    for child in kind.__subclasses__():
        found |= family(child)
    return found


def revive(code: str, message: str, details: dict[str, Any] | None = None) -> FeriaError:
    """The error a node or a worker process spoke of, to be raised here."""
    return family().get(code, FeriaError)(message, **(details or {}))
