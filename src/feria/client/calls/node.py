"""Whether a node is there."""

from feria.client.answers import Yes
from feria.client.calls.call import Call
from feria.errors import Busy, Expired, FeriaError, Unavailable


def ready() -> Call[bool]:
    """Whether a node is there, has warmed up and takes work."""
    return Call(
        method="GET",
        path="/readyz",
        reader=Yes,
        seconds=5.0,
        repeatable=False,
        unless=_not_ready,
    )


def _not_ready(error: FeriaError) -> bool:
    if isinstance(error, Unavailable | Busy | Expired):
        return False
    raise error
