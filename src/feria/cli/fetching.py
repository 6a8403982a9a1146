"""Files from elsewhere: bounded, verified, over https unless their digest is known."""

import contextlib
from pathlib import Path

import httpx

from feria.cli.screen import Report
from feria.client.answers import SavedFile
from feria.errors import Invalid, NotFound, TooLarge, Unavailable


async def fetch(
    url: str,
    to: Path,
    sha256: str | None,
    limit: int,
    report: Report,
    transport: httpx.AsyncBaseTransport | None = None,
) -> None:
    """Download a file of at most `limit` bytes.

    Raises `Invalid` for a way that anyone on it could have changed the file, `TooLarge`, `NotFound`,
    `Corrupt` when its sha256 is another, `Unavailable` when it cannot be had.
    """
    _refuse_open_way(httpx.URL(url), sha256)
    try:
        async with (
            httpx.AsyncClient(follow_redirects=True, timeout=30.0, transport=transport) as http,
            http.stream("GET", url) as answer,
        ):
            for step in [*answer.history, answer]:
                _refuse_open_way(step.url, sha256)
            _refuse_failure(url, answer.status_code)
            expected = int(answer.headers.get("content-length", 0))
            _refuse_size(url, expected, limit)
            with contextlib.closing(SavedFile(to, sha256)) as file:
                arrived = 0
                async for piece in answer.aiter_bytes():
                    arrived += len(piece)
                    _refuse_size(url, arrived, limit)
                    file.feed(piece)
                    done = f"{arrived / 2**20:.1f} MiB"
                    report(f"downloading, {done}", arrived / expected if expected else 0.0)
                file.finish()
    except httpx.HTTPError as error:
        raise Unavailable(f"{url} cannot be had: {str(error) or type(error).__name__}.") from error


def _refuse_open_way(url: httpx.URL, sha256: str | None) -> None:
    if url.scheme not in {"http", "https"}:
        raise Invalid(f"{url} is no address to download from; one begins with https://.")
    if url.scheme == "http" and sha256 is None:
        raise Invalid(
            f"{url} is not https, so anyone on the way could change the file. "
            "Use https, or say with --sha256 which file you expect."
        )


def _refuse_failure(url: str, status: int) -> None:
    if status in {404, 410}:
        raise NotFound(f"There is nothing at {url} ({status}).")
    if status != 200:
        raise Unavailable(f"{url} was not given: the server there answered {status}.")


def _refuse_size(url: str, size: int, limit: int) -> None:
    if size > limit:
        raise TooLarge(
            f"{url} is larger than the {limit / 2**20:g} MiB a model may have "
            "(FERIA_REGISTRY__MAX_MODEL_MIB)."
        )
