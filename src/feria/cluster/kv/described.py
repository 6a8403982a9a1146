"""The routes of keys as OpenAPI describes them, since no framework reads them."""

from typing import Any

from feria.cluster.kv.wire import Change, Conflicts, KeyList, Listed, Losing, WrittenKey
from feria.web.streams import EVENTS_CONTENT

DESCRIBED = (WrittenKey, KeyList, Listed, Change, Conflicts, Losing)
"""Models whose schemas the description refers to."""


def _json(model: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{model}"}}}


KEY = {
    "name": "key",
    "in": "path",
    "required": True,
    "description": "1 to 512 characters without control characters, percent-encoded; it may hold slashes.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 512, "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]+$"},
}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "A version: only if the key is at that here, 0 where it must not be there, `*` where it "
    "must. Otherwise 409.",
    "schema": {"type": "string"},
}
REFUSALS = {
    status: {"description": "Refused; `error` says why.", "content": _json("Problem")}
    for status in ("4XX", "5XX")
}
VALUE = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
VERSIONS = {
    "ETag": {"description": "The version, in quotes.", "schema": {"type": "string"}},
    "X-Feria-Version": {"description": "The version.", "schema": {"type": "integer"}},
}


def _asked(name: str, schema: dict[str, Any], description: str, place: str = "query") -> dict[str, Any]:
    return {"name": name, "in": place, "required": False, "description": description, "schema": schema}


WHOLE_NUMBER = {"type": "integer", "minimum": 0}

OPENAPI: dict[str, Any] = {
    "/v1/kv": {
        "get": {
            "tags": ["keys"],
            "summary": "List keys",
            "operationId": "list_keys",
            "description": "The keys that begin so, in their order, without their values; or with `watch`, "
            "server-sent events: `open` with the place they begin at, and `change` for each key as a change "
            "left it. Of changes that follow each other quickly, only a key's last may be told. Who was "
            "away too long to be told of deletions hears `lagged`, and reads all anew. The id of an event is "
            "its place; `Last-Event-ID` goes on behind it.",
            "parameters": [
                _asked("prefix", {"type": "string", "maxLength": 512}, "How the keys begin."),
                _asked("after", {"type": "string"}, "The `next` of the list before."),
                _asked(
                    "limit", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}, "How many."
                ),
                _asked("watch", {"type": "integer", "enum": [0, 1]}, "1: events, for ever."),
                _asked(
                    "since",
                    WHOLE_NUMBER,
                    "With `watch`: the place to go on from, as this node told it; 0 tells of all keys there "
                    "are first, unset of what comes.",
                ),
            ],
            "responses": {
                "200": {
                    "description": "The keys, or what becomes of them.",
                    "content": _json("KeyList") | EVENTS_CONTENT,
                },
                **REFUSALS,
            },
        }
    },
    "/v1/kv/{key}": {
        "get": {
            "tags": ["keys"],
            "summary": "Read a key",
            "operationId": "read_key",
            "description": "The value, as it was written. A key that was deleted answers 404 with the "
            "`version` of that. With `conflicts`, those values that were written at the same time as others "
            "and lost.",
            "parameters": [
                KEY,
                _asked("wait", WHOLE_NUMBER, "Answer as soon as the version is greater than this one."),
                _asked(
                    "seconds",
                    {"type": "number", "minimum": 0, "default": 30},
                    "How long to wait, 60 at most.",
                ),
                _asked("conflicts", {"type": "integer", "enum": [1]}, "The values that lost, as JSON."),
                _asked(
                    "X-Min-Version",
                    WHOLE_NUMBER,
                    "A version that was seen, here or elsewhere: an older one is no answer. Waits for it "
                    "(5 s, or `seconds`), then says 503.",
                    "header",
                ),
                _asked(
                    "If-None-Match", {"type": "string"}, "The `ETag` one has: 304 if it still is.", "header"
                ),
            ],
            "responses": {
                "200": {
                    "description": "The value, or the values that lost.",
                    "headers": VERSIONS,
                    "content": VALUE | _json("Conflicts"),
                },
                "204": {
                    "description": "With `wait`: there was no newer version in that time.",
                    "headers": VERSIONS,
                },
                "304": {"description": "The version the caller has.", "headers": VERSIONS},
                **REFUSALS,
            },
        },
        "put": {
            "tags": ["keys"],
            "summary": "Write a key",
            "operationId": "write_key",
            "description": "The body is the value, whatever its type. It is durable on this node when it "
            "answers, and on its way to the others. Conditions hold on this node, not in the whole cluster.",
            "parameters": [
                KEY,
                IF_MATCH,
                _asked("If-None-Match", {"type": "string"}, "`*`: only if it is not there.", "header"),
            ],
            "requestBody": {"required": True, "content": VALUE},
            "responses": {
                "200": {"description": "Written anew.", "content": _json("WrittenKey")},
                "201": {"description": "Written; it was not there.", "content": _json("WrittenKey")},
                **REFUSALS,
            },
        },
        "delete": {
            "tags": ["keys"],
            "summary": "Delete a key",
            "operationId": "delete_key",
            "description": "The answer tells the version that the deletion is.",
            "parameters": [KEY, IF_MATCH],
            "responses": {
                "200": {"description": "Deleted.", "content": _json("WrittenKey")},
                **REFUSALS,
            },
        },
    },
}
