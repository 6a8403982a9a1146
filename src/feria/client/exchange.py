"""What the two clients share: everything but the sending.

httpx is imported by the first client that is made, not by the import of the SDK, which it would double.
"""

import contextlib
import inspect
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar, get_args
from urllib.parse import urlsplit

from feria.client.answers import Reader, Refusal, Unfinished
from feria.client.calls.call import Call, OnProgress
from feria.client.rows import encode
from feria.errors import Busy, Expired, FeriaError, Invalid, Unavailable

if TYPE_CHECKING:
    import ssl

    import httpx

A = TypeVar("A")

DEFAULT_URL = "http://127.0.0.1:8000"
SENT_AT_ONCE = 2**18


def options(
    url: str | None, token: str | None = None, ca: "str | Path | ssl.SSLContext | None" = None
) -> dict[str, Any]:
    """Settings of an httpx client for the node at `url`, or FERIA_URL, or the usual place."""
    import httpx

    address = (url or os.environ.get("FERIA_URL") or DEFAULT_URL).rstrip("/")
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Invalid(f"'{address}' is no address of a node; one looks like {DEFAULT_URL}.")
    headers = {"User-Agent": "feria"}
    if shown := (token or os.environ.get("FERIA_TOKEN", "")).strip():
        headers["Authorization"] = f"Bearer {shown}"
    return {
        "base_url": address,
        "verify": _trusted(ca or os.environ.get("FERIA_CA")) if parts.scheme == "https" else True,
        # No proxy of the environment leads to this machine.
        "trust_env": parts.hostname not in {"localhost", "127.0.0.1", "::1"},
        "limits": httpx.Limits(max_connections=100, max_keepalive_connections=100),
        "headers": headers,
    }


def _trusted(ca: "str | Path | ssl.SSLContext | None") -> "ssl.SSLContext | bool":
    """Whose certificates are believed: those the given file names, or the usual authorities'."""
    import ssl

    if not isinstance(ca, str | Path):
        return ca or True
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise Invalid(f"{ca} holds no certificates in PEM: {error}.") from None


def request(call: Call[Any], files: ExitStack, *, awaited: bool = False) -> dict[str, Any]:
    """A call as httpx takes it, one client or the one that is `awaited`; files it sends stay open as long as
    `files`."""
    import httpx

    told: dict[str, Any] = {
        "method": call.method,
        "url": call.path,
        "params": dict(call.query) or None,
        "headers": dict(call.headers),
        "timeout": httpx.Timeout(call.seconds, connect=5.0, pool=None),
    }
    if call.files:
        told["data"] = dict(call.form)
        told["files"] = [(field, _part(field, file, files)) for field, file in call.files]
    elif call.content is not None:
        sent = Sent(call.content, files, call.on_progress)
        told["content"] = aiter(sent) if awaited else iter(sent)
        told["headers"] |= {"Content-Type": "application/octet-stream", "Content-Length": str(sent.size)}
    elif call.body is not None:
        told["headers"]["Content-Type"] = "application/json"
        told["content"] = encode(call.body)
    return told


class Sent:
    """A body as it is, piece by piece: a file is never held in memory whole."""

    def __init__(self, content: Path | bytes, files: ExitStack, on_progress: OnProgress | None) -> None:
        self._file = BytesIO(content) if isinstance(content, bytes) else _opened(content, files)
        self.size = len(content) if isinstance(content, bytes) else os.fstat(self._file.fileno()).st_size
        self._on_progress = on_progress

    def __iter__(self) -> Iterator[bytes]:
        sent = 0
        while piece := self._file.read(SENT_AT_ONCE):
            yield piece
            sent += len(piece)
            if self._on_progress is not None:
                self._on_progress("sending", sent / self.size)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


def reader(call: Call[A], status: int, headers: Mapping[str, str]) -> Reader[A]:
    if status == 202 and call.waits:
        return Unfinished()
    return call.reader() if 200 <= status < 300 else Refusal(status, headers)


class Tries:
    """How often one call is sent."""

    def __init__(self, call: Call[A], patience: float) -> None:
        self._call = call
        self._left = patience

    def pause(self, error: FeriaError) -> float:
        """Seconds after which to try again. Raises `error` when that is not to be."""
        if not (isinstance(error, Busy) and self._call.repeatable):
            raise error
        pause = max(error.retry_after, 0.05)
        if pause > self._left:
            raise error
        self._left -= pause
        return pause


@contextlib.contextmanager
def plainly(url: "httpx.URL", call: Call[Any]) -> Iterator[None]:
    """Raises what goes wrong on the way as an error of ours that says what to do."""
    import httpx

    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise Unavailable(
                f"The certificate that {url} shows is not trusted. If it is the node's own, name its file "
                f"in FERIA_CA. ({error})"
            ) from error
        raise Unavailable(
            f"No node answers at {url}: {str(error) or 'no answer'}. Start one with `feria serve`, "
            "or say where it is (FERIA_URL)."
        ) from error
    except httpx.TimeoutException as error:
        raise Expired(
            f"The node at {url} said nothing for {call.seconds:g} s after {call.method} {call.path}."
        ) from error
    except httpx.HTTPError as error:
        raise Unavailable(
            f"The connection to the node at {url} broke before it had answered: "
            f"{str(error) or type(error).__name__}"
        ) from error


def signature(describe: Callable[..., Call[Any]]) -> inspect.Signature:
    """The signature of the method that sends what `describe` describes."""
    ours = inspect.signature(describe)
    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    (answer,) = get_args(ours.return_annotation)
    return ours.replace(parameters=[itself, *ours.parameters.values()], return_annotation=answer)


def _part(field: str, file: Path | bytes, files: ExitStack) -> tuple[str, Any]:
    return (field, file) if isinstance(file, bytes) else (file.name, _opened(file, files))


def _opened(file: Path, files: ExitStack) -> IO[bytes]:
    try:
        return files.enter_context(file.open("rb"))
    except OSError as error:
        raise Invalid(f"Cannot read {file}: {error.strerror}.") from error
