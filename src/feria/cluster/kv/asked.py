"""What a request about keys asks for, taken from its path, query and headers."""

import re
from urllib.parse import parse_qs, unquote_to_bytes

from starlette.types import Scope

from feria.cluster.store import Versioned
from feria.errors import Conflict, Invalid

Query = dict[str, list[str]]

LONGEST_WAIT = 60.0
VERSION = re.compile(rb'(?:W/)?"([0-9]{1,18})"|([0-9]{1,18})')
SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")


def key_in(scope: Scope, name: str) -> str:
    """The key that stands in the path; all but that it is text the store checks. Raises `Invalid`."""
    if "\ufffd" in name and "raw_path" in scope:  # sent so, or put by the server for what it could not read
        try:
            unquote_to_bytes(scope["raw_path"]).decode()
        except UnicodeDecodeError:
            raise Invalid("A key is text: percent-encoded UTF-8.") from None
    return name


def query_of(scope: Scope) -> Query:
    if not scope["query_string"]:
        return {}
    said = scope["query_string"].decode("latin-1")
    try:
        return parse_qs(said, keep_blank_values=True, errors="strict", max_num_fields=32)
    except ValueError:  # UnicodeDecodeError is one
        raise Invalid("The query cannot be read; it is percent-encoded UTF-8.") from None


def number(said: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", said, re.ASCII):
        raise Invalid(f"'{said[:40]}' is no number from 0.")
    return int(said)


def seconds_in(query: Query, usual: float) -> float:
    """How long to wait, 60 s at most."""
    said = query.get("seconds", [""])[0]
    if not said:
        return usual
    if not SECONDS.fullmatch(said):
        raise Invalid("`seconds` is a number from 0.")
    return min(float(said), LONGEST_WAIT)


def least_version(scope: Scope) -> int:
    """The version that the caller knows to be there somewhere, or 0."""
    said = scope["state"]["headers"].get(b"x-min-version")
    return 0 if said is None else number(said.decode("latin-1"))


def condition(scope: Scope, key: str, found: Versioned | None) -> int | None:
    """The version that the caller demands; nothing, where any will do.

    Raises `Conflict` when it is not so already now, before the body is read, and `Invalid`.
    """
    headers = scope["state"]["headers"]
    there = found.version if found is not None and found.value is not None else 0
    match headers.get(b"if-match"), headers.get(b"if-none-match"):
        case None, None:
            return None
        case None, b"*":
            wanted = 0
        case b"*", None:
            if not there:
                raise Conflict(f"{key} is not there.", version=there)
            return there
        case bytes(said), None if matched := VERSION.fullmatch(said.strip()):
            wanted = int(matched[1] or matched[2])
        case _:
            raise Invalid("`If-Match` is a version, 0 or `*`; `If-None-Match` of a write is `*`.")
    if wanted != there:
        raise Conflict(f"{key} is at version {there}, not {wanted}.", version=there)
    return wanted
