"""What the web app knows of the API: a TypeScript type of each schema and of each route below `/v1`."""

import json
import re
from collections.abc import Iterator
from typing import Any

from feria.app import create_api
from feria.settings import Settings

SOURCE = "the OpenAPI document of `feria.app`"
Document = dict[str, Any]

OUR_OWN = "/v1/"
"""Below it is what the app asks for; the doors of older contracts are for those who know them."""
PLAIN = {
    "boolean": "boolean",
    "integer": "number",
    "null": "null",
    "number": "number",
    "object": "Record<string, unknown>",
}
WIDTH = 110


def page() -> str:
    document = create_api(Settings()).openapi()
    schemas: Document = document["components"]["schemas"]
    routes = {
        f"{method.upper()} {path}": route
        for path, methods in document["paths"].items()
        if path.startswith(OUR_OWN)
        for method, route in methods.items()
    }
    lines = ["/* eslint-disable */", ""]
    for name in sorted(_reached(routes, schemas)):
        lines += [*_comment(schemas[name]), *_declared(_name(name), schemas[name]), ""]
    lines += ["/** Every route below /v1: what it takes and what it answers. */", "export interface Routes {"]
    for said, route in routes.items():
        lines += [f"  {line}" for line in (*_comment(route, first_line=True), *_route(said, route))]
    return "\n".join([*lines, "}"])


def _reached(routes: Document, schemas: Document) -> set[str]:
    """The schemas that the routes speak of, and those that these do."""
    reached: set[str] = set()
    waiting = _named(routes)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting |= _named(schemas[name])
    return {name for name in reached if name not in {"HTTPValidationError", "ValidationError"}}


def _named(anything: Document) -> set[str]:
    return set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(anything)))


def _name(schema: str) -> str:
    """FastAPI tells what is taken from what is answered with a hyphen, which no type may have."""
    return schema.replace("-", "")


def _comment(described: Document, *, first_line: bool = False) -> list[str]:
    said = described.get("description", "").strip().replace("*/", "* /")
    if first_line:
        said = said.partition("\n\n")[0].replace("\n", " ")
    if not said:
        return []
    if "\n" not in said:
        return [f"/** {said} */"]
    return ["/**", *(f" * {line}".rstrip() for line in said.split("\n")), " */"]


def _declared(name: str, schema: Document) -> list[str]:
    if "properties" not in schema:
        return [f"export type {name} = {_type(schema)};"]
    lines = [f"export interface {name} {{"]
    for member, inner in schema["properties"].items():
        lines += [f"  {line}" for line in _comment(inner)]
        lines.append(f"  {_member(member, inner, schema)};")
    if schema.get("additionalProperties"):
        lines.append("  [more: string]: unknown;")
    return [*lines, "}"]


def _member(name: str, inner: Document, schema: Document) -> str:
    written = name if re.fullmatch(r"[A-Za-z_]\w*", name) else json.dumps(name)
    optional = "" if name in schema.get("required", ()) else "?"
    return f"{written}{optional}: {_type(inner)}"


def _route(said: str, route: Document) -> list[str]:
    parts = [f"{place}: {_parameters(route, place)}" for place in ("path", "query")]
    parts += [f"body: {_body(route)}", f"reply: {_reply(route)}"]
    line = f"{json.dumps(said)}: {{ {'; '.join(parts)} }};"
    if len(line) <= WIDTH:
        return [line]
    return [f"{json.dumps(said)}: {{", *(f"  {part};" for part in parts), "};"]


def _parameters(route: Document, place: str) -> str:
    found = [p for p in route.get("parameters", ()) if p["in"] == place]
    if not found:
        return "Record<string, never>"
    members = [
        f"{p['name']}{'' if p.get('required') else '?'}: {_type(p['schema'], taken=True)}" for p in found
    ]
    return f"{{ {'; '.join(members)} }}"


def _body(route: Document) -> str:
    return _either(_bodies(route)) or "undefined"


def _bodies(route: Document) -> Iterator[str]:
    for media, content in route.get("requestBody", {}).get("content", {}).items():
        if media == "application/json":
            yield _type(content.get("schema", {}))
        else:
            yield "FormData" if media == "multipart/form-data" else "Blob"


def _reply(route: Document) -> str:
    """What a whole answer is; answers that go on and on are not for `reply`."""
    return _either(_replies(route)) or "undefined"


def _replies(route: Document) -> Iterator[str]:
    for status, answer in route["responses"].items():
        if not status.startswith("2"):
            continue
        contents = answer.get("content", {})
        if not contents and status == "204":
            yield "undefined"
        for media, content in contents.items():
            if media == "application/json":
                yield _type(content.get("schema", {}))
            elif media != "text/event-stream":
                yield "Blob"


def _either(types: Iterator[str]) -> str:
    return " | ".join(dict.fromkeys(types))


def _type(schema: Document, *, taken: bool = False) -> str:
    """`taken`: as a caller may write it, who leaves out what is null."""
    if reference := schema.get("$ref"):
        return _name(reference.rsplit("/", 1)[-1])
    for choice, sign in (("anyOf", " | "), ("oneOf", " | "), ("allOf", " & ")):
        if choice in schema:
            inner = [_type(one) for one in schema[choice]]
            return sign.join(dict.fromkeys(one for one in inner if not (taken and one == "null")))
    if "const" in schema or "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema.get("enum", [schema.get("const")]))
    return _plain(schema)


def _plain(schema: Document) -> str:
    match schema.get("type"):
        case "array":
            return _list(schema)
        case "object" if "properties" in schema:
            members = [_member(name, inner, schema) for name, inner in schema["properties"].items()]
            return f"{{ {'; '.join(members)} }}"
        case "object" if isinstance(schema.get("additionalProperties"), dict):
            return f"Record<string, {_type(schema['additionalProperties'])}>"
        case "string":
            media = schema.get("contentMediaType", "")
            return "Blob" if schema.get("format") == "binary" or media.endswith("octet-stream") else "string"
        case [*kinds]:
            return " | ".join(PLAIN.get(kind, "string") for kind in kinds)
        case str(kind):
            return PLAIN[kind]
    return "unknown"


def _list(schema: Document) -> str:
    if places := schema.get("prefixItems"):
        return f"[{', '.join(_type(place) for place in places)}]"
    inner = _type(schema.get("items", {}))
    return f"({inner})[]" if re.search(r" [|&] ", inner) else f"{inner}[]"
