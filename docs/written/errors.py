"""The errors, from their classes; what to do about each is said here."""

from feria import errors
from feria.errors import FeriaError
from feria.web.replies import STATUS
from written import row, table

SOURCE = "`feria.errors` and `feria.web.replies`"
INTRODUCTION = """# Errors

Over HTTP an error is its status and the JSON object `{"error": code, "detail": sentence}`, sometimes
with more members, such as the column or the row that is meant. The code is for programs and does not
change; the sentence is for people and may. On a WebSocket the same object comes as a frame with
`"type": "error"`, and the stream stays open. A path or a method that does not exist is refused with the
name of its status as the code, such as `method_not_allowed`.

The Python SDK raises the class of the same code, from `feria.errors`, with the sentence in `message` and
the other members in `details`. Whoever catches a class catches those indented under it.
"""
WHAT_TO_DO = {
    "internal": "A bug of ours. The node has logged it: look there, and please report it.",
    "invalid": "The request cannot be meant so; the sentence says where. Do not repeat it unchanged.",
    "not_an_image": "No picture this node reads. Send a whole JPEG, PNG or WebP file.",
    "no_face": "Send a picture with an upright face that looks into the camera, or one cut out already.",
    "not_a_model": "No ONNX model this node can serve. The sentence names what is missing or unknown.",
    "too_large": "More than this node takes. Send less, or raise the limit in [settings](settings.md).",
    "over_limit": "Give the work less to do, or raise `FERIA_WORKERS__SECONDS` or `…__MEMORY_MIB`.",
    "not_found": "`feria models list` shows what there is.",
    "not_signed_in": "Send `Authorization: Bearer TOKEN`; in a browser, sign in at `/login`.",
    "not_allowed": "Ask with a token whose role includes it. A page elsewhere: `FERIA_WEB__ORIGINS`.",
    "conflict": "Look at how things stand now and decide anew.",
    "busy": "Try again after the seconds in `Retry-After` (in Python: `retry_after`).",
    "rate_limited": "Ask less often; `Retry-After` says how long to wait.",
    "bootstrapping": "The node has just joined its cluster. Ask another one, or this one in a moment.",
    "cancelled": "Nothing. Submit it again if it was called off by mistake.",
    "expired": "The node has more to do than it can. Ask less often, or give it more cores.",
    "unavailable": "See to the database, the disk or the node that the sentence names.",
    "disk_full": "Nothing was stored. Make room, then send it again.",
    "corrupt": "The bytes were not used. Restore the file from a backup, or publish it again.",
    "crashed": "The sentence says how the process died. Look at the input and at the node's log.",
}


def page() -> str:
    lines = [INTRODUCTION, *table("code", "status", "class", "what to do")]
    _describe(FeriaError, 0, lines)
    lines += ["", "## The tree", "", "```", *str(errors.__doc__).splitlines()[2:], "```"]
    return "\n".join(lines)


def _describe(kind: type[FeriaError], depth: int, lines: list[str]) -> None:
    indent = "&nbsp;&nbsp;&nbsp;" * depth
    code = kind.code
    lines.append(row(f"`{code}`", str(STATUS[code]), f"{indent}`{kind.__name__}`", WHAT_TO_DO[code]))
    for child in kind.__subclasses__():
        _describe(child, depth + 1, lines)
