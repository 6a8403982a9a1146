"""What one can ask of the keys of a cluster; methods of `client.kv`."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from feria.client.answers import Parsed, SavedValue, ValueOrNothing, WholeValue
from feria.client.calls.call import MINUTE, Call, OnProgress, file_at, given
from feria.cluster.kv.wire import Conflicts, KeyList, Value, WrittenKey

PATH = "/v1/kv"


def get(key: str, *, min_version: int | None = None, seconds: float | None = None) -> Call[Value]:
    """The value of a key, with its version. Raises `NotFound`; of a key that was deleted, with its `version`
    among the details.

    With `min_version`, as another member's answer has told it, waits for that for `seconds` (5) at most and
    then raises `Busy`: so one reads one's own writes wherever one asks. Raises `Bootstrapping` where a
    member is too new to know.
    """
    return Call(
        method="GET",
        path=_path(key),
        reader=lambda: WholeValue(key),
        query=given(seconds=seconds),
        headers=_at_least(min_version),
        repeatable=min_version is None,  # the node has waited already
    )


def save(
    key: str, to: str | Path, *, min_version: int | None = None, on_progress: OnProgress | None = None
) -> Call[WrittenKey]:
    """Save the value of a key, however large, as a file: whole and verified, or not at all."""
    target = Path(to)
    return Call(
        method="GET",
        path=_path(key),
        reader=lambda: SavedValue(key, target, on_progress),
        headers=_at_least(min_version),
        seconds=10 * MINUTE,
        repeatable=min_version is None,
    )


def put(
    key: str,
    value: str | bytes | Path,
    *,
    if_version: int | None = None,
    on_progress: OnProgress | None = None,
) -> Call[WrittenKey]:
    """Write a key: bytes, a text, or what a file holds. Durable on the node that was asked when this returns.

    With `if_version` only if the key is at that version there, 0 for one that is not there; otherwise raises
    `Conflict`. That is a promise of one node: two of them may both agree at the same moment, and then one
    value loses (`conflicts`). Raises `TooLarge`.
    """
    content = value.encode() if isinstance(value, str) else file_at(value)
    return Call(
        method="PUT",
        path=_path(key),
        reader=lambda: Parsed(WrittenKey.model_validate_json),
        headers=_only_if(if_version),
        content=content,
        on_progress=on_progress,
        seconds=10 * MINUTE,
    )


def delete(key: str, *, if_version: int | None = None) -> Call[WrittenKey]:
    """Delete a key; returns the version that its deletion is. Raises `NotFound`, and `Conflict` as `put`."""
    return Call(
        method="DELETE",
        path=_path(key),
        reader=lambda: Parsed(WrittenKey.model_validate_json),
        headers=_only_if(if_version),
    )


def list(prefix: str = "", *, after: str | None = None, limit: int = 100) -> Call[KeyList]:
    """Keys that begin so, in their order, without their values; `after` is the `next` of the list before."""
    return Call(
        method="GET",
        path=PATH,
        reader=lambda: Parsed(KeyList.model_validate_json),
        query=given(prefix=prefix or None, after=after, limit=limit),
    )


def wait(key: str, *, beyond: int = 0, seconds: float = 30.0) -> Call[Value | None]:
    """The value of a key as soon as its version is greater than `beyond`; nothing when that takes longer than
    `seconds`, 60 at most. Raises `NotFound` when its next version is a deletion."""
    return Call(
        method="GET",
        path=_path(key),
        reader=lambda: ValueOrNothing(key),
        query={"wait": beyond, "seconds": seconds},
        seconds=2 * MINUTE,
    )


def conflicts(key: str) -> Call[Conflicts]:
    """The last values of a key, up to four, that were written at the same time as others and lost."""
    return Call(
        method="GET",
        path=_path(key),
        reader=lambda: Parsed(Conflicts.model_validate_json),
        query={"conflicts": 1},
    )


def _path(key: str) -> str:
    """Slashes are escaped, for what stands between might take two for one; so is a key of dots, which would
    be taken for a step in the path."""
    name = quote(key, safe="")
    return f"{PATH}/{name.replace('.', '%2E') if key in {'.', '..'} else name}"


def _only_if(version: int | None) -> Mapping[str, str]:
    return {} if version is None else {"If-Match": f'"{version}"'}


def _at_least(version: int | None) -> Mapping[str, str]:
    return {} if version is None else {"X-Min-Version": str(version)}
