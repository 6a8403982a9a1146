"""How keys and values are told: raw, in chunks, or in Base64 inside JSON."""

import base64
import contextlib
from typing import Any

import msgspec
from starlette.types import Scope, Send

from feria.cluster.chunks import Chunks, Manifest, manifest_in
from feria.cluster.store import Conflicting, Versioned
from feria.errors import Bootstrapping, FeriaError, NotFound
from feria.web.bare import Gone, part, send_bytes, send_json

encode = msgspec.json.encode

BYTES = (b"content-type", b"application/octet-stream")


async def send_value(scope: Scope, send: Send, found: Versioned) -> None:
    """The value itself, or nothing to a caller who has this version. Raises `NotFound` of a tombstone."""
    if found.value is None:
        raise absent(found.key, found)
    if scope["state"]["headers"].get(b"if-none-match", b"").removeprefix(b"W/") == etag(found):
        await send_nothing(scope, send, 304, found)
    elif (manifest := manifest_in(found.value)) is None:
        await send_bytes(scope, send, found.value, [BYTES, *_version(found)])
    else:
        await _send_chunks(scope, send, part(scope, Chunks), manifest, found)


async def send_written(scope: Scope, send: Send, written: Versioned, status: int) -> None:
    said = encode({"key": written.key, "version": written.version})
    await send_json(scope, send, said, status, {"ETag": etag(written).decode()})


async def send_nothing(scope: Scope, send: Send, status: int, found: Versioned | None) -> None:
    headers = _version(found) if found is not None else []
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def send_conflicts(scope: Scope, send: Send, found: Versioned, lost: list[Conflicting]) -> None:
    said = [{"version": one.version, "at": one.at, "member": one.member} | _shown(one.value) for one in lost]
    await send_json(scope, send, encode({"key": found.key, "version": found.version, "conflicts": said}))


async def _send_chunks(
    scope: Scope, send: Send, chunks: Chunks, manifest: Manifest, found: Versioned
) -> None:
    """Nothing is said before the first chunk is here. Should a later one be nowhere, the connection breaks
    before the length that was announced, so that nobody takes a part for the whole."""
    headers = [
        BYTES,
        *_version(found),
        (b"content-length", b"%d" % manifest.size),
        (b"repr-digest", b"sha-256=:" + base64.b64encode(manifest.sha256) + b":"),  # RFC 9530
    ]
    started = False
    async with contextlib.aclosing(chunks.read(manifest)) as pieces:
        try:
            async for piece in pieces:
                if not started:
                    started = True
                    await send({"type": "http.response.start", "status": 200, "headers": headers})
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except FeriaError as error:
            if not started:
                raise
            scope["state"]["error"] = error.code
            raise Gone from None
    await send({"type": "http.response.body", "body": b""})


# -------------------------------------------------------------------------------- in words
def etag(found: Versioned) -> bytes:
    return b'"%d"' % found.version


def _version(found: Versioned) -> list[tuple[bytes, bytes]]:
    return [(b"etag", etag(found)), (b"x-feria-version", b"%d" % found.version)]


def listed(row: Versioned) -> dict[str, Any]:
    """As `Listed` in wire.py."""
    manifest = manifest_in(row.value)
    size = len(row.value or b"") if manifest is None else manifest.size
    return {"key": row.key, "version": row.version, "size": size}


def told(change: Versioned) -> dict[str, Any]:
    """As `Change` in wire.py."""
    said: dict[str, Any] = {"key": change.key, "version": change.version, "place": change.place}
    return said | _shown(change.value)


def _shown(value: bytes | None) -> dict[str, Any]:
    if value is None:
        return {"deleted": True}
    if (manifest := manifest_in(value)) is not None:
        return {"size": manifest.size}
    return {"size": len(value), "value": base64.b64encode(value).decode()}


def absent(key: str, found: Versioned | None) -> NotFound:
    if found is None:
        return NotFound(f"No key {key}.", version=0)
    return NotFound(f"{key} was deleted.", version=found.version)


def bootstrapping() -> Bootstrapping:
    said = "This member does not hold all keys of its cluster yet; ask again, or another one."
    return Bootstrapping(said, retry_after=1.0)
