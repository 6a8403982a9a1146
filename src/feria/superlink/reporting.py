"""What the training of a job, in its process at the SuperLink, tells its hub.

A hub that is away is waited for, and hears everything when it is back; no round waits for it.
"""

import contextlib
import hashlib
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import httpx
import msgspec

from feria.access.signatures import signed
from feria.clock import Clock
from feria.errors import Busy, Cancelled, Conflict, FeriaError, NotFound, Unavailable, revive
from feria.federation.engine import AGREEMENT, ENDED, ROUNDS
from feria.federation.invitation import trust
from feria.federation.jobs_wire import Told
from feria.superlink.callbacks import PATH, PIECE, AskJob, Callback, End, JobTold, Read, Tell, Write

Answer = TypeVar("Answer")

FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0
"""Seconds between two requests that were not answered; twice as long after each."""
ANSWER_SECONDS = 30.0
PATIENCE = 86_400.0
"""Seconds that a hub may be away."""
AT_ONCE = 5_000
"""Events in one request."""
KEPT = (AGREEMENT, ROUNDS, ENDED)
"""Files that the hub has before it hears what happened after them. A round's arrays come before how it
ended, so that what is left of both is never the later end alone."""


class Reporter:
    """Made by `open_reporter`. Belongs to one thread after the other. Every method raises `Cancelled` where
    the hub does not listen to this attempt any more."""

    def __init__(self, http: httpx.Client, attempt: str, key: bytes, clock: Clock) -> None:
        self._http = http
        self._attempt = attempt
        self._key = key
        self._clock = clock
        self._told = 0
        self._kept: dict[str, tuple[int, ...]] = {}

    def job(self) -> JobTold:
        return self._ask(AskJob(), JobTold)

    def fetch(self, folder: Path, files: dict[str, int]) -> None:
        """What an earlier attempt has left."""
        for name, size in files.items():
            with (folder / name).open("wb") as file:
                while file.tell() < size:
                    file.write(self._ask(Read(name, file.tell()), bytes))
            self._kept[name] = _stamp(folder / name)

    def keep(self, folder: Path, names: Sequence[str] = KEPT) -> None:
        """Have the hub keep these files as they are now, those that have changed."""
        for name in names:
            path = folder / name
            if not path.exists() or self._kept.get(name) == (stamp := _stamp(path)):
                continue
            self._write(name, path)
            self._kept[name] = stamp

    def tell(self, events: Sequence[Told]) -> None:
        for start in range(0, len(events), AT_ONCE):
            some = list(events[start : start + AT_ONCE])
            self._ask(Tell(self._told, some), None)
            self._told += len(some)

    def end(self, end: End) -> None:
        self._ask(end, None)

    def _write(self, name: str, path: Path) -> None:
        with path.open("rb") as file:  # a file that takes its place meanwhile is another one
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.seek(0, 2)
            at = 0
            while True:
                file.seek(at)
                piece = file.read(min(PIECE, size - at))
                try:
                    self._ask(Write(name, at, piece, size, digest), None)
                    at += len(piece)
                except Conflict as error:
                    at = int(error.details["at"])
                else:
                    if at == size:
                        return

    def _ask(self, said: Callback, answer: type[Answer] | None) -> Answer:
        """As often as it takes. Raises what the hub refuses it with."""
        body = msgspec.msgpack.encode(said)
        wait, until = FIRST_WAIT, self._clock.monotonic() + PATIENCE
        while True:
            try:
                return msgspec.msgpack.decode(self._sent(body), type=answer)
            except (httpx.TransportError, Busy, Unavailable, NotFound):  # it is away, or just back
                if self._clock.monotonic() > until:
                    raise Cancelled("The hub was away for a day.") from None
                time.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT)

    def _sent(self, body: bytes) -> bytes:
        headers = signed(self._key, self._clock.now(), self._attempt, body)
        got = self._http.post(f"{PATH}{self._attempt}", content=body, headers=headers)
        if got.is_success:
            return got.content
        error = _refusal(got)
        if isinstance(error, Conflict) and "at" not in error.details:
            raise Cancelled(error.message)
        raise error


class Mirror:
    """Sends events on once the hub has the files they speak of. Sets `stop` where nobody listens any more."""

    def __init__(self, reporter: Reporter, folder: Path, stop: threading.Event) -> None:
        self._reporter = reporter
        self._folder = folder
        self._stop = stop

    def __call__(self, events: Sequence[Told]) -> None:
        if self._stop.is_set():
            return
        try:
            self._reporter.keep(self._folder)
            self._reporter.tell(events)
        except FeriaError:
            self._stop.set()


@contextlib.contextmanager
def open_reporter(url: str, ca: str, attempt: str, key: bytes, clock: Clock) -> Iterator[Reporter]:
    """`ca` is PEM; nothing else is believed."""
    with httpx.Client(base_url=url, verify=trust(ca), timeout=ANSWER_SECONDS, trust_env=False) as http:
        yield Reporter(http, attempt, key, clock)


def _refusal(got: httpx.Response) -> FeriaError:
    try:
        told = msgspec.json.decode(got.content, type=dict)
        code, detail = str(told.pop("error")), str(told.pop("detail"))
    except (msgspec.DecodeError, KeyError, UnicodeDecodeError):
        return Unavailable(f"The hub answers with status {got.status_code}.")
    return revive(code, detail, told)


def _stamp(path: Path) -> tuple[int, ...]:
    """Another one for another content."""
    seen = path.stat()
    return seen.st_ino, seen.st_mtime_ns, seen.st_size
