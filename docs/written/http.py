"""The HTTP API, from the document that describes it to programs."""

import inspect
import json
from collections.abc import Iterator
from typing import Any

from fastapi.routing import APIWebSocketRoute

from feria.app import create_api
from feria.settings import Settings
from written import row, table

SOURCE = "the OpenAPI document of `feria.app`"
INTRODUCTION = """# HTTP API

A node describes itself to programs at `/openapi.json`; this page says the same for people. Errors are
`{"error": code, "detail": sentence}`; [errors](errors.md) lists the codes. Where an answer is a `Model` or
another named thing, its members stand [at the end](#things).
"""
Document = dict[str, Any]


LEFT_OUT = {"HTTPValidationError", "ValidationError", "JsonValue"}
"""How FastAPI would describe a fault (ours stand among the errors), and what says nothing."""


def page() -> str:
    document = create_api(Settings()).openapi()
    schemas: Document = document["components"]["schemas"]
    lines = [INTRODUCTION]
    for path, method, route in _routes(document):
        lines += _route(path, method, route, schemas)
    lines += _sockets()
    lines += ["## Things", ""]
    for name, schema in sorted(schemas.items()):
        if name not in LEFT_OUT and not _is_form(name):
            lines += [f"### {name}", "", *_members(schema)]
    return "\n".join(lines)


def _sockets() -> Iterator[str]:
    """OpenAPI has no word for WebSockets."""
    for route in create_api(Settings()).routes:
        if isinstance(route, APIWebSocketRoute):
            yield from (f"## WS {route.path}", "", inspect.cleandoc(route.endpoint.__doc__ or ""), "")


def _is_form(name: str) -> bool:
    return name.startswith("Body_")


def _routes(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            yield path, method.upper(), route


def _route(path: str, method: str, route: Document, schemas: Document) -> list[str]:
    said = route.get("description") or route.get("summary")
    if not said:
        raise ValueError(f"{method} {path} says nothing about itself.")
    lines = [f"## {method} {path}", "", said, ""]
    explained = [p for p in route.get("parameters", ()) if p.get("description")]
    if explained:
        lines += table("parameter", "", "meaning")
        lines += [
            row(f"`{p['name']}`", f"{p['in']}, {_kind(p['schema'])}", p["description"]) for p in explained
        ]
        lines.append("")
    for media, content in route.get("requestBody", {}).get("content", {}).items():
        lines += _taken(media, content, schemas)
    for status, answer in route["responses"].items():
        lines += _answer(status, answer)
    return lines


def _taken(media: str, content: Document, schemas: Document) -> list[str]:
    schema = content.get("schema", {})
    form = schema.get("$ref", "").rsplit("/", 1)[-1]
    if _is_form(form):
        return [f"Takes `{media}` with", "", *_members(schemas[form]), *_examples(content)]
    if "properties" in schema:
        return [f"Takes `{media}` with", "", *_members(schema), *_examples(content)]
    kind = _kind(schema)
    lines = [f"Takes `{media}`" if kind == "anything" else f"Takes `{media}`: {kind}", ""]
    return [*lines, *_examples(content)]


def _answer(status: str, answer: Document) -> list[str]:
    if not status.startswith("2"):
        if answer["description"] == "Validation Error":
            return []
        return [f"Answers {status}: {answer['description']}", ""]
    lines = []
    for media, content in answer.get("content", {"": {}}).items():
        kind = _kind(content.get("schema", {}))
        if not media:
            said = "nothing" if status == "204" else answer["description"]
            lines += [f"Answers {status}: {said}", ""]
        elif kind == "anything":
            lines += [f"Answers {status} `{media}`", ""]
        else:
            lines += [f"Answers {status} `{media}`: {kind}", ""]
        lines += _examples(content)
    return lines


def _examples(content: Document) -> list[str]:
    found = [shown["value"] for shown in content.get("examples", {}).values() if "value" in shown]
    if "example" in content:
        found.append(content["example"])
    lines = []
    for example in found:
        text = example if isinstance(example, str) else json.dumps(example, ensure_ascii=False)
        lines += ["```json", text, "```", ""]
    return lines


def _members(schema: Document) -> list[str]:
    lines = [schema["description"], ""] if "description" in schema else []
    if "properties" not in schema:
        return [*lines, _kind(schema), ""]
    lines += table("member", "", "meaning")
    for member, inner in schema["properties"].items():
        kind = _kind(inner)
        if member not in schema.get("required", ()) and "default" in inner:
            kind += f", by default {json.dumps(inner['default'], ensure_ascii=False)}"
        lines.append(row(f"`{member}`", kind, inner.get("description", "")))
    return [*lines, ""]


def _kind(schema: Document) -> str:
    if reference := schema.get("$ref"):
        name = reference.rsplit("/", 1)[-1]
        return "any JSON" if name in LEFT_OUT else f"[{name}](#{name.lower()})"
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return " or ".join(dict.fromkeys(_kind(inner) for inner in schema[choice]))
    if "const" in schema or "enum" in schema:
        values = schema.get("enum", [schema.get("const")])
        return " or ".join(json.dumps(value) for value in values)
    return _plain(schema)


def _plain(schema: Document) -> str:
    match schema.get("type"):
        case "array":
            inner = schema.get("prefixItems") or [schema.get("items", {})]
            kinds = " and ".join(_kind(item) for item in inner)
            return f"list of ({kinds})" if " or " in kinds else f"list of {kinds}"
        case "object" if isinstance(schema.get("additionalProperties"), dict):
            return f"object of {_kind(schema['additionalProperties'])}"
        case "string" if {"binary", "application/octet-stream"} & {
            schema.get("format"),
            schema.get("contentMediaType"),
        }:
            return "file"
        case "string" if "format" in schema:
            return f"string ({schema['format']})"
        case str(name):
            return name
    return "anything"
